"""Rows of one batch that follow the plans of different target languages."""

from typing import Any, Optional

import pytest
import torch

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.forced_scoring import score_hypotheses
from mclas_fairseq.generation.grammar import PlanContent, SummaryGrammar, build_grammar

LENGTHS = [5, 9, 3, 7, 6]
PLANS = [0, 1, 1, 0, 1]


def contents(world: Any, layout: str) -> list[PlanContent]:
    """Two languages that share some words; their symbols are the last two of the dictionary."""
    first, second = world.separator, world.words_b[-1]
    half = len(world.words_b) // 2
    words = [world.words_b[: half + 2], world.words_b[half - 2 : -1]]
    if layout == "ncls":
        return [PlanContent([words[0]], first, first), PlanContent([words[1]], second, second)]
    a = world.words_a
    return [PlanContent([a, words[0]], first), PlanContent([a, words[1]], second)]


def grammar(
    world: Any, plans: list[PlanContent], never: Optional[list[int]] = None
) -> SummaryGrammar:
    return build_grammar(
        world.dictionary,
        plans[0].vocabularies,
        separator=plans[0].separator,
        start=plans[0].start,
        further=plans[1:],
        never=never or [],
        restrict_vocab="both",
        min_len=1,
        max_len_a=0.2,
        max_len_b=3,
    )


@pytest.mark.parametrize("layout", ["mclas", "ncls"])
@pytest.mark.parametrize("models", [1, 2])
def test_a_row_is_searched_as_by_the_grammar_of_its_language_alone(
    world: Any, layout: str, models: int
) -> None:
    plans = contents(world, layout)
    ensemble = [world.model(seed) for seed in range(1, models + 1)]
    symbols = [world.separator, world.words_b[-1]]
    options = {"beam_size": 3, "no_repeat_ngram_size": 2}
    both = world.search(ensemble, grammar(world, plans), **options)
    sample = {**world.sample(1, LENGTHS), "target_lang": torch.tensor(PLANS)}
    mixed = both.generate(ensemble, sample)
    forced = score_hypotheses(both, sample, [[one["tokens"] for one in found] for found in mixed])
    for row, (number, found) in enumerate(zip(PLANS, mixed, strict=True)):
        alone = world.search(ensemble, grammar(world, [plans[number]], symbols), **options)
        (expected,) = alone.generate(ensemble, world.one(sample, row))
        assert len(found) == len(expected)
        for one, other, score in zip(found, expected, forced[row], strict=True):
            assert one["tokens"].tolist() == other["tokens"].tolist()
            torch.testing.assert_close(one["score"], other["score"], atol=1e-5, rtol=0)
            torch.testing.assert_close(
                one["positional_scores"], score.positional_scores, atol=1e-5, rtol=0
            )
            assert one["positional_scores"].numel() == one["tokens"].numel()
            assert (one["tokens"] == plans[number].separator).sum() == 1
            if layout == "ncls":
                assert one["tokens"][0] == plans[number].start
                assert one["positional_scores"][0] == 0


def test_a_hypothesis_of_another_language_has_probability_zero(world: Any) -> None:
    plans = contents(world, "mclas")
    generator = world.search([world.model(1)], grammar(world, plans))
    a, eos = world.words_a[0], world.dictionary.eos()
    wrong = torch.tensor([a, plans[1].separator, plans[1].vocabularies[1][-1], eos])
    sample = {**world.sample(1, [5, 5]), "target_lang": torch.tensor([0, 1])}
    (one,), (other,) = score_hypotheses(generator, sample, [[wrong], [wrong]])
    assert float(one.score) == -torch.inf
    assert float(other.score) > -torch.inf
    plans = contents(world, "ncls")
    generator = world.search([world.model(1)], grammar(world, plans))
    wrong = torch.tensor([plans[1].start, plans[1].vocabularies[0][3], eos])
    (one,), (other,) = score_hypotheses(generator, sample, [[wrong], [wrong]])
    assert one.positional_scores[0] == -torch.inf
    assert float(other.score) > -torch.inf


def test_states_of_a_plan_stand_behind_those_of_the_plans_before(world: Any) -> None:
    plans = contents(world, "mclas")
    made = grammar(world, plans)
    table = made.mask_table()
    assert table.shape == (12, len(world.dictionary))
    bos, a, b = world.dictionary.bos(), world.words_a[0], world.words_b[0]
    first, second = (plan.separator for plan in plans)
    tokens = torch.tensor([[bos, a, first, b], [bos, a, second, b], [bos, a, a, a]])
    limits = torch.tensor([3, 3, 3])
    states = made.states(tokens, limits, torch.tensor([0, 1, 1]))
    assert states.tolist() == [[0, 1, 3, 4], [6, 7, 9, 10], [6, 7, 7, 8]]
    # An open first summary may end in the separator of its own language only.
    assert table[1, first] == table[7, second] == 0
    assert table[1, second] == table[7, first] == -torch.inf
    # Separators are content of no summary, whatever the list says.
    with pytest.raises(ConfigError, match="vocabulary of summary 2"):
        grammar(world, [plans[0], PlanContent([world.words_a, [world.separator]], second)])

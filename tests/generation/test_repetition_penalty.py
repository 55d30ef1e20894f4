"""The penalty of repetition: as transformers has it, afresh in each summary, everywhere alike."""

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import RepetitionPenaltyLogitsProcessor

from mclas_fairseq.generation.forced_scoring import score_hypotheses
from mclas_fairseq.generation.repetition_penalty import RepetitionPenalty
from mclas_fairseq.generation.search_call import Shortcuts
from mclas_fairseq.generation.step_rules import StepRules

PAD, EOS, SEPARATOR, BOS, V = 1, 2, 8, 0, 12
LENGTHS = [6, 3, 9]


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    rows=st.integers(1, 4),
    step=st.integers(0, 9),
    penalty=st.sampled_from([0.5, 1.0, 1.3, 4.0]),
)
def test_it_is_that_of_transformers_over_the_current_summary(
    data: st.DataObject, rows: int, step: int, penalty: float
) -> None:
    word = st.sampled_from([4, 5, 6, 7, SEPARATOR])
    written = [data.draw(st.lists(word, min_size=step, max_size=step)) for _ in range(rows)]
    tokens = torch.full((rows, 12), PAD)
    tokens[:, 0] = BOS
    tokens[:, 1 : step + 1] = torch.tensor(written, dtype=torch.long).view(rows, step)
    torch.manual_seed(step)
    log_probs = torch.randn(rows, V).log_softmax(dim=1)
    log_probs[:, PAD] = -math.inf
    theirs = RepetitionPenaltyLogitsProcessor(penalty)
    expected = []
    for row, ids in enumerate(written):
        last = max((place for place, one in enumerate(ids) if one == SEPARATOR), default=-1)
        summary: Any = torch.tensor([ids[last + 1 :]], dtype=torch.long)
        scores: Any = log_probs[row : row + 1].clone()
        expected.append(theirs(summary, scores))
    rules = StepRules([RepetitionPenalty(penalty, PAD, [EOS, SEPARATOR])])
    found = rules(tokens, log_probs, rows, 1, step)
    assert torch.allclose(found, torch.cat(expected))


def test_factors_of_a_known_text_by_hand() -> None:
    penalty = RepetitionPenalty(2.0, PAD, [EOS, SEPARATOR])
    targets = torch.tensor(
        [[4, 5, 4, SEPARATOR, 4, 5, 5, EOS], [6, 6, EOS, PAD, PAD, PAD, PAD, PAD]]
    )
    assert penalty.factors(targets).tolist() == [
        [1, 1, 2, 1, 1, 1, 2, 1],
        [1, 2, 1, 1, 1, 1, 1, 1],
    ]


@pytest.mark.parametrize("models", [1, 2])
@pytest.mark.parametrize("penalty", [0.5, 3.0])
def test_beam_scores_are_forced_scores(world: Any, models: int, penalty: float) -> None:
    grammar = world.grammar(min_len=3, max_len_b=6)
    ensemble = [world.model(seed) for seed in range(models)]
    search = world.search(ensemble, grammar, beam_size=3, repetition_penalty=penalty)
    sample = world.sample(2, LENGTHS)
    found = search.generate(None, sample)
    forced = score_hypotheses(search, sample, [[one["tokens"] for one in each] for each in found])
    for hypothesis, score in zip(itertools.chain(*found), itertools.chain(*forced), strict=True):
        assert torch.allclose(hypothesis["positional_scores"], score.positional_scores, atol=1e-5)
        assert torch.allclose(hypothesis["score"], score.score, atol=1e-5)


@pytest.mark.parametrize("blocked", [0, 2])
def test_columns_of_lists_are_penalised_as_entries_of_the_dictionary(
    world: Any, blocked: int
) -> None:
    grammar, sample = world.grammar(min_len=3, max_len_b=6), world.sample(5, LENGTHS)
    options = {"beam_size": 3, "repetition_penalty": 2.5, "no_repeat_ngram_size": blocked}
    with_lists, without = (
        world.search([world.model(5)], grammar, shortcuts=shortcuts, **options)
        for shortcuts in (Shortcuts(), Shortcuts(allowed_only=False, documents_once=False))
    )
    assert with_lists.lists is not None
    for found, expected in zip(
        itertools.chain(*with_lists.generate(None, sample)),
        itertools.chain(*without.generate(None, sample)),
        strict=True,
    ):
        assert found["tokens"].tolist() == expected["tokens"].tolist()
        assert torch.allclose(found["positional_scores"], expected["positional_scores"], atol=1e-5)


def test_it_makes_repetition_rarer(world: Any) -> None:
    grammar, sample = world.grammar(min_len=6, max_len_b=6), world.sample(0, [6, 4, 8, 5])
    models = [world.model(seed) for seed in range(4)]
    repeated = []
    for penalty in (1.0, 20.0, 100.0):
        found = [
            world.search([model], grammar, repetition_penalty=penalty).generate(None, sample)
            for model in models
        ]
        best = [each[0]["tokens"] for each in itertools.chain(*found)]
        parts = [part for tokens in best for part in world.summaries(tokens, grammar)]
        repeated.append(sum(len(part) - len(set(part)) for part in parts))
    assert repeated[0] > repeated[1] > repeated[2]


def test_1_leaves_search_as_it_is(world: Any) -> None:
    search = world.search([world.model(0)], world.grammar(), repetition_penalty=1.0)
    assert search.repeat_ngram_blocker is None

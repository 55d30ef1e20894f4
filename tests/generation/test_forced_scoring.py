"""The score of a beam's hypothesis is the score of its tokens in one full pass."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mclas_fairseq.generation.forced_scoring import score_hypotheses

LENGTHS = [8, 3, 5]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    models=st.integers(1, 2),
    two=st.booleans(),
    restrict=st.sampled_from(["both", "target", "none"]),
    min_len=st.integers(0, 3),
    slope=st.sampled_from([0.0, 0.5]),
    penalty=st.sampled_from(["fairseq", "gnmt"]),
    temperature=st.sampled_from([1.0, 0.6]),
    size=st.sampled_from([0, 2]),
)
def test_beam_scores_are_forced_scores(
    world: Any,
    seed: int,
    models: int,
    two: bool,
    restrict: str,
    min_len: int,
    slope: float,
    penalty: str,
    temperature: float,
    size: int,
) -> None:
    """Forced separators and EOS included: limits are short, so that most of them are forced."""
    grammar = world.grammar(
        two=two, restrict_vocab=restrict, min_len=min_len, max_len_a=slope, max_len_b=3
    )
    search = world.search(
        [world.model(seed + number) for number in range(models)],
        grammar,
        beam_size=4,
        len_penalty=0.8,
        length_penalty=penalty,
        temperature=temperature,
        no_repeat_ngram_size=size,
    )
    sample = world.sample(seed, LENGTHS)
    found = search.generate(None, sample)
    tokens = [[one["tokens"] for one in hypotheses] for hypotheses in found]
    forced = score_hypotheses(search, sample, tokens)
    for hypotheses, scores in zip(found, forced, strict=True):
        for hypothesis, score in zip(hypotheses, scores, strict=True):
            torch.testing.assert_close(
                score.positional_scores, hypothesis["positional_scores"], atol=1e-5, rtol=1.3e-6
            )
            torch.testing.assert_close(score.score, hypothesis["score"], atol=1e-5, rtol=1.3e-6)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_scores_are_the_softmax_over_what_is_allowed_written_out(
    world: Any, temperature: float
) -> None:
    """Each token's score by hand: a softmax over a list of allowed ids, on the plain decoder."""
    grammar = world.grammar(min_len=2, max_len_b=3)
    model = world.model(4)
    search = world.search([model], grammar, normalize_scores=False, temperature=temperature)
    sample = world.sample(4, [6])
    a, b, separator, eos = world.words_a, world.words_b, world.separator, grammar.eos
    first = [a[0], a[3], separator, b[1], b[2], b[0], eos]
    allowed = [a, a, [*a, separator], b, b, [*b, eos], [eos]]
    source = sample["net_input"]
    encoder_out = model.encoder(source["src_tokens"], source["src_lengths"])
    with torch.no_grad():
        inputs = torch.tensor([[world.dictionary.bos(), *first[:-1]]])
        logits = model.decoder(inputs, encoder_out=encoder_out)[0][0] / temperature
    expected = [
        float(logits[place][ids].log_softmax(0)[ids.index(token)])
        for place, (token, ids) in enumerate(zip(first, allowed, strict=True))
    ]
    score = score_hypotheses(search, sample, [[torch.tensor(first)]])[0][0]
    assert score.positional_scores.tolist() == pytest.approx(expected, abs=1e-5)
    assert score.positional_scores[-1] == 0.0
    assert float(score.score) == pytest.approx(sum(expected), abs=1e-5)


def test_an_ensembles_score_is_its_average_renormalised(world: Any) -> None:
    grammar = world.grammar(two=False, max_len_b=1)
    models = [world.model(1), world.model(2)]
    search = world.search(models, grammar)
    sample = world.sample(1, [5])
    source = sample["net_input"]
    prefix = torch.tensor([[world.dictionary.bos()]])
    with torch.no_grad():
        average = sum(
            model.decoder(
                prefix, encoder_out=model.encoder(source["src_tokens"], source["src_lengths"])
            )[0][0, 0].softmax(0)
            for model in models
        )
    word = world.words_b[2]
    expected = math.log(float(average[word] / average[world.words_b].sum()))
    scored = score_hypotheses(search, sample, [[torch.tensor([word, grammar.eos])]])[0][0]
    assert scored.positional_scores.tolist() == pytest.approx([expected, 0.0], abs=1e-5)


def test_two_copies_of_a_model_score_as_one(world: Any) -> None:
    """One model is masked before its softmax, an ensemble after its average: the same numbers."""
    sample, grammar = world.sample(3, LENGTHS), world.grammar(max_len_b=4)
    one = world.search([world.model(3)], grammar, beam_size=4).generate(None, sample)
    two = world.search([world.model(3)] * 2, grammar, beam_size=4).generate(None, sample)
    for hypotheses, others in zip(one, two, strict=True):
        for hypothesis, other in zip(hypotheses, others, strict=True):
            assert hypothesis["tokens"].tolist() == other["tokens"].tolist()
            torch.testing.assert_close(
                hypothesis["positional_scores"], other["positional_scores"], atol=1e-5, rtol=1e-5
            )


@pytest.mark.parametrize("says", [None, False])
def test_a_model_with_its_own_normalisation_is_restricted_after_it(world: Any, says: Any) -> None:
    """A mixture with another distribution would escape masks that are put on its logits."""
    model = world.model(6)
    own = type("Mixing", (_Mixing, type(model)), {})
    model.__class__ = own
    if says is not None:
        model.softmax_of_logits = says
    grammar, sample = world.grammar(max_len_b=3), world.sample(6, LENGTHS)
    search = world.search([model], grammar, beam_size=3)
    found = search.generate(None, sample)
    forced = score_hypotheses(search, sample, [[one["tokens"] for one in each] for each in found])
    for hypotheses, scores, length in zip(found, forced, LENGTHS, strict=True):
        for hypothesis, score in zip(hypotheses, scores, strict=True):
            world.check(hypothesis, grammar, length)
            torch.testing.assert_close(
                score.positional_scores, hypothesis["positional_scores"], atol=1e-5, rtol=1e-5
            )


class _Mixing:
    def get_normalized_probs(self, net_output: Any, log_probs: bool, sample: Any = None) -> Any:
        probs: torch.Tensor = 0.5 * net_output[0].softmax(-1)
        probs[..., 5] += 0.5
        return probs.log() if log_probs else probs


def test_tokens_outside_the_grammar_score_minus_infinity(world: Any) -> None:
    grammar = world.grammar(min_len=2, max_len_b=3)
    search = world.search([world.model(7)], grammar)
    a, b, separator, eos = world.words_a[0], world.words_b[-1], world.separator, grammar.eos
    wrong = {
        0: [b, a, separator, b, b, eos],  # a word of the other language
        1: [a, separator, b, b, eos],  # too short
        3: [a, a, a, a, separator, b, b, eos],  # too long
        5: [a, a, separator, b, b, separator, b, b, eos],  # a second separator
        2: [a, a, eos],  # no second summary
    }
    sequences = [torch.tensor(tokens) for tokens in wrong.values()]
    scores = score_hypotheses(search, world.sample(7, [4]), [sequences])[0]
    for place, score in zip(wrong, scores, strict=True):
        assert score.positional_scores[place] == -math.inf
        assert bool(torch.isfinite(score.positional_scores[:place]).all())
        assert float(score.score) == -math.inf


def test_documents_may_have_no_sequence_to_score(world: Any) -> None:
    search = world.search([world.model(8)], world.grammar(two=False))
    sample = world.sample(8, [4, 6])
    sequence = torch.tensor([world.words_b[0], search.eos])
    assert score_hypotheses(search, sample, [[], []]) == [[], []]
    first, second = score_hypotheses(search, sample, [[], [sequence]])
    assert (len(first), len(second)) == (0, 1)


def test_bfloat16_models_are_normalised_in_fp32(world: Any) -> None:
    grammar = world.grammar(max_len_b=4)
    search = world.search([world.model(9).to(torch.bfloat16)], grammar, beam_size=3)
    sample = world.sample(9, LENGTHS)
    outs = search.model.forward_encoder(sample["net_input"])
    tokens = torch.full((len(LENGTHS), 1), search.bos)
    with torch.no_grad():
        log_probs, _ = search.model.forward_decoder(tokens, outs, [{}])
    assert log_probs.dtype is torch.float32
    total = log_probs.logsumexp(dim=1)
    torch.testing.assert_close(total, torch.zeros_like(total), atol=1e-6, rtol=0)
    for hypotheses, length in zip(search.generate(None, sample), LENGTHS, strict=True):
        for hypothesis in hypotheses:
            world.check(hypothesis, grammar, length)

"""What search writes: hypotheses of the grammar, whatever the model, the batch and the beam."""

from argparse import Namespace
from typing import Any
from unittest.mock import PropertyMock, patch

import pytest
import torch
from fairseq.search import DiverseBeamSearch, DiverseSiblingsSearch, Sampling
from fairseq.tasks import FairseqTask
from hypothesis import given, settings
from hypothesis import strategies as st

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.generator import SummaryGenerator
from mclas_fairseq.generation.length_penalty import LengthPenalty
from mclas_fairseq.generation.ngram_blocking import NGramBlocker

LENGTHS = [9, 4, 6, 1]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    two=st.booleans(),
    restrict=st.sampled_from(["both", "target", "none"]),
    min_len=st.integers(0, 4),
    slope=st.sampled_from([0.0, 0.3, 1.0]),
    constant=st.integers(4, 6),
    beam=st.integers(1, 6),
    size=st.sampled_from([0, 2, 3]),
)
def test_every_hypothesis_is_one_of_the_grammar(
    world: Any,
    seed: int,
    two: bool,
    restrict: str,
    min_len: int,
    slope: float,
    constant: int,
    beam: int,
    size: int,
) -> None:
    grammar = world.grammar(
        two=two, restrict_vocab=restrict, min_len=min_len, max_len_a=slope, max_len_b=constant
    )
    search = world.search([world.model(seed)], grammar, beam_size=beam, no_repeat_ngram_size=size)
    found = search.generate(None, world.sample(seed, LENGTHS))
    assert len(found) == len(LENGTHS)
    for hypotheses, length in zip(found, LENGTHS, strict=True):
        assert len(hypotheses) == beam
        for hypothesis in hypotheses:
            world.check(hypothesis, grammar, length)
        scores = [float(hypothesis["score"]) for hypothesis in hypotheses]
        assert scores == sorted(scores, reverse=True)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    words=st.integers(1, 3),
    limit=st.integers(1, 3),
    slope=st.sampled_from([0.0, 0.3]),
    min_len=st.integers(0, 3),
    size=st.integers(0, 3),
    scope=st.sampled_from(["summary", "sequence"]),
)
def test_a_beam_wider_than_the_choices_yields_only_what_exists(
    world: Any,
    seed: int,
    words: int,
    limit: int,
    slope: float,
    min_len: int,
    size: int,
    scope: str,
) -> None:
    """Candidates of probability 0 fill the beam here; none may come out, nor any be doubled.

    With a slope short documents are done, with fewer hypotheses than the beam is wide, while
    long ones go on.
    """
    same = world.words_a[:words]
    grammar = world.grammar(
        words_a=same,
        words_b=same,
        min_len=min(min_len, limit),
        max_len_a=slope,
        max_len_b=limit,
    )
    search = world.search(
        [world.model(seed)],
        grammar,
        beam_size=12,
        no_repeat_ngram_size=size,
        ngram_block_scope=scope,
    )
    found = search.generate(None, world.sample(seed, LENGTHS))
    shortest = max(1, min(min_len, limit))
    for hypotheses, length in zip(found, LENGTHS, strict=True):
        longest = int(slope * length + limit)
        possible = sum(words**count for count in range(shortest, longest + 1)) ** 2
        assert 1 <= len(hypotheses) <= min(12, possible)
        if size == 0 and possible <= 12:
            assert len(hypotheses) == possible
        written = {tuple(hypothesis["tokens"].tolist()) for hypothesis in hypotheses}
        assert len(written) == len(hypotheses)
        for hypothesis in hypotheses:
            world.check(hypothesis, grammar, length)


def test_search_that_sees_every_hypothesis_finds_the_best_ones(world: Any) -> None:
    """Beam search over 2 * 2 one-token summaries is exhaustive; enumerate them beside it."""
    words = world.words_a[:2]
    grammar = world.grammar(words_a=words, words_b=words, max_len_b=1)
    model = world.model(5)
    sample = world.sample(5, [7])
    found = world.search([model], grammar, beam_size=4).generate(None, sample)[0]
    source = sample["net_input"]
    encoder_out = model.encoder(source["src_tokens"], source["src_lengths"])
    expected = {}
    for first in words:
        for second in words:
            prefix = torch.tensor([[world.dictionary.bos(), first, world.separator]])
            with torch.no_grad():
                logits = model.decoder(prefix, encoder_out=encoder_out)[0][0]
            # One token a summary: separator and EOS are forced and cost nothing.
            log_p = logits[0][words].log_softmax(0)[words.index(first)]
            log_p = log_p + logits[2][words].log_softmax(0)[words.index(second)]
            expected[first, world.separator, second, grammar.eos] = float(log_p) / 4
    got = {tuple(one["tokens"].tolist()): float(one["score"]) for one in found}
    assert got.keys() == expected.keys()
    for tokens, score in expected.items():
        assert got[tokens] == pytest.approx(score, abs=1e-5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), two=st.booleans(), slope=st.sampled_from([0.0, 0.5]))
def test_a_batch_of_one_and_a_batch_of_many_write_the_same(
    world: Any, seed: int, two: bool, slope: float
) -> None:
    grammar = world.grammar(two=two, min_len=2, max_len_a=slope, max_len_b=3)
    search = world.search([world.model(seed)], grammar, beam_size=3, no_repeat_ngram_size=2)
    sample = world.sample(seed, LENGTHS)
    for row, together in enumerate(search.generate(None, sample)):
        alone = search.generate(None, world.one(sample, row))[0]
        for one, other in zip(alone, together, strict=True):
            assert one["tokens"].tolist() == other["tokens"].tolist()
            torch.testing.assert_close(one["score"], other["score"], atol=1e-4, rtol=0)


def test_limits_follow_each_document_and_not_its_batch(world: Any) -> None:
    grammar = world.grammar(max_len_a=1.0, max_len_b=0, min_len=0)
    search = world.search([world.model(2)], grammar)
    outs = search.model.forward_encoder(world.sample(1, LENGTHS)["net_input"])
    assert outs[-1]["summary_limits"][0].tolist() == LENGTHS
    moved = search.model.reorder_encoder_out(outs, torch.tensor([3, 3, 0]))
    assert moved[-1]["summary_limits"][0].tolist() == [1, 1, 9]


def test_limits_keep_within_the_decoders_positions(world: Any) -> None:
    grammar = world.grammar(max_len_b=50, min_len=4)
    search = world.search([world.model(3, positions=12)], grammar, beam_size=3)
    for hypotheses in search.generate(None, world.sample(3, [8, 5])):
        for hypothesis in hypotheses:
            parts = world.summaries(hypothesis["tokens"], grammar)
            assert [4 <= len(part) <= 5 for part in parts] == [True, True]


def test_short_documents_get_the_minimum_length_when_their_limit_is_below_it(world: Any) -> None:
    grammar = world.grammar(min_len=4, max_len_a=0.1, max_len_b=1)
    for hypotheses in world.search([world.model(3)], grammar).generate(
        None, world.sample(3, LENGTHS)
    ):
        assert [len(part) for part in world.summaries(hypotheses[0]["tokens"], grammar)] == [4, 4]


def test_positions_that_cannot_hold_the_minimum_are_refused(world: Any) -> None:
    grammar = world.grammar(max_len_b=50, min_len=6)
    with pytest.raises(
        ConfigError,
        match=r"--min-len: 2 summaries of that length must fit into the decoder's 12 positions, "
        r"6 tokens each do not; lower --min-len or train with a higher --max-target-positions",
    ):
        world.search([world.model(3, positions=12)], grammar)


def test_the_grammar_does_not_depend_on_the_side_of_the_padding(world: Any) -> None:
    grammar = world.grammar(max_len_a=1.0, max_len_b=0)
    search = world.search([world.model(2)], grammar)
    source = dict(world.sample(1, LENGTHS)["net_input"])
    source["src_tokens"] = source["src_tokens"].flip(1)
    assert search.model.forward_encoder(source)[-1]["summary_limits"][0].tolist() == LENGTHS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lm_model": torch.nn.Identity()}, "language model: its scores cannot be added"),
        ({"match_source_len": True}, "length of the source: a summary's length cannot be"),
        (
            {"length_penalty": "none"},
            "--length-penalty: it must be one of fairseq, gnmt, met",
        ),
        (
            {"no_repeat_ngram_size": 3, "ngram_block_scope": "half"},
            "--ngram-block-scope: it must be one of summary, sequence, met 'half'",
        ),
    ],
)
def test_options_that_cannot_be_followed_are_refused(
    world: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        world.search([world.model(1)], world.grammar(), **options)


def test_a_search_that_lets_hypotheses_run_on_is_refused(world: Any) -> None:
    strategy = DiverseBeamSearch(world.dictionary, num_groups=2, diversity_strength=0.5)
    with pytest.raises(ConfigError, match="met DiverseBeamSearch; choose one of them"):
        world.search([world.model(1)], world.grammar(), search_strategy=strategy)


def test_a_prefix_is_followed_and_one_outside_the_grammar_is_refused(world: Any) -> None:
    grammar = world.grammar()
    search = world.search([world.model(1)], grammar, beam_size=2)
    first, last = world.words_a[0], world.words_b[-1]
    sample = world.sample(1, [5])
    prefix = torch.tensor([[first, world.separator]])
    for hypothesis in search.generate(None, sample, prefix_tokens=prefix)[0]:
        world.check(hypothesis, grammar, 5)
        assert hypothesis["tokens"].tolist()[:2] == [first, world.separator]
    with pytest.raises(ConfigError, match="prefix tokens: they must be the beginning of a"):
        search.generate(None, sample, prefix_tokens=torch.tensor([[last]]))


def test_fairseqs_way_to_build_a_generator_builds_this_one(world: Any) -> None:
    """The keywords that `FairseqTask.build_generator` passes are the constructor's own."""
    task = FairseqTask(cfg=None)
    args = Namespace(beam=2, lenpen=0.5, unnormalized=False, no_repeat_ngram_size=3, min_len=1)
    with patch.object(
        FairseqTask, "target_dictionary", new_callable=PropertyMock, return_value=world.dictionary
    ):
        search = task.build_generator(
            [world.model(1)],
            args,
            seq_gen_cls=SummaryGenerator,
            extra_gen_cls_kwargs={"grammar": world.grammar(), "lm_model": None, "lm_weight": 1.0},
        )
    assert isinstance(search, SummaryGenerator)
    assert search.repeat_ngram_blocker is not None
    (rule,) = search.repeat_ngram_blocker.rules
    assert isinstance(rule, NGramBlocker)
    assert rule.size == 3
    assert search.length_penalty == LengthPenalty("fairseq", 0.5)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    strategy=st.sampled_from(["sampling", "topk", "siblings"]),
    size=st.sampled_from([0, 2]),
)
def test_fairseqs_other_searches_keep_to_the_grammar(
    world: Any, seed: int, strategy: str, size: int
) -> None:
    strategies = {
        "sampling": Sampling(world.dictionary),
        "topk": Sampling(world.dictionary, sampling_topk=3),
        "siblings": DiverseSiblingsSearch(world.dictionary, diversity_rate=0.5),
    }
    grammar = world.grammar(min_len=2, max_len_a=0.5, max_len_b=3)
    search = world.search(
        [world.model(seed)],
        grammar,
        beam_size=4,
        search_strategy=strategies[strategy],
        no_repeat_ngram_size=size,
    )
    for hypotheses, length in zip(
        search.generate(None, world.sample(seed, LENGTHS)), LENGTHS, strict=True
    ):
        assert hypotheses
        for hypothesis in hypotheses:
            world.check(hypothesis, grammar, length)

"""Blocking equals a naive loop, and what search writes repeats no n-gram."""

import math
from collections.abc import Sequence
from typing import Any, Optional

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.ngram_blocking import NGramBlocker
from mclas_fairseq.generation.step_rules import StepRules

BOS, PAD, EOS, UNK, SEPARATOR, V = 0, 1, 2, 3, 9, 10
WORDS = [4, 5, 6, 7, 8]


def naive_banned(
    written: Sequence[int], size: int, scope: str, separator: Optional[int]
) -> set[int]:
    """Tokens that would repeat an n-gram of `written` (no BOS), by a plain loop."""
    marks = {EOS} if separator is None else {EOS, separator}
    if scope == "summary":
        for place in range(len(written) - 1, -1, -1):
            if written[place] in marks:
                written = written[place + 1 :]
                break
    banned = set()
    for start in range(len(written) - size + 1):
        ngram = list(written[start : start + size])
        if marks.isdisjoint(ngram) and list(written[len(written) - size + 1 :]) == ngram[:-1]:
            banned.add(ngram[-1])
    return banned


@settings(max_examples=300, deadline=None)
@given(
    data=st.data(),
    rows=st.integers(1, 4),
    step=st.integers(0, 14),
    size=st.integers(1, 4),
    scope=st.sampled_from(["summary", "sequence"]),
    separator=st.sampled_from([None, SEPARATOR]),
)
def test_blocking_equals_the_naive_loop(
    data: st.DataObject, rows: int, step: int, size: int, scope: str, separator: Optional[int]
) -> None:
    choices = st.sampled_from([4, 4, 4, 5, 5, 6, EOS, SEPARATOR])
    written = [data.draw(st.lists(choices, min_size=step, max_size=step)) for _ in range(rows)]
    tokens = torch.full((rows, 20), PAD)
    tokens[:, 0] = BOS
    tokens[:, 1 : step + 1] = torch.tensor(written, dtype=torch.long).view(rows, step)
    log_probs = torch.randn(rows, V)
    log_probs[:, PAD] = -math.inf
    expected = log_probs.clone()
    for row, ids in enumerate(written):
        for token in naive_banned(ids, size, scope, separator):
            expected[row, token] = -math.inf
    marks = [EOS] if separator is None else [EOS, separator]
    blocker = NGramBlocker(size, PAD, marks, fewest_choices=V, scope=scope)
    result = StepRules([blocker])(tokens, log_probs, rows, 1, step)
    assert torch.equal(result, expected)


def block(written: Sequence[int], scope: str, *, size: int = 3, fewest: int = 5) -> set[int]:
    """Which of WORDS are blocked after `written`, where only WORDS can be chosen."""
    log_probs = torch.full((1, V), -math.inf)
    log_probs[:, WORDS] = 0.0
    tokens = torch.tensor([[BOS, *written, PAD, PAD]])
    blocker = NGramBlocker(size, PAD, [EOS, SEPARATOR], fewest_choices=fewest, scope=scope)
    result = StepRules([blocker])(tokens, log_probs, 1, 1, len(written))
    return {word for word in WORDS if result[0, word] == -math.inf}


@pytest.mark.parametrize(
    ("written", "summary", "sequence"),
    [
        ([4, 5, 6, 4, 5], {6}, {6}),
        ([4, 5], set(), set()),
        ([4, 5, 6, 7, 5], set(), set()),
        ([4, 5, 6, SEPARATOR, 4, 5], set(), {6}),
        ([4, 5, SEPARATOR, 6, 4, 5], set(), set()),
        ([4, 4, 4], {4}, {4}),
        ([4, 5, 6, 8, 4, 5, 7, 4, 5], {6, 7}, {6, 7}),
        ([7, 8, 4, SEPARATOR, 4, 5, 6, 4, 5], {6}, {6}),
    ],
)
def test_trigrams_by_hand(written: list[int], summary: set[int], sequence: set[int]) -> None:
    assert block(written, "summary") == summary
    assert block(written, "sequence") == sequence


def test_a_row_without_another_choice_may_repeat() -> None:
    assert block(WORDS[:4], "summary", size=1) == set(WORDS[:4])
    assert block(WORDS, "summary", size=1) == set()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.integers(1, 3),
    scope=st.sampled_from(["summary", "sequence"]),
)
def test_what_search_writes_repeats_no_ngram(world: Any, seed: int, size: int, scope: str) -> None:
    grammar = world.grammar(min_len=5, max_len_b=7)
    search = world.search(
        [world.model(seed)],
        grammar,
        beam_size=3,
        no_repeat_ngram_size=size,
        ngram_block_scope=scope,
    )
    for hypotheses in search.generate(None, world.sample(seed, [6, 3])):
        for hypothesis in hypotheses:
            parts = world.summaries(hypothesis["tokens"], grammar)
            ngrams = [ngram for part in parts for ngram in set(_ngrams(part, size))]
            assert all(len(set(_ngrams(part, size))) == len(_ngrams(part, size)) for part in parts)
            if scope == "sequence":
                assert len(set(ngrams)) == len(ngrams)


def test_search_without_blocking_does_repeat(world: Any) -> None:
    """Or the test above would show nothing."""
    search = world.search([world.model(0)], world.grammar(min_len=5, max_len_b=7), beam_size=3)
    hypothesis = search.generate(None, world.sample(0, [6]))[0][0]
    parts = world.summaries(hypothesis["tokens"], world.grammar())
    assert any(len(set(_ngrams(part, 2))) < len(_ngrams(part, 2)) for part in parts)


def _ngrams(tokens: list[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)]


@pytest.mark.parametrize(
    ("size", "scope", "message"),
    [
        (0, "summary", "--no-repeat-ngram-size: n-grams have at least 1 token, met 0"),
        (3, "both", "--ngram-block-scope: it must be one of summary, sequence, met 'both'"),
    ],
)
def test_a_blocker_of_no_sense_is_refused(size: int, scope: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        NGramBlocker(size, PAD, [EOS], fewest_choices=3, scope=scope)

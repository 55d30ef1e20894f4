"""Blank infilling: what is taken out of texts, and how it is laid out."""

from collections import Counter
from typing import Any, Optional

import numpy as np
import pytest
from scipy.stats import chisquare, poisson

from mclas_fairseq.mglm.corruption import (
    OBJECTIVE_SHARES,
    Blanks,
    Objective,
    Sample,
    Text,
    choose_part,
    choose_sentences,
    choose_words,
    corrupt,
    draw_lengths,
    generator_of,
    lay_out,
    place_spans,
    split_sentences,
)
from mclas_fairseq.mglm.packing import draw_length, move_start, pack, trim_end
from tests.mglm.small import SYMBOLS

V, STOP = 400, 100  # words are 30..399; 100 ends sentences
ENDS = np.zeros(V, dtype=np.bool_)
ENDS[STOP] = True
C, EOS = SYMBOLS.cls, SYMBOLS.eos


def words(length: int, generator: Any) -> Any:
    """A document without commands, whose sentences have about nine words."""
    tokens = generator.integers(30, V, size=length)
    return np.where(generator.random(length) < 0.1, STOP, tokens)


def text_of(*lengths: int, seed: int = 0) -> Text:
    generator = np.random.default_rng(seed)
    parts, documents, used = [], [], 0
    for length in lengths:
        parts.append(np.concatenate([[C], words(length, generator), [EOS]]))
        documents.append((used + 1, used + 1 + length))
        used += length + 2
    return Text(np.concatenate(parts), tuple(documents))


def fill_in(sample: Sample) -> list[int]:
    """The text again: each blank replaced by the span that was written for it."""
    spans: dict[int, list[int]] = {}
    for token, place in zip(sample.target.tolist(), sample.blank.tolist(), strict=True):
        spans.setdefault(place, []).append(token)
    whole: list[int] = []
    for place, token in enumerate(sample.source.tolist()):
        span = spans.pop(place, None)
        whole += [token] if span is None else [t for t in span if t != SYMBOLS.eop]
    assert not spans
    return whole


def make(seed: int, lengths: Optional[tuple[int, ...]] = None) -> tuple[Text, Optional[Sample]]:
    sizes = lengths or (int(np.random.default_rng(seed).integers(12, 300)),)
    text = text_of(*sizes, seed=seed)
    return text, corrupt(text, SYMBOLS, ENDS, generator_of(1, 1, seed))


def test_the_papers_example_is_laid_out_as_it_says() -> None:
    tokens = np.array([C, 31, 32, 33, 34, 35, 36])
    blanks = Blanks(Objective.TOKEN, ((3, 4), (5, 7)))
    sample = lay_out(tokens, blanks, [1, 0], SYMBOLS)
    sop, eop, mask = SYMBOLS.sop, SYMBOLS.eop, SYMBOLS.mask
    assert sample.source.tolist() == [C, 31, 32, mask, 34, mask]
    assert sample.read.tolist() == [sop, 35, 36, sop, 33]
    assert sample.target.tolist() == [35, 36, eop, 33, eop]
    assert sample.blank.tolist() == [5, 5, 5, 3, 3]
    assert sample.inside.tolist() == [1, 2, 3, 1, 2]


def test_spans_filled_in_are_the_text_again() -> None:
    seen: Counter[Objective] = Counter()
    for seed in range(600):
        text, sample = make(seed)
        if sample is None:
            continue
        seen[sample.objective] += 1
        assert fill_in(sample) == text.tokens.tolist()
        blanks = {Objective.TOKEN: SYMBOLS.mask, Objective.SENTENCE: SYMBOLS.sentence_mask}
        mask = blanks.get(sample.objective, SYMBOLS.document_mask)
        assert set(sample.source[sample.blank].tolist()) == {mask}
        starts = sample.inside == 1
        assert bool((sample.read[starts] == SYMBOLS.sop).all())
        assert starts.sum() == (sample.source == mask).sum()
        # What is read is what was to be written before, but for [dBLOCK].
        later = np.flatnonzero(~starts)
        same = (sample.read[later] == sample.target[later - 1]) | (
            sample.read[later] == SYMBOLS.block
        )
        assert bool(same.all())
    assert min(seen.values()) > 60


def test_objectives_have_their_shares() -> None:
    found = Counter(sample.objective for _, sample in map(make, range(1500)) if sample)
    shares = [OBJECTIVE_SHARES[kind] * sum(found.values()) for kind in Objective]
    assert OBJECTIVE_SHARES == {"token": 0.5, "sentence": 0.3, "document": 0.2}
    assert chisquare([found[kind] for kind in Objective], shares).pvalue > 0.001


def test_a_sample_depends_on_seed_epoch_and_number_alone() -> None:
    text = text_of(120)

    def one(seed: int, epoch: int, index: int) -> Any:
        sample = corrupt(text, SYMBOLS, ENDS, generator_of(seed, epoch, index))
        assert sample is not None
        return (sample.source.tolist(), sample.read.tolist(), sample.target.tolist())

    keys = [(1, 1, 0), (1, 1, 1), (1, 2, 0), (2, 1, 0)]
    made = [one(*key) for key in keys]
    assert [one(*key) for key in reversed(keys)] == made[::-1]
    assert len({str(each) for each in made}) == 4


def test_span_lengths_are_poisson_without_zero() -> None:
    lengths = draw_lengths(40_000, np.random.default_rng(5))
    assert sum(lengths) - lengths[-1] < 40_000 <= sum(lengths)
    assert np.mean(lengths) == pytest.approx(3.157, abs=0.05)
    count = Counter(lengths)
    seen = [count[length] for length in range(1, 9)] + [sum(count[n] for n in range(9, 40))]
    chance = poisson(3).pmf(np.arange(1, 9)) / (1 - poisson(3).pmf(0))
    expected = np.append(chance, 1 - chance.sum()) * len(lengths)
    assert chisquare(seen, expected).pvalue > 0.001


def test_words_are_a_sixth_of_a_text_apart_and_never_commands() -> None:
    for seed in range(400):
        text = text_of(int(np.random.default_rng(seed).integers(20, 500)), seed=seed)
        blanks = choose_words(text, np.random.default_rng(seed))
        if blanks is None:
            continue
        taken = sum(end - start for start, end in blanks.spans)
        least = int(0.15 * len(text.tokens))
        assert least <= taken < least + 39
        (document,) = text.documents
        assert blanks.spans[0][0] >= document[0]
        assert blanks.spans[-1][1] <= document[1]
        assert all(b[0] > a[1] for a, b in zip(blanks.spans, blanks.spans[1:], strict=False))


def test_places_of_spans_reach_both_ends_and_spans_that_do_not_fit_are_refused() -> None:
    generator = np.random.default_rng(0)
    placed = [place_spans([2, 1], (1, 6), generator) for _ in range(200)]
    assert {tuple(each) for each in placed if each} == {
        ((1, 3), (4, 5)),
        ((1, 3), (5, 6)),
        ((2, 4), (5, 6)),
    }
    assert place_spans([2, 2], (1, 6), generator) == [(1, 3), (4, 6)]
    assert place_spans([2, 2], (1, 5), generator) is None


def test_short_documents_give_no_more_than_their_share_of_words() -> None:
    given = 0
    for seed in range(200):
        text = text_of(30, 200, 50, seed=seed)
        blanks = choose_words(text, np.random.default_rng(seed))
        assert blanks is not None
        for start, end in (text.documents[0], text.documents[2]):
            own = sum(b - a for a, b in blanks.spans if start <= a and b <= end)
            assert own <= 0.15 * (end - start)
            given += own
        inside = [any(s <= a and b <= e for s, e in text.documents) for a, b in blanks.spans]
        assert all(inside)
    assert given > 0


def test_sentences_are_taken_whole_until_they_are_enough() -> None:
    for seed in range(200):
        text = text_of(60, 90, seed=seed)
        sentences = split_sentences(text, ENDS)
        for start, end in sentences:
            assert not ENDS[text.tokens[start : end - 1]].any()
            assert C not in text.tokens[start:end]
            assert EOS not in text.tokens[start:end]
        assert sum(b - a for a, b in sentences) == 150
        blanks = choose_sentences(text, ENDS, np.random.default_rng(seed))
        assert set(blanks.spans) <= set(sentences)
        sizes = [end - start for start, end in blanks.spans]
        assert sum(sizes) >= 0.15 * len(text.tokens) > sum(sizes) - max(sizes)


def test_every_sentence_is_taken_sometimes_and_none_always() -> None:
    text = text_of(100, seed=4)
    taken: Counter[tuple[int, int]] = Counter()
    for seed in range(300):
        taken.update(choose_sentences(text, ENDS, np.random.default_rng(seed)).spans)
    assert set(taken) == set(split_sentences(text, ENDS))
    assert len(taken) > 4
    assert max(taken.values()) < 200


def test_large_parts_have_all_lengths_and_the_end_has_no_mark_behind_it() -> None:
    text = text_of(98)
    found = [choose_part(text, np.random.default_rng(seed)) for seed in range(2000)]
    blanks = [each for each in found if each]
    lengths = [each.spans[0][1] - each.spans[0][0] for each in blanks]
    assert (min(lengths), max(lengths)) == (25, 98)
    assert chisquare(np.histogram(lengths, bins=[25, 50, 75, 99])[0], _even(2000)).pvalue > 0.001
    suffixes = [each for each in blanks if not each.ends]
    assert 900 < len(suffixes) < 1100
    assert all(each.spans[0][1] == 100 for each in suffixes)
    assert all(each.spans[0][0] >= 1 and each.spans[0][1] <= 99 for each in blanks if each.ends)
    sample = lay_out(text.tokens, suffixes[0], [0], SYMBOLS)
    assert SYMBOLS.eop not in sample.target
    assert sample.target[-1] == EOS
    several = [choose_part(text_of(20, 20), np.random.default_rng(seed)) for seed in range(50)]
    assert not any(each.ends for each in several if each)
    assert choose_part(Text(np.array([C, 31]), ((1, 2),)), np.random.default_rng(0)) is None


def _even(total: int) -> Any:
    """Expected counts of 25..49, 50..74 and 75..98."""
    return np.array([25, 25, 24]) / 74 * total


def test_spans_are_written_in_every_order_alike() -> None:
    text = text_of(300)
    orders: Counter[tuple[int, ...]] = Counter()
    for index in range(3000):
        sample = corrupt(text, SYMBOLS, ENDS, generator_of(3, 1, index))
        if sample is not None and sample.objective is Objective.SENTENCE:
            places = sample.blank[sample.inside == 1]
            if len(places) >= 3:
                orders[tuple(np.argsort(places[:3]).tolist())] += 1
    assert len(orders) == 6
    assert chisquare(list(orders.values())).pvalue > 0.001


def test_a_tenth_of_what_is_read_is_blocked_for_words_only() -> None:
    blocked = read = 0
    for seed in range(500):
        _, sample = make(seed)
        if sample is None:
            continue
        marks = sample.read == SYMBOLS.block
        assert SYMBOLS.block not in sample.target
        if sample.objective is not Objective.TOKEN:
            assert not marks.any()
            continue
        assert not marks[sample.inside == 1].any()
        blocked, read = blocked + marks.sum(), read + (sample.inside > 1).sum()
    assert blocked / read == pytest.approx(0.1, abs=0.015)


# -- packing ----------------------------------------------------------------------------------


def test_short_documents_are_packed_behind_each_other() -> None:
    for seed in range(100):
        text = pack(
            lambda generator: words(int(generator.integers(5, 40)), generator),
            *(SYMBOLS, ENDS, np.random.default_rng(seed), 128),
        )
        assert 64 < len(text.tokens) <= 128
        assert len(text.documents) > 1
        for start, end in text.documents:
            assert text.tokens[start - 1] == C
            assert not {C, EOS} & set(text.tokens[start:end].tolist())
        ends = [end for _, end in text.documents]
        assert all(text.tokens[end] == EOS for end in ends[:-1])


def test_windows_of_long_documents_begin_and_end_with_sentences() -> None:
    starts: set[int] = set()
    document = words(2000, np.random.default_rng(7))
    for seed in range(100):
        text = pack(lambda _: document, SYMBOLS, ENDS, np.random.default_rng(seed))
        (span,) = text.documents
        window = text.tokens[span[0] : span[1]]
        assert 256 <= len(text.tokens) <= 512
        assert text.tokens[0] == C
        assert ENDS[window[-1]] or text.tokens[-1] == EOS
        views = np.lib.stride_tricks.sliding_window_view(document, len(window))
        (start,) = np.flatnonzero((views == window).all(axis=1)).tolist()
        assert start == 0 or ENDS[document[start - 1]]
        starts.add(start)
    assert len(starts) > 50


def test_without_sentences_a_window_stays_where_it_is_and_whole() -> None:
    document = np.full(100, 31)
    found = {move_start(document, 40, ENDS, np.random.default_rng(seed)) for seed in range(300)}
    assert {0, 60} <= found
    assert max(found) == 60
    assert len(trim_end(document, ENDS)) == 100
    early, late = document.copy(), document.copy()
    early[10], late[70] = STOP, STOP
    assert len(trim_end(early, ENDS)) == 100  # it would keep less than half
    assert len(trim_end(late, ENDS)) == 71


def test_two_samples_in_a_hundred_are_shorter() -> None:
    generator = np.random.default_rng(0)
    lengths = [draw_length(512, generator) for _ in range(20_000)]
    short = [length for length in lengths if length < 512]
    assert len(short) == pytest.approx(400, abs=80)
    assert min(short) >= 32
    assert max(short) <= 510

"""The table of thresholds says what the filter would keep."""

import random

import pytest
from datatrove.data import Document

from mclas_fairseq.roundtrip.judging import FilterStep
from mclas_fairseq.roundtrip.options import FilterOptions
from mclas_fairseq.roundtrip.scoring import PairScores
from mclas_fairseq.roundtrip.shard_files import mark_translated
from mclas_fairseq.roundtrip.statistics import EDGES, GRID, Statistics
from mclas_fairseq.roundtrip.steps import make_document, rejection_of

# On the thresholds themselves too, which count as passed.
VALUES = [step / 30 for step in range(31)] + list(GRID)


def draw(sentences: int, seed: int) -> list[list[PairScores]]:
    draws = random.Random(seed)
    return [
        [PairScores(draws.choice(VALUES), draws.choice(VALUES)) for _ in range(sentences)]
        for _ in range(60)
    ]


def document(units: list[PairScores], *, by_sentence: bool) -> Document:
    first = units[0]
    trip: dict[str, object] = {"rouge1": first.rouge1, "rouge2": first.rouge2}
    if by_sentence:
        trip["sentences"] = [{"rouge1": r1, "rouge2": r2} for r1, r2 in units]
    made = make_document({"roundtrip": trip})
    mark_translated(made)
    return made


@pytest.mark.parametrize(("sentences", "share"), [(1, 1.0), (3, 1.0), (3, 0.5), (3, 0.3), (2, 0)])
def test_kept_shares_are_what_the_filter_keeps_at_each_threshold(
    sentences: int, share: float
) -> None:
    drawn = draw(sentences, seed=7)
    statistics = Statistics(sentence_share=share)
    for units in drawn:
        statistics.add_scores(units)
    for row, t1 in enumerate(GRID):
        for column, t2 in enumerate(GRID):
            step = FilterStep(FilterOptions(t1=t1, t2=t2, sentence_share=share))
            judged = step([document(units, by_sentence=sentences > 1) for units in drawn])
            kept = sum(rejection_of(one) is None for one in judged)
            assert statistics.kept_shares()[row][column] == kept / len(drawn)


def test_the_histogram_counts_every_unit_once_and_the_best_in_the_last_bin() -> None:
    statistics = Statistics(sentence_share=1.0)
    statistics.add_scores([PairScores(1.0, 0.95), PairScores(0.05, 0.0)])
    ones, twos = statistics.histogram
    assert (sum(ones), sum(twos), statistics.units) == (2, 2, 2)
    assert (ones[-1], ones[1], twos[-1], twos[0]) == (1, 1, 1, 1)
    assert len(EDGES) == 21


@pytest.mark.parametrize(
    ("count", "share", "passed", "kept"),
    [(10, 0.7, 7, True), (10, 0.7, 6, False), (3, 1.0, 3, True), (3, 1.0, 2, False),
     (3, 0.34, 1, False), (3, 0.33, 1, True)],
)  # fmt: skip
def test_a_share_of_sentences_must_pass(count: int, share: float, passed: int, kept: bool) -> None:
    good, bad = PairScores(0.6, 0.2), PairScores(0.59, 1.0)
    units = [good] * passed + [bad] * (count - passed)
    options = FilterOptions(t1=0.6, t2=0.2, sentence_share=share)
    judged = next(iter(FilterStep(options)([document(units, by_sentence=True)])))
    assert (rejection_of(judged) is None) == kept


@pytest.mark.parametrize(
    ("scores", "reason"),
    [((0.6, 0.2), None), ((0.59, 0.1), "ROUGE-1 below T1"), ((0.6, 0.19), "ROUGE-2 below T2")],
)
def test_the_thresholds_themselves_pass(scores: tuple[float, float], reason: str | None) -> None:
    made = document([PairScores(*scores)], by_sentence=False)
    judged = next(iter(FilterStep(FilterOptions(t1=0.6, t2=0.2))([made])))
    assert rejection_of(judged) == reason

"""Comparing systems over documents and seeds, and the rules that make a verdict of intervals.

A rule is given how a difference gets its interval (`Compare`): by the bootstrap over documents and
seeds, as here, or another one, as of Student's t over seeds.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import ttest_1samp

from mclas_fairseq.evaluation.intervals import (
    RESAMPLES,
    bootstrap_interval,
    bootstrap_means,
    paired_bootstrap,
    percentile_interval,
)
from mclas_fairseq.evaluation.multiple_tests import holm
from mclas_fairseq.evaluation.randomisation import paired_randomisation
from studies.harness.summaries import Floats, by_document
from studies.harness.table import Row

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"
MISSING = "not judged: cells are missing"
Interval = tuple[float, float]
Compare = Callable[[Floats, Floats], Interval]  # two systems' values (S, N) -> of first - second


class Runs:
    """The runs (seeds) of one system, measured on the same documents."""

    def __init__(self, measured: Sequence[dict[str, Any]]):
        self.measured = list(measured)

    def __len__(self) -> int:
        return len(self.measured)

    def values(self, key: str) -> Floats:
        """F1 in points, or "length" in tokens, by run and document, shape (S, N)."""
        return np.stack([by_document(one, key) for one in self.measured])

    def mean(self, key: str) -> float:
        """Mean over the runs of one number."""
        return float(np.mean([one[key] for one in self.measured]))

    def kind(self, metric: str, kind: str) -> float:
        """Mean precision ("p"), recall ("r") or F1 ("f") over the runs, in points."""
        return float(np.mean([one["means"][metric][kind] for one in self.measured]))


def collect(rows: Iterable[Row | None], split: str, language: str) -> Runs | None:
    """The rows that are there and have a language of a split; None if there is none."""
    found = [row[split] for row in rows if row is not None and split in row]
    measured = [scores[language] for scores in found if language in scores]
    return Runs(measured) if measured else None


@dataclass(frozen=True)
class Gap:
    """A difference in points: mean, 95 % interval (of `gap` or `over_seeds`), p value."""

    mean: float
    low: float
    high: float
    p: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}], p {self.p:.4f}"

    def verdict(self, p: float, alpha: float = 0.05) -> str:
        """Better, worse or undecided, by the interval and a p value that may be corrected."""
        if p >= alpha or self.low <= 0 <= self.high:
            return "undecided"
        return "better" if self.low > 0 else "worse"


def gap(first: Floats, second: Floats) -> Gap:
    """First minus second."""
    found = paired_bootstrap(first, second)
    return Gap(found.difference, found.low, found.high, paired_randomisation(first, second))


def over_seeds(first: Floats, second: Floats) -> Gap:
    """First minus second by Student's t over the seeds' means, paired by seed; at least two seeds.

    A system with one run is subtracted from every seed of the other: its own seed is then not in
    the interval.

    Args:
        first: values (S, N).
        second: values (S, N) in the same order of seeds, or (1, N).

    Returns:
        the gap; where it is the same for all seeds, the interval is that one number, and p is 0 (or
        1 where the number is 0).
    """
    differences = first.mean(axis=1) - second.mean(axis=1)
    if len(differences) < 2:
        raise ValueError(f"t over seeds: needs two seeds or more, got {len(differences)}")
    mean = float(differences.mean())
    # Of no spread but that of rounding: t is infinite, or 0 over 0.
    if np.ptp(differences) <= 1e-9 * max(1.0, abs(mean)):
        mean = 0.0 if abs(mean) <= 1e-9 else mean
        return Gap(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    test = ttest_1samp(differences, 0.0)
    low, high = test.confidence_interval(0.95)
    return Gap(mean, float(low), float(high), float(test.pvalue))


def corrected(gaps: dict[str, Gap], count: int) -> dict[str, tuple[Gap, float]]:
    """Differences with their p after Holm's correction; none while fewer than `count` are there."""
    if len(gaps) < count:
        return {}
    p = holm([one.p for one in gaps.values()])
    return dict(zip(gaps, zip(gaps.values(), p, strict=True), strict=True))


def interval(values: Floats) -> str:
    """Mean over runs and documents with its 95 % interval."""
    low, high = bootstrap_interval(values)
    return f"{values.mean():.2f} [{low:.2f}, {high:.2f}]"


def by_bootstrap(first: Floats, second: Floats) -> Interval:
    """The interval of first minus second, resampling documents and seeds."""
    found = paired_bootstrap(first, second)
    return found.low, found.high


def difference(
    first: Runs | None,
    second: Runs | None,
    metric: str = "rouge1",
    compare: Compare = by_bootstrap,
) -> Interval | None:
    """Interval of the difference in a metric; None if a system is missing."""
    if first is None or second is None:
        return None
    return compare(first.values(metric), second.values(metric))


def length_gap(first: Runs | None, second: Runs | None) -> Interval | None:
    """Interval of |length - references'| of the first system minus that of the second, tokens."""
    if first is None or second is None:
        return None
    distances = [
        np.abs(bootstrap_means(one.values("length")) - one.mean("reference_length"))
        for one in (first, second)
    ]
    assert len(distances[0]) == RESAMPLES
    return percentile_interval(distances[0] - distances[1])


def judge(intervals: Sequence[Interval | None], *, sign: int) -> str:
    """One claim: holds, does not hold or undecided; "not judged" while comparisons are missing."""
    found = [interval for interval in intervals if interval is not None]
    if len(found) < len(intervals):
        return MISSING
    signed = [(low, high) if sign > 0 else (-high, -low) for low, high in found]
    if all(low > 0 for low, _ in signed):
        return "holds"
    if any(high < 0 for _, high in signed):
        return "does not hold"
    return "undecided"

"""The rules of docs/results.md that judge the four claims, and the controls."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from low_resource.grid import CONTROLS, SEEDS, SYSTEMS, Corpus
from numpy.typing import NDArray
from study import by_document

from mclas_fairseq.evaluation.intervals import (
    RESAMPLES,
    bootstrap_means,
    paired_bootstrap,
    percentile_interval,
)

CONTROL_CLAIMS = {
    "mclas-shuffled": "the content of `S^A` helps",
    "ncls_ms-half": "half-initialised NCLS+MS fails",
}


class Runs:
    """The runs (seeds) of one system, measured on the same documents."""

    def __init__(self, measured: Sequence[dict[str, Any]]):
        self.measured = list(measured)

    def __len__(self) -> int:
        return len(self.measured)

    def values(self, key: str) -> NDArray[np.float64]:
        """F1 in points, or "length" in tokens, by run and document, shape (S, N)."""
        return np.stack([by_document(one, key) for one in self.measured])

    def mean(self, key: str) -> float:
        """Mean over the runs of one number."""
        return float(np.mean([one[key] for one in self.measured]))

    def kind(self, metric: str, kind: str) -> float:
        """Mean precision ("p"), recall ("r") or F1 ("f") over the runs, in points."""
        return float(np.mean([one["means"][metric][kind] for one in self.measured]))


class Results(Protocol):
    """What the rules look at."""

    corpus: Corpus

    @property
    def ms(self) -> dict[str, Any] | None:
        """The monolingual summarizer's scores by language."""

    def runs(self, size: int, system: str, start: str, language: str = "de") -> Runs | None:
        """The finished seeds of a system."""


Interval = tuple[float, float]


def difference(first: Runs | None, second: Runs | None) -> Interval | None:
    """Interval of the difference in ROUGE-1; None if a system is missing."""
    if first is None or second is None:
        return None
    found = paired_bootstrap(first.values("rouge1"), second.values("rouge1"))
    return found.low, found.high


def length_gap(first: Runs | None, second: Runs | None) -> Interval | None:
    """Interval of |length - references'| of the first system minus that of the second, tokens."""
    if first is None or second is None:
        return None
    distances = [
        np.abs(bootstrap_means(runs.values("length")) - runs.mean("reference_length"))
        for runs in (first, second)
    ]
    assert len(distances[0]) == RESAMPLES
    return percentile_interval(distances[0] - distances[1])


def judge(intervals: Sequence[Interval | None], *, sign: int) -> str:
    """One claim: holds, does not hold or undecided; "not judged" while comparisons are missing."""
    found = [interval for interval in intervals if interval is not None]
    if len(found) < len(intervals):
        return "not judged: cells are missing"
    signed = [(low, high) if sign > 0 else (-high, -low) for low, high in found]
    if all(low > 0 for low, _ in signed):
        return "holds"
    if any(high < 0 for _, high in signed):
        return "does not hold"
    return "undecided"


def verdicts(results: Results) -> Iterator[str]:
    """The rules, one line each; a system of which a seed is missing is not judged."""
    sizes, last = results.corpus.sizes, results.corpus.sizes[-1]

    def of(size: int, system: str, start: str = "ms", language: str = "de") -> Runs | None:
        found = results.runs(size, system, start, language)
        return found if found is not None and len(found) == len(SEEDS) else None

    others = [(size, other) for size in sizes for other in ("ncls", "ncls_ms")]
    better = [difference(of(size, "mclas"), of(size, other)) for size, other in others]
    yield f"1. MCLAS is better than NCLS and NCLS+MS: {judge(better, sign=1)}."
    helped = [
        difference(of(size, system), of(size, system, "scratch"))
        for size in sizes
        for system in SYSTEMS
    ]
    yield f"2. Starting from MS helps every system: {judge(helped, sign=1)}."
    mclas, ncls_ms = (of(last, system, language="en") for system in ("mclas", "ncls_ms"))
    yield f"3. MCLAS keeps the monolingual summaries: {_monolingual(mclas, ncls_ms, results.ms)}."
    shorter = [length_gap(of(size, "mclas"), of(size, other)) for size, other in others]
    yield f"4. MCLAS has the better length: {judge(shorter, sign=-1)}."
    for control, claim in CONTROL_CLAIMS.items():
        gap = difference(of(last, CONTROLS[control]), of(last, control))
        yield f"- Control, {claim}: {judge([gap], sign=1)}."


def _monolingual(mclas: Runs | None, ncls_ms: Runs | None, ms: dict[str, Any] | None) -> str:
    kept = difference(mclas, ncls_ms)
    against_ms = difference(mclas, None if ms is None else Runs([ms["en"]]))
    if kept is None or against_ms is None:
        return "not judged: cells are missing"
    if against_ms[1] < 0:
        return "does not hold (below MS)"
    return judge([kept], sign=1)

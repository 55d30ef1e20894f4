"""The rules of docs/decision_rules.md that judge the four claims, and the controls."""

from collections.abc import Iterator
from typing import Protocol

from studies.harness.judging import MISSING, Runs, difference, judge, length_gap
from studies.low_resource.cells import CONTROLS, SEEDS, SYSTEMS, Corpus

CONTROL_CLAIMS = {
    "mclas-shuffled": "the content of `S^A` helps",
    "ncls_ms-half": "half-initialised NCLS+MS fails",
}


class Results(Protocol):
    """What the rules look at."""

    corpus: Corpus

    @property
    def ms(self) -> Runs | None:
        """The monolingual summarizer's scores of its English."""

    def runs(self, size: int, system: str, start: str, language: str = "de") -> Runs | None:
        """The finished seeds of a system."""


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


def _monolingual(mclas: Runs | None, ncls_ms: Runs | None, ms: Runs | None) -> str:
    kept = difference(mclas, ncls_ms)
    against_ms = difference(mclas, ms)
    if kept is None or against_ms is None:
        return MISSING
    if against_ms[1] < 0:
        return "does not hold (below MS)"
    return judge([kept], sign=1)

"""The rules of studies/ddtp/rules.md, applied."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mclas_fairseq.evaluation.content import MATCHED
from mclas_fairseq.evaluation.multiple_tests import holm
from studies.ddtp.cells import CONTROLS, NAMES, SYSTEMS, Corpus
from studies.harness.judging import MISSING, Gap, Runs, over_seeds
from studies.harness.summaries import CONTENT

ENOUGH_SEEDS = 5
KEPT = -1.0  # points of English content ROUGE-1 that may be lost
# What decides, and what stands beside it; with the names that readers see.
MEASURES = {CONTENT: "content R-1", MATCHED: "R-1 m-s", "rouge1": "R-1"}
CONTROL_CLAIMS = {
    "mclas-shuffled": "the content of `S^A` helps",
    "ncls_ms-half": "initialising both decoders helps",
    "mclas-uncopied": "copying helps",
}


@dataclass(frozen=True)
class Comparison:
    """One system minus another.

    Attributes:
        gaps: measure -> difference over seeds.
        seeds: how many there are.
    """

    gaps: Mapping[str, Gap]
    seeds: int

    @property
    def verdict(self) -> str:
        """Whether the first is above the second."""
        content = self.gaps[CONTENT]
        others = [gap for name, gap in self.gaps.items() if name != CONTENT]
        if content.high < 0:
            word, against = "refuted", any(gap.low > 0 for gap in others)
        else:
            against = any(gap.high < 0 for gap in others)
            word = "holds" if content.low > 0 and not against else "undecided"
        return word + (", measures disagree" if against else "")

    def __str__(self) -> str:
        shown = "; ".join(f"{MEASURES[name]} {gap}" for name, gap in self.gaps.items())
        return f"{self.verdict}: {shown}{few(self.seeds)}"


class Results(Protocol):
    """What the rules look at."""

    corpus: Corpus

    @property
    def ms(self) -> Runs | None:
        """The monolingual summarizer's scores of its English."""

    def runs(self, size: int, system: str, start: str = "ms", language: str = "") -> Runs | None:
        """All seeds of a system, measured in a language (the target); None while one is missing."""


def few(count: int) -> str:
    """A remark on an interval over few seeds."""
    return "" if count >= ENOUGH_SEEDS else f"; {count} seeds, a wide interval"


def compare(first: Runs | None, second: Runs | None) -> Comparison | None:
    """Two systems by every measure, over the seeds that both have; None if one is missing.

    A single run, as of the monolingual summarizer, is compared with every seed of the other.
    """
    if first is None or second is None:
        return None
    count = len(first) if len(second) == 1 else min(len(first), len(second))
    if count < 2:
        return None
    gaps = {
        name: over_seeds(first.values(name)[:count], second.values(name)[:count])
        for name in MEASURES
    }
    return Comparison(gaps, count)


def verdicts(results: Results) -> Iterator[str]:
    """All claims, a line each comparison; what lacks cells is not judged."""
    corpus, last = results.corpus, results.corpus.triples
    others = [(size, other) for size in corpus.sizes for other in ("ncls", "ncls_ms")]
    if corpus.frozen:
        others = [(last, "ncls")]
    better = {
        f"1. MCLAS is above {NAMES[other]} at {size:,}": compare(
            results.runs(size, "mclas"), results.runs(size, other)
        )
        for size, other in others
    }
    yield from _lines(better)
    if corpus.frozen:
        return
    yield from _middle(results)
    helped = {
        f"2. MS helps {NAMES[system]}": compare(
            results.runs(last, system), results.runs(last, system, "scratch")
        )
        for system in SYSTEMS
    }
    yield from _lines(helped)
    yield from _english(results)
    for size in corpus.sizes[1:]:
        yield f"4. MCLAS is closer in length than NCLS at {size:,}: {_closer(results, size)}"
    for control, claim in CONTROL_CLAIMS.items():
        found = compare(results.runs(last, CONTROLS[control]), results.runs(last, control))
        yield f"Control, {claim}: {found or MISSING}"


def _lines(found: Mapping[str, Comparison | None]) -> Iterator[str]:
    there = {name: one for name, one in found.items() if one is not None}
    adjusted: dict[str, float] = {}
    if len(there) == len(found):
        p = holm([one.gaps[CONTENT].p for one in there.values()])
        adjusted = dict(zip(there, p, strict=True))
    for name, one in found.items():
        more = f"; p by Holm {adjusted[name]:.4f}" if name in adjusted else ""
        yield f"{name}: {one or MISSING}{more}"


def _middle(results: Results) -> Iterator[str]:
    low, middle, high = results.corpus.sizes
    for other in (low, high):
        claim = f"1. The gap to NCLS at {middle:,} is above that at {other:,}"
        systems = [
            results.runs(size, system) for size in (middle, other) for system in ("mclas", "ncls")
        ]
        runs = [one for one in systems if one is not None]
        if len(runs) < len(systems):
            yield f"{claim}: {MISSING}"
            continue
        count = min(len(one) for one in runs)
        values = [one.values(CONTENT)[:count] for one in runs]
        gap = over_seeds(values[0] - values[1], values[2] - values[3])
        yield f"{claim}: {_sign(gap)}: {MEASURES[CONTENT]} {gap}{few(count)}"


def _english(results: Results) -> Iterator[str]:
    last = results.corpus.triples
    english = {name: results.runs(last, name, language="en") for name in ("mclas", "ncls_ms")}
    for name, runs in english.items():
        found = compare(runs, results.ms)
        claim = f"3. {NAMES[name]} keeps the English summaries of MS"
        yield f"{claim}: {_kept(found.gaps[CONTENT]) + few(found.seeds) if found else MISSING}"
    found = compare(english["mclas"], english["ncls_ms"])
    yield f"3. MCLAS is above NCLS+MS in English: {found or MISSING}"


def _kept(gap: Gap) -> str:
    word = "undecided"
    if gap.low > 0:
        word = "improved"
    elif gap.high < 0:
        word = "lost" if gap.low <= KEPT else "lost, by less than a point"
    elif gap.low > KEPT:
        word = "kept"
    return f"{word}: {MEASURES[CONTENT]} {gap}"


def _closer(results: Results, size: int) -> str:
    systems = [results.runs(size, name) for name in ("ncls", "mclas")]
    runs = [one for one in systems if one is not None]
    if len(runs) < len(systems):
        return MISSING
    ncls, mclas = (
        np.abs(one.values("length").mean(axis=1) / one.mean("reference_length") - 1)[:, None]
        for one in runs
    )
    gap = over_seeds(ncls, mclas)
    return f"{_sign(gap)}: share of the references' length {gap}{few(len(ncls))}"


def _sign(gap: Gap) -> str:
    return "holds" if gap.low > 0 else "refuted" if gap.high < 0 else "undecided"

"""Tables and verdicts of the study, by rules.md."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.evaluation.transfer import FEW_DOCUMENTS
from studies.glm_transfer.cells import SIZES, SOURCES, TARGETS, Cell, cells
from studies.harness.json_rows import JsonRow
from studies.harness.judging import Gap, over_seeds

CONTENT, SHUFFLED, LANGUAGE = "content1", "matched_content1", "right_language"
ONE, TWO = ("en", "it", "balanced", 0), ("en", "it,fr", "balanced", 0)
_RIGHT = 90  # percent of summaries in the right language, at least
_WRONG = 50  # at most, where a prompt does not carry over

System = tuple[str, str, str, int]


class Results:
    """Rows by cell."""

    def __init__(self, rows: Sequence[JsonRow]):
        found = {row["cell"]: row for row in rows}
        self._rows = {cell: found[cell.name] for cell in cells() if cell.name in found}

    def seeds(self, *systems: System) -> list[int]:
        """Seeds that all of the systems have."""
        have = [{cell.seed for cell in self._rows if cell.system == one} for one in systems]
        return sorted(set.intersection(*have))

    def entry(self, system: System, seed: int, source: str, target: str) -> dict[str, Any]:
        """A place in the matrix of a cell."""
        matrix = self._rows[Cell(*system, seed)]["matrix"]
        places: list[dict[str, Any]] = [
            one for one in matrix if (one["source"], one["target"]) == (source, target)
        ]
        return places[0]

    def values(
        self, system: System, seeds: Sequence[int], source: str, target: str, measure: str
    ) -> NDArray[np.float64]:
        """A measure by seed, (S, 1)."""
        found = [self.entry(system, seed, source, target)["values"][measure] for seed in seeds]
        return np.array([[one["mean"]] for one in found], dtype=np.float64)


def report(rows: Sequence[JsonRow]) -> Iterator[str]:
    """Matrices of the first seeds, and what the claims came to."""
    results = Results(rows)
    for system in (ONE, TWO, ("en,de,fr", "it,fr", "balanced", 0)):
        if seeds := results.seeds(system):
            yield from _matrix(results, system, seeds)
            yield ""
    yield from verdicts(results)


def _matrix(results: Results, system: System, seeds: Sequence[int]) -> Iterator[str]:
    yield f"{system[0]} to {system[1]}, {len(seeds)} seeds: content ROUGE-1, m - s, right language"
    yield ""
    yield f"| from | {' | '.join(TARGETS)} |"
    yield "|---" * (1 + len(TARGETS)) + "|"
    for source in SOURCES:
        places = []
        for target in TARGETS:
            if source == target:
                places.append("")
                continue
            means = [
                results.values(system, seeds, source, target, measure).mean()
                for measure in (CONTENT, SHUFFLED, LANGUAGE)
            ]
            few = results.entry(system, seeds[0], source, target)["documents"] < FEW_DOCUMENTS
            places.append(", ".join(f"{mean:.1f}" for mean in means) + (" (few)" if few else ""))
        yield f"| {source} | {' | '.join(places)} |"


def verdicts(results: Results) -> Iterator[str]:
    """The claims of rules.md."""
    seeds = results.seeds(ONE)
    if len(seeds) < 2:
        yield "1, 2: not judged, fewer than two seeds"
    else:
        yield from _zero_shot(results, seeds)
    seeds = results.seeds(ONE, TWO)
    if len(seeds) < 2:
        yield "3: not judged, fewer than two seeds"
    else:
        two, one = (results.values(s, seeds, "en", "de", LANGUAGE) for s in (TWO, ONE))
        yield f"3. A second prompt opens a third language (en to de): {_say(over_seeds(two, one))}"
    for size in (*SIZES, 0):
        pair: list[System] = [("en", "it", start, size) for start in ("balanced", "scratch")]
        yield _compared(results, pair, f"4. Pretraining helps, {size or 'all'} documents")
    starts: list[System] = [("en", "it", start, 0) for start in ("balanced", "unbalanced")]
    for source in ("pt", "ja", "ru"):
        said = f"5. Balancing helps documents in {source}"
        yield _compared(results, starts, said, source)


def _zero_shot(results: Results, seeds: Sequence[int]) -> Iterator[str]:
    for source in SOURCES[1:]:
        if results.entry(ONE, seeds[0], source, "it")["documents"] < FEW_DOCUMENTS:
            yield f"1. {source} to it: too few documents"
            continue
        apart = results.values(ONE, seeds, source, "it", SHUFFLED)
        right = results.values(ONE, seeds, source, "it", LANGUAGE).mean()
        gap = over_seeds(apart, np.zeros_like(apart))
        verdict = "holds" if gap.low > 0 and right >= _RIGHT else "does not hold"
        yield f"1. {source} to it, m - s: {gap}; right language {right:.1f}: {verdict}"
    for target in TARGETS[1:3]:
        share = results.values(ONE, seeds, "en", target, LANGUAGE)
        gap = over_seeds(share, np.full_like(share, _WRONG))
        yield f"2. The prompt for {target} fails ({_WRONG} - share): {_say(_turned(gap))}"


def _compared(results: Results, systems: Sequence[System], said: str, source: str = "en") -> str:
    first, second = systems
    seeds = results.seeds(first, second)
    if len(seeds) < 2:
        return f"{said}: not judged, fewer than two seeds"
    ours, theirs = (results.values(one, seeds, source, "it", CONTENT) for one in systems)
    return f"{said}, content ROUGE-1: {_say(over_seeds(ours, theirs))}"


def _turned(gap: Gap) -> Gap:
    return Gap(-gap.mean, -gap.high, -gap.low, gap.p)


def _say(gap: Gap) -> str:
    words = {"better": "holds", "worse": "refuted", "undecided": "undecided"}
    return f"{gap}: {words[gap.verdict(gap.p)]}"

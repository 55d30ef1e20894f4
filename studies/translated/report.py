"""Tables and verdicts of the study on translated copying, by its rules.md."""

from collections.abc import Iterable, Iterator

import numpy as np

from mclas_fairseq.evaluation.multiple_tests import holm
from studies.ddtp.verdicts import MEASURES, Comparison, compare
from studies.harness.judging import MISSING, Runs, collect, interval
from studies.harness.summaries import CONTENT
from studies.harness.table import Row, Table
from studies.translated.cells import NAMES, PLAIN, cell, seeds

# Claim -> pairs of systems, the first above the second.
CLAIMS = {
    "1. Adaptive copying is above plain copying": [
        ("ncls-adaptive", "ncls"),
        ("mclas-adaptive", "mclas"),
    ],
    "2. Adaptive copying is above none": [
        ("ncls-adaptive", "ncls-none"),
        ("mclas-adaptive", "mclas-none"),
    ],
    "3. Plain copying is above none": [("ncls", "ncls-none"), ("mclas", "mclas-none")],
    "4. Adaptive is above the lesser strategies": [
        ("ncls-adaptive", "ncls-naive"),
        ("ncls-adaptive", "ncls-equal"),
    ],
    "5. MCLAS is above NCLS with the same copying": [("mclas-adaptive", "ncls-adaptive")],
}


class Results:
    """The measured runs of a split, those with plain copying from the study on descriptions."""

    def __init__(self, split: str, own: Table, descriptions: Table):
        self.split = split
        rows = {**descriptions.full_rows(), **own.full_rows()}
        self._rows = {system: _rows(rows, system) for system in NAMES}

    def rows(self, system: str) -> list[Row]:
        """The finished seeds' rows."""
        return [row for row in self._rows[system].values() if row is not None]

    def runs(self, system: str, language: str = "it") -> Runs | None:
        """All seeds of a system; None while one is missing."""
        rows = list(self._rows[system].values())
        whole = all(row is not None and self.split in row for row in rows)
        return collect(rows, self.split, language) if whole else None

    @property
    def missing(self) -> list[str]:
        """Names of the cells that are not there."""
        return [
            cell(system, seed).name
            for system, rows in self._rows.items()
            for seed, row in rows.items()
            if row is None or self.split not in row
        ]


def _rows(rows: dict[str, Row], system: str) -> dict[int, Row | None]:
    return {seed: rows.get(cell(system, seed).name) for seed in seeds(system)}


def scores(results: Results, language: str) -> Iterator[str]:
    """Measures of the finished seeds of each system, with intervals over documents and seeds."""
    yield f"| system | seeds | {' | '.join(MEASURES.values())} | words | distinct |"
    yield "|---|---|---|---|---|---|---|"
    for system, name in NAMES.items():
        runs = collect(results.rows(system), results.split, language)
        if runs is None:
            continue
        shown = " | ".join(interval(runs.values(measure)) for measure in MEASURES)
        length = f"{runs.mean('length'):.2f} of {runs.mean('reference_length'):.2f}"
        distinct = f"{100 * runs.mean('distinct'):.0f} %"
        yield f"| {name} | {len(runs)} | {shown} | {length} | {distinct} |"


def settings(results: Results) -> Iterator[str]:
    """What was decided on validation, and what the trainings cost."""
    yield "| system | rate | length penalty | best update | bits a token | processor minutes |"
    yield "|---|---|---|---|---|---|"
    for system, name in NAMES.items():
        rows = results.rows(system)
        if not rows:
            continue
        updates = ", ".join(f"{row['best']['update']:.0f}" for row in rows)
        nll = np.mean([row["best"]["cls_nll_bits_per_token"] for row in rows])
        minutes = np.mean([row["training"]["cpu_seconds"] for row in rows]) / 60
        decided = f"{rows[0]['rate']} | {rows[0]['penalty']}"
        yield f"| {name} | {decided} | {updates} | {nll:.3f} | {minutes:.0f} |"


def verdicts(results: Results) -> Iterator[str]:
    """Each comparison of each claim, with p by Holm over the claim's comparisons."""
    for claim, pairs in CLAIMS.items():
        found = [compare(*map(results.runs, pair)) for pair in pairs]
        adjusted = _holm(found)
        for pair, one, p in zip(pairs, found, adjusted, strict=True):
            first, second = (NAMES[system] for system in pair)
            yield f"{claim}, {first} minus {second}: {one or MISSING}{p}"


def _holm(found: list[Comparison | None]) -> list[str]:
    there = [one for one in found if one is not None]
    if len(there) < len(found) or len(there) < 2:
        return [""] * len(found)
    values = holm([one.gaps[CONTENT].p for one in there])
    return [f"; p by Holm {value:.4f}" for value in values]


def parts(results: Results) -> Iterator[tuple[str, Iterable[str]]]:
    """Title and lines of each part."""
    yield "**Summaries in it**", scores(results, "it")
    yield "**Summaries in en**", scores(results, "en")
    yield "**Settings**", settings(results)
    yield "**Verdicts** (t over seeds)", (f"- {line}" for line in verdicts(results))
    if results.missing:
        plain = sum(name in {cell(one, 1).name for one in PLAIN} for name in results.missing)
        more = " (those with plain copying are made by python -m studies.ddtp)" if plain else ""
        yield "", [f"{len(results.missing)} cells are missing, as {results.missing[0]}{more}"]

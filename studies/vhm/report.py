"""The tables and the figure of the VHM study, from the finished cells.

Markdown: scores by size (Table 4 and Figure 2 of Liang et al. 2022), ablations (Table 5), on
validation the remedies, health of the latent variables there, what cells cost, and the verdicts by
the rules in docs/decision_rules.md, which judge the test split. Cells that are missing are left
out and named.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mclas_fairseq.evaluation.plots import COLOURS
from studies.harness.judging import collect, interval
from studies.harness.plots import Axes, Series, draw
from studies.harness.summaries import METRICS, Floats
from studies.harness.table import Row, Table
from studies.vhm.cells import (
    COMPARED,
    FREE_BITS,
    REMEDIES,
    SEEDS,
    SYSTEMS,
    Corpus,
    cells,
    remedies,
)
from studies.vhm.health import health_table
from studies.vhm.verdicts import ablation_gaps, gap, verdicts


class Results:
    """The finished cells of one corpus, measured on one split."""

    def __init__(self, corpus: Corpus, split: str, table: Table):
        self.corpus = corpus
        self.split = split
        self.missing: list[str] = []
        self.cells: dict[tuple[int, str, int], Row] = {}
        rows = table.full_rows()
        for cell in [*cells(corpus), *remedies(corpus)]:
            if split in rows.get(cell.name, {}):
                row = rows[cell.name]
                # What was measured when the test split was opened: the cost of its decoding.
                opened = row.get("opened", {}) if split == "test" else {}
                self.cells[cell.size, cell.system, cell.seed] = {**row, **opened}
            elif not SYSTEMS[cell.system].remedy:
                self.missing.append(cell.name)

    def runs(self, size: int, system: str) -> list[Row]:
        """The cells of a system's seeds that are there."""
        found = [self.cells.get((size, system, seed)) for seed in SEEDS]
        return [one for one in found if one is not None]

    def scores(self, size: int, system: str, metric: str = "rouge1") -> Floats | None:
        """F1 in points by seed and document, (S, N); None unless all seeds are there."""
        found = collect(self.runs(size, system), self.split, "de")
        return found.values(metric) if found is not None and len(found) == len(SEEDS) else None

    def health(self, size: int, system: str) -> list[dict[str, Any]]:
        """What `mclas latents` said of each seed that is there."""
        return [run["health"] for run in self.runs(size, system)]


def table_4(results: Results) -> Iterator[str]:
    """Scores of the compared systems by size, with paired tests against MT-MS-CLS."""
    yield "| CLS records | system | rate | R-1 | R-2 | R-L | R-1 minus MT-MS-CLS |"
    yield "|---|---|---|---|---|---|---|"
    total = results.corpus.sizes[-1]
    for size in results.corpus.sizes:
        for system in COMPARED:
            found = [results.scores(size, system, metric) for metric in METRICS]
            there = [interval(values) for values in found if values is not None]
            if len(there) == len(METRICS):
                other = None if system == "mt_ms_cls" else gap(results, size, system, "mt_ms_cls")
                rate = results.runs(size, system)[0]["rate"]
                share = f"{size} ({100 * size / total:.3g} %)"
                yield (
                    f"| {share} | {SYSTEMS[system].label} | {rate} | {' | '.join(there)} "
                    f"| {other or ''} |"
                )


def table_5(results: Results) -> Iterator[str]:
    """The ablations of VHM with free bits, on all records."""
    yield "| system | R-1 | minus VHM with free bits | p after Holm |"
    yield "|---|---|---|---|"
    size = results.corpus.sizes[-1]
    whole = results.scores(size, FREE_BITS)
    if whole is not None:
        yield f"| {SYSTEMS[FREE_BITS].label} | {interval(whole)} | | |"
    for name, (one, p) in ablation_gaps(results).items():
        values = results.scores(size, name)
        assert values is not None
        yield f"| {SYSTEMS[name].label} | {interval(values)} | {one} | {p:.4f} |"


def table_of_remedies(results: Results) -> Iterator[str]:
    """What else is offered against a collapse, on all records; nothing is judged by it."""
    yield "| system | R-1 | minus VHM | minus MT-MS-CLS |"
    yield "|---|---|---|---|"
    size = results.corpus.sizes[-1]
    for name in ("vhm", FREE_BITS, *REMEDIES):
        values = results.scores(size, name)
        if values is not None:
            gaps = [
                "" if other == name else str(gap(results, size, name, other) or "")
                for other in ("vhm", "mt_ms_cls")
            ]
            yield f"| {SYSTEMS[name].label} | {interval(values)} | {' | '.join(gaps)} |"


def health(results: Results) -> Iterator[str]:
    """KL, active units and what another z costs, of each cell with latent variables."""
    yield from health_table(
        (f"{SYSTEMS[system].label}, {size}, seed {seed}", cell["health"])
        for (size, system, seed), cell in results.cells.items()
        if cell["health"] is not None
    )


def costs(results: Results) -> Iterator[str]:
    """CPU seconds of a cell, by system."""
    yield "| system | training, CPU s | decoding, CPU s | budget, s |"
    yield "|---|---|---|---|"
    for system in SYSTEMS:
        found = [cell for (_, name, _), cell in results.cells.items() if name == system]
        if found:
            spent = (
                round(float(np.mean([cell[part]["cpu_seconds"] for cell in found])))
                for part in ("training", "decoding")
            )
            times = " | ".join(map(str, spent))
            yield f"| {SYSTEMS[system].label} | {times} | {results.corpus.seconds} |"


def plot(results: Results, path: Path) -> None:
    """Figure 2: ROUGE-1 by the share of CLS data."""
    series = []
    sizes = results.corpus.sizes
    for number, system in enumerate(COMPARED):
        found = [results.scores(size, system) for size in sizes]
        there = [(place, values) for place, values in enumerate(found) if values is not None]
        if there:
            at = [place + 0.06 * (number - (len(COMPARED) - 1) / 2) for place, _ in there]
            values = [one for _, one in there]
            series.append(Series(SYSTEMS[system].label, COLOURS[number], at, values))
    shares = [f"{100 * size / sizes[-1]:.3g} %" for size in sizes]
    title = f"{results.corpus.name}, {results.split}: {len(SEEDS)} seeds, 95 % intervals over "
    title += "documents and seeds"
    draw(series, Axes(shares, "CLS data", "German ROUGE-1 F1", title, dpi=150), path)


def parts(results: Results) -> Iterator[tuple[str, Iterable[str]]]:
    """Title and lines of each part."""
    yield "### Scores by size (Table 4)", table_4(results)
    yield "### Latent variables", health(results)
    yield "### Cost", costs(results)
    if results.corpus.ablations:
        yield "### Ablations (Table 5)", table_5(results)
        if results.split == "valid":
            yield "### Remedies", table_of_remedies(results)
    judged = "" if results.split == "test" else " (of validation data: the test split decides)"
    yield f"### Verdicts{judged}", verdicts(results)
    if results.missing:
        yield "", [f"{len(results.missing)} cells are missing: {', '.join(results.missing)}"]

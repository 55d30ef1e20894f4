"""Tables, verdicts and the figure of VHM's study on package descriptions."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mclas_fairseq.evaluation.plots import COLOURS
from studies.ddtp import beside
from studies.ddtp.learned import learned
from studies.ddtp.verdicts import MEASURES
from studies.harness.judging import Runs, collect, interval
from studies.harness.plots import Axes, Level, Series, draw
from studies.harness.summaries import CONTENT
from studies.harness.table import Row, Table
from studies.vhm.health import health_table
from studies.vhm_ddtp.cells import ALL, COMPARED, ITALIAN, LONGEST, SIZES, SYSTEMS, Cell, cells
from studies.vhm_ddtp.verdicts import verdicts

_LANGUAGE = ITALIAN.language


class Results:
    """The measured runs of a split."""

    corpus = ITALIAN

    def __init__(self, split: str, table: Table):
        self.split = split
        rows = table.full_rows()
        self.rows = {cell: rows[cell.name] for cell in cells() if cell.name in rows}
        self.missing = [cell for cell in cells() if split not in self.rows.get(cell, {})]
        named = {
            kind: f"it_baseline-{kind}" if kind in beside.BASELINES else f"it_{kind}"
            for kind in beside.NAMES
        }
        found = {kind: collect([rows.get(name)], split, _LANGUAGE) for kind, name in named.items()}
        self.beside = {kind: runs for kind, runs in found.items() if runs is not None}

    def rows_of(self, size: int, system: str) -> list[Row]:
        """The finished seeds' rows."""
        every = (Cell(size, system, seed) for seed in range(1, SYSTEMS[system].seeds + 1))
        return [self.rows[cell] for cell in every if cell in self.rows]

    def finished(self, size: int, system: str) -> Runs | None:
        """The seeds that are there."""
        return collect(self.rows_of(size, system), self.split, _LANGUAGE)

    def runs(self, size: int, system: str) -> Runs | None:
        """All seeds of a system; None while one is missing."""
        found = self.finished(size, system)
        return found if found is not None and len(found) == SYSTEMS[system].seeds else None

    def health(self, size: int, system: str) -> Sequence[dict[str, Any]]:
        """What `mclas latents` said of each seed; empty while one is missing."""
        rows = self.rows_of(size, system)
        return [row["health"] for row in rows] if len(rows) == SYSTEMS[system].seeds else []

    def groups(self) -> Iterator[tuple[int, str]]:
        """Sizes and systems of which there are seeds."""
        for name, system in SYSTEMS.items():
            for size in reversed(system.sizes):
                if self.rows_of(size, name):
                    yield size, name

    def systems(self) -> Iterator[tuple[str, int, Runs]]:
        """Name, CLS records and finished seeds of each system."""
        for size, name in self.groups():
            runs = self.finished(size, name)
            if runs is not None:
                yield f"{SYSTEMS[name].label}, {size:,} CLS records", size, runs


def scores(results: Results) -> Iterator[str]:
    """Every system's measures, with intervals over documents and seeds."""
    yield f"| CLS records | system | seeds | {' | '.join(MEASURES.values())} | R-L | words |"
    yield "|---|---|---|---|---|---|---|---|"
    rows: list[tuple[str, Runs]] = []
    for size, name in results.groups():
        runs = results.finished(size, name)
        if runs is not None:
            rows.append((f"{size:,} | {SYSTEMS[name].label}", runs))
    rows += [(f" | {beside.NAMES[kind]}", runs) for kind, runs in results.beside.items()]
    for name, runs in rows:
        shown = " | ".join(interval(runs.values(measure)) for measure in MEASURES)
        length = f"{runs.mean('length'):.2f} of {runs.mean('reference_length'):.2f}"
        longest = f"{runs.values('rougeL').mean():.2f}"
        yield f"| {name} | {len(runs)} | {shown} | {longest} | {length} |"


def settings(results: Results) -> Iterator[str]:
    """What was decided on validation, what the trainings were, and whether they had ended."""
    yield (
        "| CLS records | system | rate | inside the grid | best update | too short | bound, bits |"
        + (" processor minutes |")
    )
    yield "|---|---|---|---|---|---|---|---|"
    for size, name in results.groups():
        rows = results.rows_of(size, name)
        inside = "yes" if rows[0]["rate_interior"] else "no"
        updates = [int(row["best"]["update"]) for row in rows]
        short = sum(update >= LONGEST[size] for update in updates)
        bound = np.mean([row["best"]["cls_bound"] for row in rows])
        minutes = np.mean([row["training"]["cpu_seconds"] for row in rows]) / 60
        decided = f"{rows[0]['rate']} | {inside} | {', '.join(map(str, updates))}"
        ended = f"{short} of {len(rows)} | {bound:.3f} | {minutes:.0f}"
        yield f"| {size:,} | {SYSTEMS[name].label} | {decided} | {ended} |"


def latents(results: Results) -> Iterator[str]:
    """KL, active units and what another z costs, of each training with latent variables."""
    yield from health_table(
        (f"{SYSTEMS[name].label}, {size:,}, seed {row['cell']['seed']}", row["health"])
        for size, name in results.groups()
        for row in results.rows_of(size, name)
        if "health" in row
    )


def missing(results: Results) -> Iterator[str]:
    """How many cells of each system there are not, and what stands beside them."""
    names = [f"{SYSTEMS[one.system].label} on {one.size:,}" for one in results.missing]
    shown = ", ".join(f"{count} of {name}" for name, count in Counter(names).items())
    yield f"{len(names)} cells ({shown}); the next one is {results.missing[0].name}"
    wanted = (*beside.BASELINES, beside.UNTRANSLATED)
    absent = [beside.NAMES[kind] for kind in wanted if kind not in results.beside]
    if absent:
        yield f"beside them: {', '.join(absent)}"


def plot(results: Results, path: Path) -> None:
    """Content ROUGE-1 by the share of CLS records."""
    series = []
    for number, (name, system) in enumerate(COMPARED.items()):
        found = [results.finished(size, name) for size in SIZES]
        there = [(place, one.values(CONTENT)) for place, one in enumerate(found) if one]
        if there:
            at = [place + (number - 1.5) * 0.06 for place, _ in there]
            series.append(
                Series(system.label, COLOURS[number], at, [values for _, values in there])
            )
    levels = [
        Level(beside.NAMES[kind], float(results.beside[kind].values(CONTENT).mean()))
        for kind in ("constant-content", "nearest", beside.UNTRANSLATED)
        if kind in results.beside
    ]
    split = {"valid": "validation", "test": "test"}[results.split]
    title = f"en-it, {split}; 95 % intervals over documents and seeds"
    shares = [f"{size:,} ({100 * size / ALL:.0f} %)" for size in SIZES]
    draw(series, Axes(shares, "CLS records", "content ROUGE-1 F1", title, levels=levels), path)


def parts(results: Results) -> Iterator[tuple[str, Iterable[str]]]:
    """Title and lines of each part."""
    yield "**Summaries in it**", scores(results)
    yield "**Settings**", settings(results)
    yield "**Latent variables**", latents(results)
    yield "**Learned** (bootstrap over documents and seeds)", (f"- {x}" for x in learned(results))
    yield "**Verdicts** (t over seeds)", (f"- {line}" for line in verdicts(results))
    if results.missing:
        yield "**Missing**", missing(results)

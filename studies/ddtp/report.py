"""Tables, verdicts and the figure of the study on package descriptions, from the finished cells."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from mclas_fairseq.evaluation.plots import COLOURS
from studies.ddtp import beside
from studies.ddtp.cells import NAMES, SYSTEMS, Cell, Corpus, cells, seeds
from studies.ddtp.learned import aims, learned
from studies.ddtp.verdicts import MEASURES, verdicts
from studies.harness.judging import Runs, collect, interval
from studies.harness.plots import Axes, Level, Series, draw
from studies.harness.summaries import CONTENT
from studies.harness.table import Row, Table

Group = tuple[int, str, str]  # size, system, start


class Results:
    """The measured runs of one corpus and split."""

    def __init__(self, corpus: Corpus, split: str, table: Table):
        self.corpus = corpus
        self.split = split
        rows = table.full_rows()
        self.rows = {cell: rows[cell.name] for cell in cells(corpus) if cell.name in rows}
        self.missing = [cell for cell in cells(corpus) if split not in self.rows.get(cell, {})]
        self.beside = self._beside(rows)
        first = f"{corpus.language}_ms"
        self.starts = {
            name: found
            for name, row in rows.items()
            if name == first or name.startswith(f"{first}-")
            if (found := collect([row], split, "en")) is not None
        }
        self.ms = self.starts.get(self._start_of_all(first, rows))

    def _start_of_all(self, first: str, rows: dict[str, Row]) -> str:
        """Name of the row of MS from which cells on all triples started; the first where none is.

        Where MS was trained again, each training has a row; its hash says which is whose.
        """
        hashes = {
            name: row.get("sha256", {}).get("ms")
            for name, row in rows.items()
            if name in self.starts
        }
        for cell, row in self.rows.items():
            if (cell.size, cell.start) == (self.corpus.triples, "ms"):
                own = row.get("sha256", {}).get("ms")
                return next((name for name, one in hashes.items() if one == own), first)
        return first

    def runs(self, size: int, system: str, start: str = "ms", language: str = "") -> Runs | None:
        """All seeds of a system, measured in a language (the target); None while one is missing."""
        found = self.finished(size, system, start, language)
        wanted = seeds(size, self.corpus, start, system)
        return found if found is not None and len(found) == len(wanted) else None

    def finished(self, size: int, system: str, start: str, language: str = "") -> Runs | None:
        """The seeds that are there."""
        rows = self.rows_of((size, system, start))
        return collect(rows, self.split, language or self.corpus.language)

    def _beside(self, rows: dict[str, Row]) -> dict[str, Runs]:
        """Baselines, the untranslated synopsis and TLTran, as far as they are there."""
        language, found = self.corpus.language, {}
        for kind in beside.NAMES:
            name = f"baseline-{kind}" if kind in beside.BASELINES else kind
            runs = collect([rows.get(f"{language}_{name}")], self.split, language)
            if runs is not None:
                found[kind] = runs
        return found

    def systems(self) -> Iterator[tuple[str, int, Runs]]:
        """Name, triples and finished seeds of each system, in the target language."""
        for size, system, start in self.groups():
            runs = self.finished(size, system, start)
            if runs is not None:
                yield f"{NAMES[system]} from {_shown(start)}, {size:,} triples", size, runs

    def groups(self) -> list[Group]:
        """What there are seeds of."""
        return list(dict.fromkeys((one.size, one.system, one.start) for one in self.rows))

    def of(self, group: Group, *path: str) -> list[float]:
        """A number of each finished seed's row."""
        return [float(_at(row, path)) for row in self.rows_of(group)]

    def rows_of(self, group: Group) -> list[Row]:
        """The finished seeds' rows."""
        size, system, start = group
        wanted = seeds(size, self.corpus, start, system)
        named = [Cell(self.corpus, size, system, start, seed) for seed in wanted]
        return [self.rows[cell] for cell in named if cell in self.rows]


def _start_name(row: str) -> str:
    """MS by the name of its row, `it_ms` or `it_ms-1a2b3c4d`."""
    return "MS" + row.partition("-")[1] + row.partition("-")[2]


def _shown(start: str) -> str:
    return start.replace("ms", "MS")


def _at(row: Row, path: Sequence[str]) -> Any:
    return reduce(lambda value, key: value[key], path, row)


def scores(results: Results, language: str) -> Iterator[str]:
    """Every system's measures in a language, with intervals over documents and seeds."""
    measures = " | ".join(MEASURES.values())
    yield f"| triples | from | system | seeds | {measures} | R-L | words | distinct |"
    yield "|---|---|---|---|---|---|---|---|---|"
    rows = [
        (f"{size:,} | {_shown(start)} | {NAMES[system]}", runs)
        for size, system, start in results.groups()
        if (runs := results.finished(size, system, start, language)) is not None
    ]
    if language == "en":
        rows += [(f" | | {_start_name(name)}", runs) for name, runs in results.starts.items()]
    if language == results.corpus.language:
        rows += [(f" | | {beside.NAMES[kind]}", one) for kind, one in results.beside.items()]
    for name, runs in rows:
        shown = " | ".join(interval(runs.values(measure)) for measure in MEASURES)
        longest = f"{runs.values('rougeL').mean():.2f}"
        length = f"{runs.mean('length'):.2f} of {runs.mean('reference_length'):.2f}"
        distinct = f"{100 * runs.mean('distinct'):.0f} %"
        yield f"| {name} | {len(runs)} | {shown} | {longest} | {length} | {distinct} |"


def settings(results: Results) -> Iterator[str]:
    """What was decided on validation, and what the trainings were."""
    yield "| triples | from | system | rate | inside the grid | length penalty | best update |" + (
        " bits a token | processor minutes |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for group in results.groups():
        size, system, start = group
        row = results.rows_of(group)[0]
        inside = "yes" if row["rate_interior"] else "no"
        decided = f"{row['rate']} | {inside} | {row['penalty']}"
        updates = ", ".join(f"{one:.0f}" for one in results.of(group, "best", "update"))
        nll = np.mean(results.of(group, "best", "cls_nll_bits_per_token"))
        minutes = np.mean(results.of(group, "training", "cpu_seconds")) / 60
        name = f"{size:,} | {_shown(start)} | {NAMES[system]}"
        yield f"| {name} | {decided} | {updates} | {nll:.3f} | {minutes:.0f} |"


def plot(results: Results, path: Path) -> None:
    """Content ROUGE-1 by size, all from MS."""
    series = []
    for number, system in enumerate(SYSTEMS):
        found = [results.finished(size, system, "ms") for size in results.corpus.sizes]
        there = [(place, one.values(CONTENT)) for place, one in enumerate(found) if one]
        if there:
            at = [place + (number - 1) * 0.1 for place, _ in there]
            values = [one for _, one in there]
            series.append(Series(NAMES[system], COLOURS[number], at, values))
    split = {"valid": "validation", "test": "test"}[results.split]
    title = f"en-{results.corpus.language}, {split}; 95 % intervals over documents and seeds"
    sizes = [f"{size:,}" for size in results.corpus.sizes]
    levels = [
        Level(beside.NAMES[kind], float(results.beside[kind].values(CONTENT).mean()))
        for kind in ("constant-content", "nearest", beside.TLTRAN, beside.UNTRANSLATED)
        if kind in results.beside
    ]
    axes = Axes(sizes, "training triples", "content ROUGE-1 F1", title, levels=levels)
    draw(series, axes, path)


def parts(results: Results) -> Iterator[tuple[str, Iterable[str]]]:
    """Title and lines of each part."""
    language = results.corpus.language
    yield f"**Summaries in {language}**", scores(results, language)
    yield "**Summaries in en**", scores(results, "en")
    yield "**Settings**", settings(results)
    yield "**Learned** (bootstrap over documents and seeds)", (f"- {x}" for x in learned(results))
    yield "**Verdicts** (t over seeds)", (f"- {line}" for line in verdicts(results))
    if not results.corpus.frozen:
        yield "**Aims**", (f"- {line}" for line in aims(results))
    if results.missing:
        yield "**Missing**", missing(results)


def missing(results: Results) -> Iterator[str]:
    """How many cells of each system there are not, and what stands beside them."""
    names = [f"{one.system} from {_shown(one.start)} on {one.size:,}" for one in results.missing]
    shown = ", ".join(f"{count} of {name}" for name, count in Counter(names).items())
    yield f"{len(names)} cells ({shown}); the next one is {results.missing[0].name}"
    wanted = [kind for kind in beside.NAMES if kind != beside.TLTRAN or not results.corpus.frozen]
    absent = [beside.NAMES[kind] for kind in wanted if kind not in results.beside]
    if absent:
        yield f"beside them: {', '.join(absent)}"

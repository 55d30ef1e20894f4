"""Tables in the shape of the paper's 2, 3, 5 and 6, of folds, and the verdicts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np

from mclas_fairseq.corpus.labelled import LabelKind
from studies.harness.judging import MISSING
from studies.harness.table import Table
from studies.labelling.cells import (
    CONTROLLED,
    DRAWS,
    FEW,
    GRID,
    HIGHEST,
    LOWEST,
    MERGED,
    PARTS,
    SEEDS,
    SOURCE,
    TARGETS,
    WHOLE,
    Cell,
    languages,
)
from studies.labelling.measuring import KEPT, NAMES
from studies.labelling.similarity import Point, likeness, lines
from studies.labelling.verdicts import (
    Chosen,
    Floats,
    Pair,
    Rows,
    choose,
    correlations,
    difference,
    verdict,
)

_TITLES = {
    "pos": "Table 2's shape: parts of speech, token accuracy",
    "ner": "Table 3's shape: entities, F1",
    "partut": "Parts of speech, ParTUT, token accuracy",
    "slots": "Slots, F1",
}
_LEAST_F1 = 5.0
Part = tuple[str, list[str]]


def kind_of(task: str) -> LabelKind:
    """Kind of a task's labels."""
    return LabelKind.POS if task in ("pos", "partut") else LabelKind.SPANS


class Results:
    """Rows of the table, and counts of test sentences."""

    def __init__(self, table: Table):
        self.rows: Rows = table.rows()
        encoders = {str(row["encoder"]["sha256"]) for row in self.rows.values()}
        if len(encoders) > 1:
            raise SystemExit(
                f"{table.path}: all cells must have one encoder, but they have {len(encoders)};"
                " delete the rows of the others"
            )
        self._lines: Callable[[], Mapping[Any, Any]] = cache(
            lambda: {
                (line["cell"], line["split"], line["language"]): line for line in table.lines()
            }
        )

    def counts(self, cell: Cell, language: str) -> Floats:
        """Counts of the test sentences, (N, 5), zeros where none are kept."""
        line = self._lines()[cell.name, "test", language]
        kept = KEPT[kind_of(cell.task)]
        found = np.zeros((len(line[kept[0]].split()), len(NAMES)))
        for name in kept:
            found[:, NAMES.index(name)] = np.array(line[name].split(), dtype=np.float64)
        return found

    def chosen(
        self, task: str, trained: tuple[str, ...], language: str, order: str, ks: Sequence[int],
        sources: tuple[str, ...] = (SOURCE,),
    ) -> Chosen | None:  # fmt: skip
        """What an order of heads is worth for a target; None while cells are missing."""
        whole = [Cell(task, trained, WHOLE, 0, seed) for seed in SEEDS]
        pruned = {k: [Cell(task, trained, order, k, seed, sources) for seed in SEEDS] for k in ks}
        return choose(self.rows, whole, pruned, language)

    def pair(self, chosen: Chosen, language: str) -> Pair:
        """Counts at the chosen k, and with all heads."""
        sides: tuple[list[Floats], list[Floats]] = ([], [])
        for cells in chosen.cells:
            for side, cell in zip(sides, cells, strict=True):
                side.append(self.counts(cell, language))
        return sides

    def says_nothing(self, chosen: Chosen, task: str, language: str) -> bool:
        """Whether the model with all heads is no better than a constant label."""
        if kind_of(task) is LabelKind.SPANS:
            return chosen.whole <= _LEAST_F1
        cell = chosen.cells[0][1]
        return chosen.whole <= float(self.rows[cell.name]["scores"][language]["test"]["constant"])


def report(table: Table) -> Iterator[Part]:
    """Title and lines of each part."""
    results = Results(table)
    for task, title in _TITLES.items():
        yield title, list(_pairs(results, task))
    yield "Table 5's shape: which heads go, English to one target", list(_controls(results))
    yield "Table 6's shape: several sources, parts of speech", list(_sources(results))
    yield "Tenths of the target's training sentences", list(_tenths(results))
    yield "Gain against likeness of English and the target, Spearman", list(_likeness(results))
    yield "Verdicts (95 % intervals over sentences and seeds, in points)", list(_verdicts(results))


def _settings(task: str, target: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {"cross": (SOURCE,)}
    if target in TARGETS[task][0]:
        found["multi"] = (SOURCE, target)
    return found


def _pairs(results: Results, task: str) -> Iterator[str]:
    yield _line("target", *(f"{s} {c}" for s in ("cross", "multi") for c in ("all", "k", "best*")))
    for target in languages(task)[1:]:
        columns: list[str] = []
        for setting in ("cross", "multi"):
            trained = _settings(task, target).get(setting)
            found = trained and results.chosen(task, trained, target, LOWEST, FEW)
            columns += _three(found) if found else ["-"] * 3
        yield _line(target, *columns)
    yield "k: by validation, its number behind it; best*: of k = 1 to 12 on test, as in the paper"


def _three(found: Chosen) -> list[str]:
    return [f"{found.whole:.2f}", f"{found.test:.2f} ({found.k})", f"{found.best:.2f}"]


def _line(*columns: str) -> str:
    return "".join(f"{text:<10}" if at == 0 else f"{text:>13}" for at, text in enumerate(columns))


def _controls(results: Results) -> Iterator[str]:
    yield _line("heads", *(f"{task} {end}" for task in CONTROLLED for end in ("gain", "gain*")))
    for name in (LOWEST, HIGHEST, "random"):
        columns: list[str] = []
        for task, target in CONTROLLED.items():
            found = [
                results.chosen(task, (SOURCE,), target, order, GRID) for order in _orders(name)
            ]
            there = [one for one in found if one is not None]
            gains = [[one.gain for one in there], [one.paper_gain for one in there]]
            whole = len(there) == len(found)
            columns += [f"{np.mean(one):+.2f}" if whole else "-" for one in gains]
        yield _line(name, *columns)
    yield f"k in {', '.join(map(str, GRID))}; gain: k by validation; gain*: the best on test"


def _orders(name: str) -> list[str]:
    return [f"random-{draw}" for draw in range(1, DRAWS + 1)] if name == "random" else [name]


def _sources(results: Results) -> Iterator[str]:
    names = {"all": "MD", "all-sum": "SD", "all-ranks": "MD (ranks)"}
    yield _line("target", "FL", *names.values(), "EC")
    every = languages("pos")
    for target in every:
        sources = tuple(language for language in every if language != target)
        found = {
            column: results.chosen("pos", sources, target, column, GRID, sources)
            for column in (*MERGED, *sources)
        }
        if any(one is None for one in found.values()):
            yield _line(target, *["-"] * 5)
            continue
        there = {column: one for column, one in found.items() if one is not None}
        # EC: of the sources' rankings the one that validates best
        single = max((there[source] for source in sources), key=lambda one: one.valid)
        columns = [f"{there['all'].whole:.2f}", *(f"{there[one].test:.2f}" for one in MERGED)]
        yield _line(target, *columns, f"{single.test:.2f}")
    yield "FL: all heads; the others: k by validation"


def _tenths(results: Results) -> Iterator[str]:
    yield _line("task", "share", "all heads", "pruned", "k")
    for task, target in CONTROLLED.items():
        trained = (SOURCE, target)
        full = results.chosen(task, trained, target, LOWEST, GRID)
        for parts in range(1, PARTS):
            cells = [Cell(task, trained, WHOLE, 0, seed, parts=parts) for seed in SEEDS]
            less = [replace(cell, order=LOWEST, k=full.k) for cell in cells if full and full.k]
            shown = [_mean(results, one, target) for one in (cells, less or cells)]
            k = str(full.k) if full else "-"
            yield _line(task, f"{parts}0 %", shown[0], shown[1] if full else "-", k)


def _likeness(results: Results) -> Iterator[str]:
    """Gains by how alike source and target are, of targets whose cells are all there."""
    points: list[Point] = []
    for task in _TITLES:
        cells = [Cell(task, (SOURCE,), WHOLE, 0, seed) for seed in SEEDS]
        for target in languages(task)[1:]:
            for setting, trained in _settings(task, target).items():
                found = results.chosen(task, trained, target, LOWEST, FEW)
                if found is None or any(cell.name not in results.rows for cell in cells):
                    yield f"{task}, {setting}, {target}: {MISSING}"
                    continue
                alike = likeness([results.rows[cell.name]["ranking"] for cell in cells], target)
                points.append(Point(task, setting, target, found.gain, found.paper_gain, alike))
    yield from lines(points)
    yield "ranks: of heads for both languages; family: Germanic, else Indo-European, neither"


def _mean(results: Results, cells: Sequence[Cell], language: str) -> str:
    if any(cell.name not in results.rows for cell in cells):
        return "-"
    scores = [results.rows[cell.name]["scores"][language]["test"]["score"] for cell in cells]
    return f"{np.mean(scores):.2f}"


# -- verdicts -------------------------------------------------------------------------------------


def _verdicts(results: Results) -> Iterator[str]:
    for task in _TITLES:
        for setting in ("cross", "multi"):
            if any(setting in _settings(task, target) for target in languages(task)[1:]):
                yield f"1 pruning helps, {task}, {setting}: {_helps(results, task, setting)}"
    for task in _TITLES:
        yield from _correlate(results, task)
    for task, target in CONTROLLED.items():
        yield f"3 lowest first is better than random, {task}: {_beats(results, task, target)}"


def _helps(results: Results, task: str, setting: str) -> str:
    pairs: list[Pair] = []
    left_out = []
    for target in languages(task)[1:]:
        trained = _settings(task, target).get(setting)
        if trained is None:
            continue
        found = results.chosen(task, trained, target, LOWEST, FEW)
        if found is None:
            return MISSING
        if setting == "cross" and results.says_nothing(found, task, target):
            left_out.append(target)
        else:
            pairs.append(results.pair(found, target))
    told = f"; left out as at chance: {', '.join(left_out)}" if left_out else ""
    if not pairs:
        return f"not judged{told}"
    value, low, high = difference(pairs, kind_of(task))
    return f"{verdict(low, high)}: {value:+.2f} [{low:+.2f}, {high:+.2f}]{told}"


def _correlate(results: Results, task: str) -> Iterator[str]:
    cells = [Cell(task, (SOURCE,), WHOLE, 0, seed) for seed in SEEDS]
    if any(cell.name not in results.rows for cell in cells):
        yield f"2 ranks correlate, {task}: {MISSING}"
        return
    rankings = [results.rows[cell.name]["ranking"] for cell in cells]
    told, lines = correlations(rankings, list(combinations(languages(task), 2)))
    shown = ", ".join(f"{a}-{b} {rho:.2f} (p {p:.3f})" for (a, b), rho, p in lines)
    yield f"2 ranks correlate, {task}: {told}: {shown}"


def _beats(results: Results, task: str, target: str) -> str:
    lowest = results.chosen(task, (SOURCE,), target, LOWEST, GRID)
    random = [results.chosen(task, (SOURCE,), target, order, GRID) for order in _orders("random")]
    there = [one for one in random if one is not None]
    if lowest is None or len(there) < len(random):
        return MISSING
    best = [results.counts(cell, target) for cell, _ in lowest.cells]
    others = [results.counts(cell, target) for one in there for cell, _ in one.cells]
    value, low, high = difference([(best, others)], kind_of(task))
    return f"{verdict(low, high)}: {value:+.2f} [{low:+.2f}, {high:+.2f}]"

"""The test split of a study: opened once, when all cells are there."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from studies.harness.origin import origin, without_folders
from studies.harness.processes import claimed
from studies.harness.running import (
    Trained,
    summarize_test,
    trained,
    trained_beside,
    trained_start,
)
from studies.harness.study import CellT, MaterialT, Study, Work
from studies.harness.summaries import Summary, measure, text_hash
from studies.harness.table import Table


def open_test(study: Study[CellT, MaterialT], work: Work[MaterialT], without: str = "") -> None:
    """Score every cell's summaries of the test split, once, when all cells are finished.

    Args:
        study: which.
        work: where things stand.
        without: names of cells that were given up match this; those that are there are scored.
    """
    if reason := study.not_ready(work.corpus):
        raise SystemExit(f"test split: {reason}")
    rows = work.table.rows()
    cells = [cell for cell in study.cells(work.corpus) if not _given_up(study, cell, without, rows)]
    beside = list(study.names_beside(work.corpus))
    names = [*(cell.name for cell in cells), *beside]
    starts = _starts(study, work, rows)
    names += starts
    missing = [name for name in names if name not in rows]
    if missing:
        raise SystemExit(
            f"test split: it is opened when all cells are in {work.table.path}, missing {missing}; "
            "finish them with `run`"
        )
    kept = _kept_summaries(work.table, names) if study.keeps_test_summaries else {}
    every = [trained(study, work, cell, rows[cell.name].get("rate", "")) for cell in cells]
    every += [trained_start(study, work, name) for name in starts]
    every += [trained_beside(study, work, name) for name in beside]
    for one in every:
        with claimed(work.out / f"{one.name}.test") as mine:
            if mine and "test" not in (work.table.row(one.name) or {}):
                _score_test(study, work, one, kept.get(one.name), without)


def _starts(
    study: Study[CellT, MaterialT], work: Work[MaterialT], rows: Iterable[str]
) -> list[str]:
    """Names of the rows of all starts, the first one's first, there or not."""
    if not study.start_name:
        return []
    first = f"{work.corpus}_{study.start_name}"
    return [first, *(name for name in rows if study.keeps_starts and name.startswith(f"{first}-"))]


def _given_up(
    study: Study[CellT, MaterialT], cell: CellT, without: str, rows: dict[str, Any]
) -> bool:
    """Whether a cell has no part in the test; ends the study where it must have one."""
    opened = [row["opened"].get("without", "") for row in rows.values() if "opened" in row]
    if "test" not in rows.get(cell.name, {}):
        if any(regex and re.search(regex, cell.name) for regex in opened):
            return True  # finished since: the split was opened without it
        if cell.name not in rows and without and re.search(without, cell.name):
            if study.optional(cell):
                return True
            raise SystemExit(
                f"--without {without}: {cell.name} must be finished before the test split is "
                "opened, by the study's rules; finish it with `run`"
            )
    return False


def _kept_summaries(table: Table, names: Sequence[str]) -> dict[str, list[Summary]]:
    """The unseen summaries of all cells; ends the study where one is not what its row says."""
    kept = {
        line["cell"]: line["summaries"]
        for line in table.lines()
        if line["split"] == "test" and "summaries" in line
    }
    rows = table.rows()
    wrong = [
        name
        for name in names
        if name not in kept or text_hash(kept[name]) != rows[name]["sha256"]["test_text"]
    ]
    if wrong:
        raise SystemExit(
            f"test split: all cells and the summaries that they were kept with must be in "
            f"{table.documents_path} before any are scored, missing {wrong}; delete the rows of "
            "these cells and let `run` make them again"
        )
    return kept


def _score_test(
    study: Study[CellT, MaterialT],
    work: Work[MaterialT],
    one: Trained,
    kept: list[Summary] | None,
    without: str,
) -> None:
    opened: dict[str, Any] = {**origin(), **({"without": without} if without else {})}
    lines = []
    if kept is None:
        kept, opened["decoding"] = summarize_test(work, one)
        lines = [{"cell": one.name, "split": "test", "summaries": kept}]
    records = study.records(work, "test")
    scores = {language: measure(kept, records, language) for language in one.languages}
    work.table.add(one.name, without_folders({"opened": opened, "test": scores}), lines)

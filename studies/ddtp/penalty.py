"""The length penalty of a system: the one with the best content ROUGE-1 on validation."""

import json
from collections.abc import Callable
from typing import Any

from mclas_fairseq.corpus.text_files import write_beside
from studies.ddtp.cells import PENALTIES, Cell
from studies.ddtp.corpora import Material
from studies.harness.study import Work
from studies.harness.summaries import Decoding, measure, read_summaries


def decided(work: Work[Material], cell: Cell) -> str:
    """The penalty of a cell; ends the study where the cell that decides it is not finished."""
    row = work.table.row(cell.decided_by) or {}
    file = work.out / "penalty" / f"{cell.decided_by}.json"
    if "penalty" in row:
        return str(row["penalty"])
    if file.exists():
        return best(json.loads(file.read_text(encoding="utf-8")))
    raise SystemExit(
        f"{cell.name}: its length penalty is that of {cell.decided_by}, which is not finished; "
        "run that one first"
    )


def decide(work: Work[Material], cell: Cell, search: Callable[[str], Decoding]) -> dict[str, Any]:
    """Columns of a cell's row: its penalty, and the trials if they are made with this cell.

    Args:
        work: where things stand.
        cell: a trained cell.
        search: penalty -> how the validation split is summarized with it.
    """
    if cell.name != cell.decided_by:
        return {"penalty": decided(work, cell), "penalty_from": cell.decided_by}
    file = work.out / "penalty" / f"{cell.name}.json"
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for penalty in PENALTIES:
        if penalty not in found:
            found[penalty] = _try(work, cell, penalty, search(penalty))
            with write_beside(file) as stream:
                stream.write(json.dumps(found))
    return {"penalty": best(found), "penalties": found}


def best(found: dict[str, float]) -> str:
    """The penalty with the highest value; of equals the first."""
    return max(found, key=found.__getitem__)


def _try(work: Work[Material], cell: Cell, penalty: str, decoding: Decoding) -> float:
    name = f"{cell.name}.lenpen{penalty}"
    summaries = work.out / "penalty" / f"{name}.jsonl"
    decoding.write(summaries, work.log(name))
    scores = measure(read_summaries(summaries), decoding.records, cell.corpus.language)
    return float(scores["means"]["content1"]["f"])

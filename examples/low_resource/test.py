"""Opens the test split of the low-resource study: once, for all cells, with the study's settings.

    python examples/low_resource/test.py OUT --corpus xscitldr --data DATA

Needs every cell of the corpus, and its summaries of the test split, which run.py wrote when it was
trained (cells/test/summaries/) and nobody scored. Writes cells/test/NAME.json, and never again one
that is there; report.py --split test makes the tables.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from low_resource.grid import CORPORA, Cell, cells  # noqa: E402
from low_resource.run import (  # noqa: E402
    CELLS,
    add_arguments,
    kept_summaries,
    open_study,
    score,
)
from study import all_finished, measure, score_once  # noqa: E402

from mclas_fairseq.bundles.format import describe_file  # noqa: E402


def belongs(name: str) -> bool:
    """Whether a cell is there with the summaries of the test split that it was kept with."""
    cell, summaries = CELLS / f"{name}.json", kept_summaries(name)
    if not (cell.exists() and summaries.exists()):
        return False
    kept = json.loads(cell.read_text(encoding="utf-8"))["sha256"]["test_summaries"]
    return bool(kept == describe_file(summaries).sha256)


def main() -> None:
    """Score every cell's summaries of the test split, when all are there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    args = parser.parse_args()
    finished = all_finished(cells(CORPORA[args.corpus]), CELLS)
    ms = f"{args.corpus}_ms"
    names = [*(one.cell.name for one in finished), ms]
    missing = [name for name in names if not belongs(name)]
    if missing:
        raise SystemExit(
            f"test split: all cells and the summaries that they were kept with must be in {CELLS} "
            f"before any are scored, missing {missing}; delete these cells and let run.py make "
            "them again"
        )
    study = open_study(args)

    def scores(cell: Cell) -> dict[str, Any]:
        return {"test": score(study, kept_summaries(cell.name), cell, "test")}

    for one in finished:
        score_once(one.cell.name, CELLS, study.out, partial(scores, one.cell))
    records = study.material.records["test"]
    score_once(
        ms, CELLS, study.out, lambda: {"test": {"en": measure(kept_summaries(ms), records, "en")}}
    )


if __name__ == "__main__":
    main()

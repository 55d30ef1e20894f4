"""Opens the test split of the low-resource study: once, for all cells, with the study's settings.

    python examples/low_resource/test.py OUT --corpus xscitldr --data DATA

Needs every cell of the corpus, and its summaries of the test split (cells/test/summaries/, written
by run.py and not scored there) or its checkpoint in OUT; writes cells/test/NAME.json, and never
again one that is there. report.py --split test makes the tables.
"""

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from keep_cell import keep  # noqa: E402
from low_resource.grid import CORPORA, Cell, cells  # noqa: E402
from low_resource.run import (  # noqa: E402
    CELLS,
    add_arguments,
    evaluate,
    evaluate_ms,
    open_study,
    summarize,
)
from study import claimed  # noqa: E402


def rate_of(cell: Cell) -> str:
    """The learning rate that a finished cell was trained with."""
    return str(json.loads((CELLS / f"{cell.name}.json").read_text(encoding="utf-8"))["rate"])


def main() -> None:
    """Score every cell's summaries of the test split; its checkpoint writes those that lack."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    args = parser.parse_args()
    corpus = CORPORA[args.corpus]
    chosen = list(cells(corpus))
    missing = [cell.name for cell in chosen if not (CELLS / f"{cell.name}.json").exists()]
    if missing:
        raise SystemExit(f"test split: opened when all cells are there, missing {missing}")
    study = open_study(args)
    trainings = {cell: f"{cell.name}_lr{rate_of(cell)}" for cell in chosen}
    for cell, training in trainings.items():  # nothing is scored before all summaries are there
        summarize(study, training, cell, "test")
    for cell, training in trainings.items():
        file = CELLS / "test" / f"{cell.name}.json"
        with claimed(study.out / f"{cell.name}.test") as mine:
            if not mine or file.exists():
                continue
            scores = evaluate(study, training, cell, "test")
            keep({"cell": cell.name, "test": scores}, file)
    file = CELLS / "test" / f"{corpus.name}_ms.json"
    if not file.exists():
        keep({"test": evaluate_ms(study, "test")}, file)


if __name__ == "__main__":
    main()

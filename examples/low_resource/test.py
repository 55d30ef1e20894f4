"""Opens the test split of the low-resource study: once, for all cells, with the study's settings.

    python examples/low_resource/test.py OUT --corpus xscitldr --data DATA

Needs every cell of the corpus, and its summaries of the test split (cells/test/summaries/, written
by run.py and not scored there) or its checkpoint in OUT; writes cells/test/NAME.json, and never
again one that is there. report.py --split test makes the tables.
"""

import argparse
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
    evaluate,
    evaluate_ms,
    open_study,
    summarize,
)
from study import all_finished, score_once  # noqa: E402


def main() -> None:
    """Score every cell's summaries of the test split; its checkpoint writes those that lack."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    args = parser.parse_args()
    finished = all_finished(cells(CORPORA[args.corpus]), CELLS)
    study = open_study(args)
    for cell, _, training in finished:  # nothing is scored before all summaries are there
        summarize(study, training, cell, "test")

    def scores(training: str, cell: Cell) -> dict[str, Any]:
        return {"test": evaluate(study, training, cell, "test")}

    for cell, _, training in finished:
        score_once(cell.name, CELLS, study.out, partial(scores, training, cell))
    name = f"{args.corpus}_ms"
    score_once(name, CELLS, study.out, lambda: {"test": evaluate_ms(study, "test")})


if __name__ == "__main__":
    main()

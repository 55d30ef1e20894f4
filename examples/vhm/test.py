"""Opens the test split of the VHM study: once, for all cells, with the study's settings.

    python examples/vhm/test.py OUT --corpus xscitldr --data DATA

Needs every cell of the corpus; writes cells/test/NAME.json beside them, and never again one that
is there. report.py --split test makes the tables.
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from study import all_finished, score_once  # noqa: E402
from vhm.grid import CORPORA, Cell, cells  # noqa: E402
from vhm.run import CELLS, add_arguments, evaluate, open_study  # noqa: E402


def main() -> None:
    """Summarize and score the test split with every cell's checkpoint."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    args = parser.parse_args()
    finished = all_finished(cells(CORPORA[args.corpus]), CELLS)
    study = open_study(args)

    def scores(training: str, rate: str, cell: Cell) -> dict[str, Any]:
        return {"rate": rate, **evaluate(study, training, cell, "test")}

    for cell, rate, training in finished:
        score_once(cell.name, CELLS, study.out, partial(scores, training, rate, cell))


if __name__ == "__main__":
    main()

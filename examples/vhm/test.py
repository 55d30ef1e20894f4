"""Opens the test split of the VHM study: once, for all cells, with the study's settings.

    python examples/vhm/test.py OUT --corpus xscitldr --data DATA

Needs every cell of the corpus; writes cells/test/NAME.json beside them, and never again one that
is there. report.py --split test makes the tables.
"""

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from keep_cell import keep  # noqa: E402
from study import claimed  # noqa: E402
from vhm.grid import CORPORA, cells  # noqa: E402
from vhm.run import CELLS, add_arguments, evaluate, open_study  # noqa: E402


def main() -> None:
    """Summarize and score the test split with every cell's checkpoint."""
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
    for cell in chosen:
        file = CELLS / "test" / f"{cell.name}.json"
        with claimed(study.out / f"{cell.name}.test") as mine:
            if not mine or file.exists():
                continue
            rate = json.loads((CELLS / f"{cell.name}.json").read_text(encoding="utf-8"))["rate"]
            scores = evaluate(study, f"{cell.name}_lr{rate}", cell, "test")
            keep({"cell": cell.name, "rate": rate, **scores}, file)


if __name__ == "__main__":
    main()

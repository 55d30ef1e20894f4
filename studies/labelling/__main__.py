r"""Which heads of a labeller can go: the study of Ma et al. (2021), judged by rules.md.

    python examples/pretrained/pretrain_masked.py DATA OUT/encoder --mono 3000000 \
        --languages en,de,zh,it,fr,pt --vocab-size 10000 --hidden 128 --layers 6 --heads 8 \
        --ffn 512 --train-positions 96 --updates 2000
    python -m studies.labelling run OUT --data DATA/seqlab --encoder OUT/encoder --only '^pos_en_'
    python -m studies.labelling report

`run` makes every cell that is missing (or those whose name matches): trains a labeller, ranks the
heads of those that have all, scores validation and test. What was stopped goes on where it was;
several `run` may work side by side in one OUT. `list` names the cells, `report` prints the tables
in the shape of the paper's 2, 3, 5 and 6, and the verdicts.
"""

import argparse
import re
from pathlib import Path

from studies.harness.parsers import commands
from studies.harness.table import RESULTS, Table
from studies.labelling.cells import all_cells
from studies.labelling.report import report
from studies.labelling.running import Place, run, states

NAME = "labelling"


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m studies.labelling`."""
    helps = {
        "run": "train, rank and score every cell that is not in the table yet",
        "list": "name and state of each cell",
        "report": "print tables and verdicts from the table",
    }
    made, by_command = commands(NAME, __doc__, helps)
    for command, one in by_command.items():
        add = one.add_argument
        add("--results", type=Path, default=RESULTS, metavar="FOLDER",
            help="of the table (default: studies/results)")  # fmt: skip
        if command != "report":
            add("--only", default="", metavar="REGEX", help="cells whose name matches")
        if command == "run":
            add("out", type=Path, metavar="OUT", help="folder for all but results")
            add("--data", type=Path, required=True, help="folder of pos/, ner/ and slots/")
            add("--encoder", type=Path, required=True, help="folder of the pretrained encoder")
            add("--smoke", type=int, default=0, metavar="N",
                help="try the study: end every training after N updates; needs --results of its"
                " own")  # fmt: skip
    return made


def main() -> None:
    """Do what the command line says."""
    args = parser().parse_args()
    table = Table(NAME, args.results)
    if args.command == "report":
        for title, lines in report(table):
            print(title, "", *lines, "", sep="\n")
        return
    chosen = [cell for cell in all_cells() if re.search(args.only, cell.name)]
    if args.command == "list":
        print(*states(table, chosen), sep="\n")
        return
    if args.smoke and args.results == RESULTS:
        raise SystemExit("--smoke: its rows are no results; give --results another folder")
    if not chosen:
        raise SystemExit(f"--only: no cell matches {args.only}; `list` shows their names")
    place = Place(args.out, args.data, args.encoder, table, args.smoke)
    waiting = [cell.name for cell in chosen if not run(place, cell)]
    if waiting:
        print(f"== left to other commands: {', '.join(waiting)}; run this again to see them done")


if __name__ == "__main__":
    main()

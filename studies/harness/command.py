"""The command line of every study: run, list, report and test."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from studies.harness.opening import open_test
from studies.harness.parsers import commands
from studies.harness.processes import claimed
from studies.harness.running import run, run_beside, run_start, states
from studies.harness.study import CellT, MaterialT, Study, Work
from studies.harness.table import RESULTS, Table


def main(study: Study[CellT, MaterialT], arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says."""
    args = parser(study).parse_args(arguments)
    table = Table(study.name, args.results, getattr(args, "run", ""))
    corpus: str = args.corpus
    if args.command == "run":
        _run(study, table, args)
    elif args.command == "list":
        work = Work(corpus, args.out / corpus, table, None)
        print(*states(study, work), sep="\n")
    elif args.command == "test":
        open_test(study, _open(study, table, args), args.without)
    else:
        _report(study, table, args)


def parser(study: Study[CellT, MaterialT]) -> argparse.ArgumentParser:
    """The command line; the help is the docstring of the study's module."""
    helps = {
        "run": "train, summarize and score every cell that is not in the table yet",
        "list": "name and state of each cell, no more",
        "report": "print tables and verdicts from the table",
        "test": "open the test split: once, when all cells are there",
    }
    if not study.opens_test:
        del helps["test"]
    about = sys.modules[type(study).__module__].__doc__
    whole, by_command = commands(study.name, about, helps)
    for command, one in by_command.items():
        if command != "report":
            one.add_argument("out", type=Path, metavar="OUT", help="folder for all but results")
        first = study.corpora[0] if len(study.corpora) == 1 else None
        one.add_argument("--corpus", choices=study.corpora, default=first, required=first is None)
        one.add_argument(
            "--results",
            type=Path,
            default=RESULTS,
            metavar="FOLDER",
            help="of the tables (default: studies/results)",
        )
        if command in ("run", "test"):
            one.add_argument("--data", type=Path, metavar="DATA", help="folder of real corpora")
        if command == "run":
            one.add_argument("--only", default="", metavar="REGEX", help="cells whose name matches")
            one.add_argument(
                "--smoke", type=int, default=0, metavar="N",
                help="try the study: end every training after N updates; needs an OUT and "
                "--results of its own",
            )  # fmt: skip
        if command == "test":
            one.add_argument(
                "--without", default="", metavar="REGEX",
                help="do not wait for cells whose name matches, which were given up",
            )  # fmt: skip
        if command == "report":
            one.add_argument(
                "--run", default="", metavar="NAME", help="of an earlier run: rows NAME/..."
            )
            one.add_argument("--split", choices=("valid", "test"), default="valid")
            one.add_argument("--plot", type=Path, metavar="PNG", help="write the figure too")
    return whole


def choose(
    study: Study[CellT, MaterialT], corpus: str, regex: str, *, needed: bool = True
) -> list[CellT]:
    """The cells whose name matches; those outside the comparison only if none of the others does.

    Ends the study when there is none at all, if one is needed.
    """
    for group in (study.cells, study.cells_by_name):
        if chosen := [cell for cell in group(corpus) if re.search(regex, cell.name)]:
            return chosen
    if not needed:
        return []
    raise SystemExit(f"--only: no cell of {corpus} matches {regex}; `list` shows their names")


def _open(
    study: Study[CellT, MaterialT], table: Table, args: argparse.Namespace
) -> Work[MaterialT]:
    """Make or find the corpora and data-bins."""
    out = args.out / args.corpus
    with claimed(out / "corpora.claim") as mine:
        if not mine:
            raise SystemExit("the corpora are being made by another command; wait for it")
        material = study.prepare(args.corpus, args.data, out)
    return Work(args.corpus, out, table, material)


def _run(study: Study[CellT, MaterialT], table: Table, args: argparse.Namespace) -> None:
    beside = [name for name in study.names_beside(args.corpus) if re.search(args.only, name)]
    chosen = choose(study, args.corpus, args.only, needed=not beside)
    if args.smoke and args.results == RESULTS:
        raise SystemExit("--smoke: its rows are no results; give --results another folder")
    work = replace(_open(study, table, args), smoke=args.smoke)
    _check_smoke(work)
    names = [*(cell.name for cell in chosen), *beside]
    run_start(study, work, [name for name in names if table.row(name) is None])
    waiting = [cell.name for cell in chosen if not run(study, work, cell)]
    waiting += [name for name in beside if not run_beside(study, work, name)]
    if waiting:
        print(f"== left to other commands: {', '.join(waiting)}; run this again to see them done")


def _check_smoke(work: Work[MaterialT]) -> None:
    """End the study where OUT was begun with other lengths of training."""
    marker = work.out / "smoke.txt"
    before = marker.read_text(encoding="utf-8").strip() if marker.exists() else ""
    begun = any(work.out.glob("**/checkpoint_last.pt")) or bool(before)
    if begun and before != (str(work.smoke) if work.smoke else ""):
        was = f"with --smoke {before}" if before else "without --smoke"
        raise SystemExit(f"--smoke {work.smoke}: {work.out} was begun {was}; take another OUT")
    if work.smoke:
        marker.write_text(f"{work.smoke}\n", encoding="utf-8")


def _report(study: Study[CellT, MaterialT], table: Table, args: argparse.Namespace) -> None:
    for title, lines in study.report(table, args.corpus, args.split):
        print(*([title, ""] if title else []), *lines, *([""] if title else []), sep="\n")
    if args.plot:
        study.plot(table, args.corpus, args.split, args.plot)

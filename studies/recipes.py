"""Results of recipes in examples/: kept as rows of a study's table, and printed from it.

    python -m studies.recipes report xscitldr
    python -m studies.recipes report roundtrip --only filter
    python -m studies.recipes keep pretrained random-seed1 report.json --validations training.log
    python -m studies.recipes have pretrained random-seed1 && echo finished
    python -m studies.recipes names xscitldr 'seed1$'

A recipe keeps the report of `mclas score`, `mclas report`, `mclas roundtrip` or a script as a row
of studies/results/TABLE.csv, with where and with what it was made; `report` prints scores,
comparisons and whatever else the rows hold.
"""

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.training_log import read_validations
from studies.harness.origin import origin, without_folders
from studies.harness.parsers import commands
from studies.harness.table import RESULTS, Table, flattened

_KEPT = re.compile(r"^(?:num_updates|(?:ms_|cls_)?nll_loss|(?:ms_)?rouge\w+)$")
_DONE = re.compile(r"done training in ([\d.]+) seconds")
_UPDATES = re.compile(r"num_updates[=\s]+(\d+)")
METRICS = ("rouge1", "rouge2", "rougeL")


def stage(log: Path) -> dict[str, Any]:
    """Updates and seconds of one training, over all its starts, from its log."""
    text = log.read_text(encoding="utf-8", errors="replace")
    updates = [int(found) for found in _UPDATES.findall(text)]
    return {
        "stage": log.stem,
        "updates": max(updates, default=0),
        "seconds_of_last_start": round(sum(map(float, _DONE.findall(text)[-1:])), 1),
    }


def validations(log: Path) -> list[dict[str, float]]:
    """Of each validation of a training: its update, NLL (bits per token) and ROUGE."""
    return [
        {name: value for name, value in values.items() if _KEPT.search(name)}
        for values in read_validations(log)
    ]


def keep(table: Table, args: argparse.Namespace) -> None:
    """Add a report as a row."""
    row = {**origin(), **json.loads(args.report.read_text(encoding="utf-8"))}
    if args.seed is not None:
        row["seed"] = args.seed
    if args.stages:
        row["stages"] = [stage(log) for log in args.stages if log.is_file()]
    if args.validations is not None:
        row["validations"] = validations(args.validations)
    table.add(args.name, without_folders(row))


def shown(name: str, row: dict[str, Any]) -> Iterator[str]:
    """One row as Markdown: scores by system, comparisons, checks, and what else is in it."""
    report = {**row, **row.get("report", {})}
    yield f"**{name}** (commit {row['commit']}, {row['hardware']})"
    yield ""
    systems = report.pop("rows", []) + report.pop("systems", [])
    if systems:
        yield "| system | R-1 | R-2 | R-L | length (references) | R-1 of the runs |"
        yield "|---|---|---|---|---|---|"
    for system in systems:
        found = system["metrics"]
        scores = " | ".join(_score(found[metric]) for metric in METRICS)
        lengths = f"{system['length']:.1f} ({system['reference_length']:.1f})"
        runs = ", ".join(f"{one:.1f}" for one in found["rouge1"].get("runs", []))
        yield f"| {system['system']} | {scores} | {lengths} | {runs} |"
    if systems:
        yield ""
    for pair in report.pop("comparisons", []):
        gaps = (f"{metric} {_gap(pair['metrics'][metric])}" for metric in METRICS)
        yield f"- {pair['first']} minus {pair['second']}: {', '.join(gaps)}"
    for check in report.pop("checks", []):
        yield from _check(check)
    known = {*origin(), "report", "resampling", "comparison", "references", "language", "cell"}
    rest = {key: value for key, value in report.items() if key not in known}
    yield from (f"- {path}: {value}" for path, value in flattened(rest).items())
    yield ""


def _score(found: dict[str, Any]) -> str:
    return "{:.2f} [{:.2f}, {:.2f}]".format(found["mean"], *found["interval"])


def _gap(found: dict[str, Any]) -> str:
    text = "{:+.2f} [{:+.2f}, {:+.2f}]".format(
        found["difference"] if "difference" in found else found["mean"], *found["interval"]
    )
    p = found.get("p_value_randomisation")
    return text if p is None else f"{text} (randomisation p {p:.4f})"


def _check(check: dict[str, Any]) -> Iterator[str]:
    """Whether a system learned, as `mclas report` says it, now (0.2) and before."""
    said = check.get("verdict") or ("learned" if check["learned"] else "has not learned")
    reasons = f": {'; '.join(check['failures'])}" if check["failures"] else ""
    yield f"- {check['system']} {said}{reasons}; {100 * check['distinct']:.0f} % distinct"
    shuffled = check.get("minus_shuffled_rouge1") or check["matched_minus_shuffled_rouge1"]
    yield f"  - R-1 minus shuffled references: {_gap(shuffled)}"
    measure = check.get("measure", "R-1")
    baselines = check.get("minus_baselines_rouge1") or check["minus_baselines"]
    for baseline, found in baselines.items():
        yield f"  - {measure} minus {baseline}: {_gap(found)}"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    helps = {
        "report": "print the rows of a table",
        "names": "print the names of its rows",
        "have": "exit with 0 if a row is there, 1 if not",
        "keep": "add a report as a row",
    }
    whole, by_command = commands("recipes", __doc__, helps)
    for command, one in by_command.items():
        one.add_argument("table", metavar="TABLE", help="xscitldr, pretrained or roundtrip")
        one.add_argument(
            "--results", type=Path, default=RESULTS, metavar="FOLDER", help="of tables"
        )
        if command == "report":
            one.add_argument("--only", default="", metavar="REGEX", help="rows whose name matches")
        elif command == "names":
            one.add_argument("only", metavar="REGEX", help="names that match")
        else:
            one.add_argument("name", metavar="NAME", help="of the row")
        if command == "keep":
            one.add_argument("report", type=Path, metavar="REPORT", help="JSON")
            one.add_argument("--seed", type=int, help="of the training")
            one.add_argument("--stages", type=Path, nargs="+", metavar="LOG", help="of trainings")
            one.add_argument("--validations", type=Path, metavar="LOG", help="of the training")
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    args = parser().parse_args(arguments)
    table = Table(args.table, args.results)
    if args.command == "keep":
        keep(table, args)
    elif args.command == "have":
        return int(table.row(args.name) is None)
    else:
        found = {name: row for name, row in table.rows().items() if re.search(args.only, name)}
        if not found:
            raise SystemExit(f"{table.path}: no row matches {args.only!r}")
        for name, row in found.items():
            print(*(shown(name, row) if args.command == "report" else [name]), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

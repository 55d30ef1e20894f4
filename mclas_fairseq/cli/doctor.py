"""`mclas doctor`: what is installed, what works, and the one line that mends what does not.

With `--data` a data-bin is examined instead: every file, by its checksum and by what it holds.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mclas_fairseq.doctor.examination import examine, version_of
from mclas_fairseq.doctor.rows import Row

NAME = "doctor"
HELP = "say what is installed, what works, and how to mend what does not"
NEEDS_FAIRSEQ = "data"  # of the rest it says what is wrong with it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and add its option."""
    parser.description = (
        "Print what is installed and what works. Under everything that does not work stands the\n"
        "one line that mends it. Exit code 0 when all needed parts work, 1 when not.\n\n"
        "With --data look at a data-bin instead: all of its files are read and compared with the\n"
        "checksums that mclas prepare wrote. Exit code 2 at the first that is damaged or of\n"
        "another data-bin."
    )
    parser.epilog = "example:\n  mclas doctor\n  mclas doctor --data data-bin/news"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--data", type=Path, metavar="DATA_BIN", help="check every file of this data-bin"
    )


def run(args: argparse.Namespace) -> int:
    """Examine this installation, or a data-bin, and print the report."""
    if args.data is not None:
        return _examine_data_bin(args.data)
    rows = examine()
    print(format_report(rows))
    return 1 if any(row.stops_work for row in rows) else 0


def _examine_data_bin(folder: Path) -> int:
    from mclas_fairseq.data.data_bin import DataBin

    data_bin = DataBin.open(folder)
    for name in dict.fromkeys(data_bin.check_everything()):
        print(f"  ok       {name}")
    how = "" if data_bin.manifest.files else " (made by version 0.1, without checksums)"
    print(f"\nevery file of {folder} is as it was made{how}")
    return 0


def format_report(rows: Sequence[Row]) -> str:
    """Lay the rows out in columns, each remedy under its row, and sum up in the last line."""
    width = max(len(row.part) for row in rows)
    lines = [f"mclas-fairseq {version_of('mclas-fairseq') or '(not installed)'}", ""]
    for row in rows:
        lines.append(f"  {row.state.value:<8} {row.part:<{width}}  {row.found}")
        if row.remedy:
            lines.append(f"  {'':<8} {'':<{width}}  to mend: {row.remedy}")
    broken = [row.part for row in rows if row.stops_work]
    verdict = f"does not work: {', '.join(broken)}" if broken else "all needed parts work"
    return "\n".join([*lines, "", verdict])

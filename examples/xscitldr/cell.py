"""The small JSON that a finished cell of the study leaves: scores, checks, times, hardware.

python cell.py NAME --report report.json --seed 1 --logs ms.log name.log --out cells/NAME.json
"""

import argparse
import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import torch

import mclas_fairseq
from mclas_fairseq.corpus.text_files import write_beside

_DONE = re.compile(r"done training in ([\d.]+) seconds")
_UPDATES = re.compile(r"num_updates[=\s]+(\d+)")


def stage(log: Path) -> dict[str, Any]:
    """Updates and seconds of one training, over all its starts, from its log."""
    text = log.read_text(encoding="utf-8", errors="replace")
    updates = [int(found) for found in _UPDATES.findall(text)]
    return {
        "stage": log.stem,
        "updates": max(updates, default=0),
        "seconds_of_last_start": round(sum(map(float, _DONE.findall(text)[-1:])), 1),
    }


def processor() -> str:
    """Name and number of the processors that this process may use."""
    names = re.findall(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return f"{len(os.sched_getaffinity(0))} x {names[0] if names else platform.processor()}"


def commit() -> str:
    """The commit that the working tree stands on."""
    here = Path(__file__).parent
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


def main() -> None:
    """Put the report of one system and how it was trained into one file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("name", help="name of the cell")
    parser.add_argument("--report", type=Path, required=True, help="JSON of mclas report")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--logs", type=Path, nargs="+", default=[], help="logs of the trainings")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    report = json.loads(args.report.read_text(encoding="utf-8"))
    cell = {
        "cell": args.name,
        "seed": args.seed,
        "commit": commit(),
        "version": mclas_fairseq.__version__,
        "hardware": processor(),
        "threads": int(os.environ.get("OMP_NUM_THREADS", "0")),
        "torch": str(torch.__version__),
        "stages": [stage(log) for log in args.logs if log.is_file()],
        "report": report,
    }
    with write_beside(args.out) as stream:
        json.dump(cell, stream, ensure_ascii=False, indent=2)
        stream.write("\n")


if __name__ == "__main__":
    main()

"""Keep the report of a finished run as a small JSON, with where and with what it was made.

    python keep_cell.py report.json cells/NAME.json
    python keep_cell.py report.json cells/NAME.json --training-log NAME.log

With the log of fairseq-train the report gets `validations`: by update NLL, in bits per token, and
ROUGE. Folders are cut off the names of files, as they say nothing on another machine.
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
from validations import read_validations

import mclas_fairseq
from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.modules.emulated_bf16 import processor_has_bf16

_KEPT = re.compile(r"^(?:num_updates|(?:ms_|cls_)?nll_loss|(?:ms_)?rouge\w+)$")
_FOLDERS = re.compile(r"(?<![\w.])/(?:[\w.+-]+/)+")


def without_folders(value: Any) -> Any:
    """A JSON value whose texts name files without their absolute folders."""
    if isinstance(value, str):
        return _FOLDERS.sub("", value)
    if isinstance(value, list):
        return [without_folders(one) for one in value]
    if isinstance(value, dict):
        return {key: without_folders(one) for key, one in value.items()}
    return value


def origin() -> dict[str, str]:
    """Version, commit and hardware, with whether the processor computes in bf16."""
    names = re.findall(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text("utf-8"))
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    cores = len(os.sched_getaffinity(0))
    return {
        "commit": done.stdout.strip() or "unknown",
        "version": mclas_fairseq.__version__,
        "torch": str(torch.__version__),
        "hardware": f"{cores} x {names[0] if names else platform.processor()}",
        "processor_bf16": "yes" if processor_has_bf16() else "emulated",
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
    }


def keep(report: dict[str, Any], path: Path) -> None:
    """Write the cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as stream:
        json.dump({**origin(), **without_folders(report)}, stream, ensure_ascii=False, indent=2)
        stream.write("\n")


def validations(log: Path) -> list[dict[str, float]]:
    """Of each validation of a training: its update, NLL and ROUGE."""
    return [
        {name: value for name, value in values.items() if _KEPT.search(name)}
        for values in read_validations(log)
    ]


def main() -> None:
    """Read a report and keep it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("cell", type=Path)
    parser.add_argument("--training-log", type=Path)
    args = parser.parse_args()
    report = json.loads(args.report.read_text(encoding="utf-8"))
    if args.training_log is not None:
        report["validations"] = validations(args.training_log)
    keep(report, args.cell)


if __name__ == "__main__":
    main()

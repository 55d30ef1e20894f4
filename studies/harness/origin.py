"""With what and where a cell was made."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mclas_fairseq.version import __version__

_FOLDERS = re.compile(r"(?<![\w.])/(?:[\w.+-]+/)+")


def without_folders(value: Any) -> Any:
    """A JSON value whose texts name files without their absolute folders.

    These say nothing on another machine.
    """
    if isinstance(value, str):
        return _FOLDERS.sub("", value)
    if isinstance(value, list):
        return [without_folders(one) for one in value]
    if isinstance(value, dict):
        return {key: without_folders(one) for key, one in value.items()}
    return value


def origin() -> dict[str, str]:
    """Version, commit and hardware, with whether the processor computes in bf16."""
    from mclas_fairseq.modules.emulated_bf16 import processor_has_bf16

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
        "version": __version__,
        "torch": version("torch"),
        "hardware": f"{cores} x {names[0] if names else platform.processor()}",
        "processor_bf16": "yes" if processor_has_bf16() else "emulated",
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
    }

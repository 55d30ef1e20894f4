"""One line instead of a traceback, when fairseq's commands meet an error of the user's.

`mclas` turns an `MclasError` into one line itself. In `fairseq-train` and its sisters the same
error would end in some sixty lines of traceback, of which the last one matters. When the running
program is one of fairseq's commands, this hook prints that line alone; all other errors, and every
program that merely imports the package, keep their tracebacks. `LOGLEVEL=DEBUG`, the variable from
which fairseq's commands take their log level, brings the traceback back.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Optional

from mclas_fairseq.errors import MclasError
from mclas_fairseq.host.wrapping import wrap_once

Hook = Callable[[type[BaseException], BaseException, Optional[TracebackType]], object]


def print_errors_in_one_line() -> None:
    """Set `sys.excepthook` if the running program is a command of fairseq's. Idempotent."""
    program = sys.argv[0] if sys.argv else ""
    if is_fairseq_command(program):
        wrap_once(sys, "excepthook", lambda hook: one_line_hook(Path(program).stem, hook))


def is_fairseq_command(program: str) -> bool:
    """Tell `.../bin/fairseq-train` and `.../fairseq_cli/train.py` from all other programs."""
    path = Path(program)
    return path.name.startswith("fairseq-") or path.parent.name == "fairseq_cli"


def one_line_hook(command: str, otherwise: Hook) -> Hook:
    """Make a hook that prints `COMMAND: error: MESSAGE` for our errors and hands on the others."""

    def hook(
        kind: type[BaseException], error: BaseException, traceback: Optional[TracebackType]
    ) -> None:
        ours = find_our_error(error)
        if ours is None or os.environ.get("LOGLEVEL", "").upper() == "DEBUG":
            otherwise(kind, error, traceback)
            return
        sys.stderr.write(f"{command}: error: {ours}\n")

    return hook


def find_our_error(error: Optional[BaseException]) -> Optional[MclasError]:
    """Return our error, also from inside the bare `Exception` that the trainer wraps it in."""
    while error is not None:
        if isinstance(error, MclasError):
            return error
        error = (error.__cause__ or error.__context__) if type(error) is Exception else None
    return None

"""One line instead of a traceback, when fairseq's commands meet an error of the user's.

`mclas` turns an `MclasError` into one line itself. In `fairseq-train` and its sisters the same
error would end in some sixty lines of traceback, of which the last one matters. An error of ours
that has passed through the `main` of one of fairseq's commands on its way out of the program is
told in that line alone; all other errors, and those of programs that merely import the package,
keep their tracebacks. `LOGLEVEL=DEBUG`, the variable from which fairseq's commands take their log
level, brings the traceback back.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Optional

from mclas_fairseq.errors import MclasError

Hook = Callable[[type[BaseException], BaseException, Optional[TracebackType]], object]

_COMMANDS = "fairseq_cli"  # the package that holds fairseq's commands
_STARTS = ("cli_main", "main")  # where each begins


def in_one_line(otherwise: Hook) -> Hook:
    """Wrap `sys.excepthook`: `COMMAND: error: MESSAGE` for our errors in fairseq's commands."""

    def hook(
        kind: type[BaseException], error: BaseException, traceback: Optional[TracebackType]
    ) -> None:
        ours, command = find_our_error(error), find_command(traceback)
        debugging = os.environ.get("LOGLEVEL", "").upper() == "DEBUG"
        if ours is None or command is None or debugging:
            otherwise(kind, error, traceback)
            return
        sys.stderr.write(f"{command}: error: {ours}\n")

    return hook


def find_command(traceback: Optional[TracebackType]) -> Optional[str]:
    """Which of fairseq's commands an error ended, as in "fairseq-train"; None: it was no command.

    However the command was started: by its script, by `python -m`, from a program.
    """
    for frame, _ in walk_tb(traceback):
        path = Path(frame.f_code.co_filename)
        if path.parent.name == _COMMANDS and frame.f_code.co_name in _STARTS:
            return f"fairseq-{path.stem.replace('_', '-')}"
    return None


def find_our_error(error: Optional[BaseException]) -> Optional[MclasError]:
    """Return our error, also from inside the bare `Exception` that the trainer wraps it in."""
    while error is not None:
        if isinstance(error, MclasError):
            return error
        error = (error.__cause__ or error.__context__) if type(error) is Exception else None
    return None

"""The log of `fairseq-generate`, which stays away from where its hypotheses go.

It means to log there, to standard output or to the file of `--results-path`, and `mclas extract`
reads both in one. But parts of fairseq for speech configure the root logger for standard error
while they are imported, and what is configured later has no effect.
"""

import logging
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from fairseq_cli import generate


def modules_of_generate() -> list[ModuleType]:
    """The command's module, and its copy when it runs as `python -m fairseq_cli.generate`."""
    running = sys.modules["__main__"]
    path = getattr(running, "__file__", None)
    is_it = path is not None and os.path.exists(path) and os.path.samefile(path, generate.__file__)
    return [generate, running] if is_it else [generate]


def logging_where_it_prints(decode: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fairseq_cli.generate._main`, which configures the root logger first."""

    def decode_and_log(cfg: Any, output_file: Any) -> Any:
        root = logging.getLogger()
        in_the_way = [
            handler
            for handler in root.handlers
            if type(handler) is logging.StreamHandler and handler.stream is sys.stderr
        ]
        for handler in in_the_way:
            root.removeHandler(handler)
        try:
            return decode(cfg, output_file)
        finally:
            for handler in in_the_way:
                root.addHandler(handler)

    return decode_and_log

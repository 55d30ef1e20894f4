"""One training of `test_resume.py`, in a process of its own that may end as `kill -9` ends it.

Run by path, with what to do as JSON: {"flags": [...], "log": FILE} and, if it is to be killed,
{"kill_after_update": N} or {"kill_in_copy_of": NAME}. Until then it does what
`fairseq-train FLAGS > FILE 2>&1` does.
"""

import json
import logging
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any


class KillAfterUpdate(logging.Handler):
    """Ends the process once the log shows an update; handlers set up earlier have written it."""

    def __init__(self, update: int):
        super().__init__()
        self.shown = f'"num_updates": "{update}"'

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "train_inner" and self.shown in record.getMessage():
            os.kill(os.getpid(), signal.SIGKILL)


def kill_in_copy_of(checkpoint: str) -> None:
    """End the process when half of this file has been copied for `checkpoint_last.pt`."""
    whole = shutil.copyfile

    def half(source: str, target: str) -> Any:
        if (Path(source).name, Path(target).name[:18]) != (checkpoint, "checkpoint_last.pt"):
            return whole(source, target)
        content = Path(source).read_bytes()
        with Path(target).open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    shutil.copyfile = half  # type: ignore[assignment]


def main(job: dict[str, Any]) -> None:
    log = os.open(job["log"], os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["fairseq-train", *job["flags"]]

    import torch
    from fairseq_cli.train import cli_main

    torch.set_num_threads(1)
    if "kill_after_update" in job:
        logging.getLogger().addHandler(KillAfterUpdate(job["kill_after_update"]))
    if "kill_in_copy_of" in job:
        kill_in_copy_of(job["kill_in_copy_of"])
    cli_main()


if __name__ == "__main__":
    # From a process that was forked with fairseq imported, or from a new interpreter.
    main(json.loads(globals().get("JOB") or sys.argv[1]))

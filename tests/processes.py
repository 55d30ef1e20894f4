"""Programs that tests run in processes of their own."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


def output_of(
    command: Sequence[object], folder: Path, *, given: str = "", **environment: str
) -> str:
    """Run a program, which must succeed; all that it wrote, to standard error as well.

    Args:
        command: the program and its arguments.
        folder: where it runs.
        given: its standard input.
        environment: variables beside those of this process.
    """
    done = subprocess.run(
        [str(word) for word in command],
        input=given,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout

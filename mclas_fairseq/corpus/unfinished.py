"""Files and folders that are made beside their place: what a killed run left goes with the next.

Whatever a command writes has a hidden name until it is whole (`.NAME.1a2b3c4d.unfinished`). A run
that is killed cannot remove it. So it holds a lock of the system's on it while it lives, and the
next run for the same place removes what nobody holds.
"""

import fcntl
import glob
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Optional

logger = logging.getLogger(__name__)

_TRIES = 100
SUFFIX = ".unfinished"


@contextmanager
def unfinished_file(path: Path) -> Iterator[Path]:
    """Yield a new, empty file beside `path`; where the block has not renamed it, it is removed."""
    with _made(path, folder=False) as made:
        try:
            yield made
        finally:
            made.unlink(missing_ok=True)


@contextmanager
def unfinished_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`; where the block has not renamed it, it is removed."""
    with _made(path, folder=True) as made:
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _made(path: Path, *, folder: bool) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_left_over(path)
    held = None
    for _ in range(_TRIES):
        made = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{SUFFIX}")
        if folder:
            made.mkdir()
        else:
            os.close(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        held = _hold(made)
        if held is not None:
            break  # else another run took it for a left-over one, in this very moment
        if made.exists():
            break  # on a file system without locks, where nothing is taken for one
    try:
        yield made
    finally:
        if held is not None:
            os.close(held)


def remove_left_over(path: Path) -> None:
    """Remove what killed runs left beside `path`; what a living one is making stays."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.????????{SUFFIX}"):
        held = _hold(left)
        if held is None:
            continue
        try:
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
            logger.info("removed %s, which a run that was killed had left", left)
        finally:
            os.close(held)


def _hold(path: Path) -> Optional[int]:
    """Lock a file or folder; None where somebody else holds it, or it is gone or no such thing."""
    with suppress(OSError):  # of a file system without locks as well: nothing is removed there
        held = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(held), path.lstat()):
                return held
        except OSError:
            os.close(held)
            raise
        os.close(held)
    return None

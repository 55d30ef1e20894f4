"""One run at a time makes a folder: who comes second is told at once.

The lock is the system's, on a hidden file beside the folder: it goes with the process that holds
it, however that ends, so a killed run locks nobody out. The file is removed in the end.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mclas_fairseq.errors import DataError


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the right to make a folder, whose parent exists.

    Raises:
        DataError: another process holds it.
        OSError: the file beside the folder cannot be made.
    """
    path = folder.with_name(f".{folder.name}.lock")
    held = _acquire(path, folder)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # first, so that nobody waits for a file that is gone
        os.close(held)


def _acquire(path: Path, folder: Path) -> int:
    while True:
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, held):
                return held
        except BlockingIOError:
            os.close(held)
            raise DataError(
                f"{folder}: must be made by one run at a time, but another one is making it now;"
                " wait for its end or choose another --out"
            ) from None
        except BaseException:
            os.close(held)
            raise
        os.close(held)  # its last holder removed it between our opening and our locking


def _is_still(path: Path, held: int) -> bool:
    """Whether the file of that name is the opened one."""
    try:
        there, ours = path.stat(), os.fstat(held)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

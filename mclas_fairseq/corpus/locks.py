"""One process at a time writes to a place: a lock that ends with the process, however it ends.

A lock is a file with a lock of the system's on it (`flock`). Where the process ends, even killed,
the system gives it up; a file that was left behind means nothing then. In the file stands who holds
it, for the message to others.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Optional

from mclas_fairseq.errors import ConfigError, DataError


class Lock:
    """A lock that this process holds until `release`, or until it ends."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self.path = path
        self._file: Optional[IO[str]] = file

    def release(self) -> None:
        """Give the lock up and remove its file; done twice, it does no more."""
        if self._file is None:
            return
        with suppress(OSError):
            self.path.unlink()  # while it is held: nobody can have taken it
        self._file.close()
        self._file = None


def take_lock(path: Path) -> Optional[Lock]:
    """Take the lock `path` if it is free, without waiting; None: somebody holds it.

    Raises:
        OSError: the file cannot be written, or the file system has no locks.
    """
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        except OSError:
            file.close()
            raise
        if _is_there(path, file):
            file.truncate(0)
            file.write(f"{os.getpid()} {socket.gethostname()}\n")
            file.flush()
            return Lock(path, file)
        file.close()  # its holder removed it meanwhile: the lock is another file now


def _is_there(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def holder(path: Path) -> tuple[int, str]:
    """Process and machine that hold a lock; 0 and "" where its file does not say."""
    with suppress(OSError, ValueError):
        process, machine = path.read_text(encoding="utf-8").split()
        return int(process), machine
    return 0, ""


def lock_or_refuse(path: Path, place: str, remedy: str) -> Lock:
    """Take the lock `path`, or say who writes to `place`.

    Args:
        path: the lock's file.
        place: what it stands for, for the message, as in "--save-dir checkpoints".
        remedy: what else one can do, as in "choose another folder".

    Raises:
        ConfigError: another process holds it.
    """
    lock = take_lock(path)
    if lock is None:
        process, machine = holder(path)
        who = f"process {process} on {machine}" if process else "another process"
        raise ConfigError(
            f"{place}: {who} writes there at present; wait until it ends, or {remedy}"
        )
    return lock


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the right to make a folder, whose parent exists.

    Raises:
        DataError: another process holds it.
        OSError: the file beside the folder cannot be made.
    """
    lock = take_lock(folder.with_name(f".{folder.name}.lock"))
    if lock is None:
        raise DataError(
            f"{folder}: must be made by one run at a time, but another one is making it now;"
            " wait for its end or choose another --out"
        )
    try:
        yield
    finally:
        lock.release()

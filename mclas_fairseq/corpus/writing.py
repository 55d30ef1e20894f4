"""Where output goes: exactly where the user pointed, whole or not at all.

- A file is written beside its place under a hidden name and renamed when it is complete. A symbolic
  link is followed, and a file that is replaced keeps its rights.
- What is no file (a device, a named pipe, the `/dev/fd/63` of a shell's `>(...)`) is written to,
  never replaced.
- Inside `all_or_none` files get their names together, at its end: all reports of a command or none.
- What goes wrong is one `OutputError` that names the file: a full disk, a folder that may not be
  written, a name too long.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Optional

from mclas_fairseq.corpus.unfinished import unfinished_file
from mclas_fairseq.errors import OutputError

# What the system says of room and disks; it names no file, and can only be about what is written.
_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
_DESCRIPTOR = re.compile(r"/dev/(?:fd/(\d+)|stdout|stderr)|/proc/(?:self|\d+)/fd/(\d+)")
_NAMED = {"/dev/stdout": 1, "/dev/stderr": 2}


@dataclass(frozen=True)
class _Waiting:
    """Files that are complete and wait for their names.

    Attributes:
        names: of each its hidden name and its place.
        held: removes what did not get its name.
    """

    names: list[tuple[Path, Path]]
    held: ExitStack


_waiting: ContextVar[Optional[_Waiting]] = ContextVar("files without their names", default=None)


@contextmanager
def open_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a place for writing bytes; a file appears there once the block has ended.

    Raises:
        OutputError: nothing can be written there; nothing is left behind.
    """
    descriptor = _descriptor(path)
    if descriptor is not None or _is_special(path):
        with _told(path):
            stream: IO[bytes] = open(path if descriptor is None else os.dup(descriptor), "wb")  # noqa: SIM115
        with _room(path), stream:
            yield stream
        return
    with _beside(path) as stream:
        yield stream


@contextmanager
def all_or_none() -> Iterator[None]:
    """Give the files that the block writes their names at its end, together; none if it raises.

    Raises:
        OutputError: a file cannot get its name.
    """
    if _waiting.get() is not None:
        yield  # inside another one, at whose end they get them
        return
    with ExitStack() as held:
        waiting = _Waiting([], held)
        token = _waiting.set(waiting)
        try:
            yield
        finally:
            _waiting.reset(token)
        for hidden, place in waiting.names:
            with _told(place):
                hidden.replace(place)


@contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    place = Path(os.path.realpath(path))  # a link stays, and what it points to is replaced
    waiting = _waiting.get()
    with ExitStack() as until_here:
        held = until_here if waiting is None else waiting.held
        with _told(path):
            if place.is_dir():
                raise OutputError(f"{path}: must be a file, but is a folder; name a file in it")
            hidden = held.enter_context(unfinished_file(place))
            stream = hidden.open("wb")
        with _room(path), stream:
            yield stream
            stream.flush()
            _keep_rights(place, stream.fileno())
        if waiting is not None:
            waiting.names.append((hidden, place))
            return
        with _told(path):
            hidden.replace(place)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the system says while a place is prepared or named into an error about it."""
    try:
        yield
    except OSError as error:
        raise _error(path, error) from error


@contextmanager
def _room(path: Path) -> Iterator[None]:
    """Turn what the system says of the room for what is written into an error about its place."""
    try:
        yield
    except OSError as error:
        if error.errno not in _ROOM or error.filename is not None:
            raise  # about something else that the block does
        raise _error(path, error) from error


def _error(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path}: must be a place where a file can be written, but is not"
        f" ({error.strerror or type(error).__name__}); check name, rights and room, or choose"
        " another place"
    )


def _descriptor(path: Path) -> Optional[int]:
    """The number of the open file that a path stands for: `/dev/stdout`, `/dev/fd/63`."""
    name = os.path.abspath(path)
    found = _DESCRIPTOR.fullmatch(name)
    if found is None:
        return None
    number = found[1] or found[2]
    return _NAMED[name] if number is None else int(number)


def _is_special(path: Path) -> bool:
    """Whether there is something that is neither a file nor a folder."""
    with suppress(OSError):
        mode = path.stat().st_mode  # of what a link points to
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
    return False


def _keep_rights(place: Path, descriptor: int) -> None:
    with suppress(FileNotFoundError):
        os.fchmod(descriptor, stat.S_IMODE(place.stat().st_mode))

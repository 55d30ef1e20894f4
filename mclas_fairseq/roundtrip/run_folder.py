"""The folder of a run: what lies where, a lock, and files that appear whole or not at all.

    corpus.jsonl, rejected.jsonl    the result
    report.json, scores.png         about it; report.json is written last
    settings.json                   what was translated how; written once the input has been cut
    lock                            held by the one process that works here
    work/shards/00000.jsonl         the input, cut; removed at the end
    work/translated/00000.jsonl     its records with translations and scores; kept for `--rescore`
    work/completions, logs, stats   of `datatrove`
    work/failures/00000.json        why a shard was given up

A file of `work/` holds one JSON object a line: `{"record": ..., "rejected": reason or absent,
"translated": true or absent}`.
"""

import errno
import fcntl
import glob
import gzip
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from mclas_fairseq.errors import DataError

_UNFINISHED = ".unfinished"
# No room: on the disk, in the user's share of it, or for files of this size.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True)
class RunFolder:
    """Paths in the folder of a run."""

    path: Path

    @property
    def settings(self) -> Path:
        """What was translated how."""
        return self.path / "settings.json"

    @property
    def report(self) -> Path:
        """What came out, in JSON; its presence says that the run is complete."""
        return self.path / "report.json"

    @property
    def plot(self) -> Path:
        """The histogram of scores."""
        return self.path / "scores.png"

    @property
    def work(self) -> Path:
        """Everything that is not a result."""
        return self.path / "work"

    @property
    def shards(self) -> Path:
        """Folder of the cut input."""
        return self.work / "shards"

    def shard(self, number: int) -> Path:
        """The input of a shard."""
        return self.shards / f"{number:05d}.jsonl"

    def translated(self, number: int) -> Path:
        """The translated records of a shard."""
        return self.work / "translated" / f"{number:05d}.jsonl"

    def completion(self, number: int) -> Path:
        """The mark that `datatrove` sets when a shard is done."""
        return self.work / "completions" / f"{number:05d}"

    def failure(self, number: int) -> Path:
        """Why a shard was given up, in JSON."""
        return self.work / "failures" / f"{number:05d}.json"

    def attempt_log(self, number: int, attempt: int) -> Path:
        """What the process of a shard wrote to its standard output and error."""
        return self.work / "logs" / f"shard_{number:05d}.attempt_{attempt}.log"

    def forget_failure(self, number: int) -> None:
        """Remove what is left of earlier attempts at a shard."""
        self.failure(number).unlink(missing_ok=True)
        for path in self.attempt_log(number, 1).parent.glob(f"shard_{number:05d}.attempt_*.log"):
            path.unlink(missing_ok=True)

    def remove_unfinished(self) -> None:
        """Remove files that a killed process was writing."""
        for path in self.path.rglob(f".*{_UNFINISHED}"):
            path.unlink(missing_ok=True)

    def forget_lost(self) -> None:
        """Take the completion mark from shards whose translations were removed."""
        for mark in self.work.glob("completions/*"):
            if not self.translated(int(mark.name)).exists():
                mark.unlink()


@contextmanager
def locked(folder: RunFolder) -> Iterator[None]:
    """Hold the run's lock, which ends with this process however it ends.

    Raises:
        DataError: another process holds it.
    """
    folder.path.mkdir(parents=True, exist_ok=True)
    # A lock of the process (lockf): workers, which are forked from it, do not hold it on.
    with (folder.path / "lock").open("a+", encoding="ascii") as stream:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.seek(0)
            raise DataError(
                f"{folder.path}: one process at a time may work on a run, but process"
                f" {stream.read().strip() or 'unknown'} does; wait for it or end it"
            ) from None
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield


@contextmanager
def write_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears at `path` only once it is complete, on the disk itself.

    Its name until then is this process's own. A name in `.gz` is compressed, without time or name,
    so that the same content gives the same bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}{_UNFINISHED}")
    try:
        with temporary.open("xb") as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                    yield cast(IO[bytes], packed)
            else:
                yield raw
            raw.flush()
            os.fsync(raw.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(path: Path) -> None:
    """Remove what killed processes left of a file outside of the run's folder."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{_UNFINISHED}"):
        left.unlink(missing_ok=True)


def is_full(error: BaseException) -> bool:
    """Whether there was no room to write."""
    return isinstance(error, OSError) and error.errno in _FULL


@contextmanager
def room_needed(folder: Path) -> Iterator[None]:
    """Turn failures to write into an error that says what to do.

    Raises:
        DataError: the disk is full, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise full_disk(folder, str(error)) from error
        raise DataError(
            f"{folder}: the run's files must be readable and writable, but one is not ({error});"
            " mend that and start the same command again"
        ) from error


def full_disk(folder: Path, reason: str) -> DataError:
    """The error for a full disk."""
    return DataError(
        f"{folder}: the disk must have room for the run, but has none ({reason}); make room and"
        " start the same command again, which goes on where this one stopped"
    )

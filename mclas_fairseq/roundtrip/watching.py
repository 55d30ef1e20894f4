"""Runs each shard in a process of its own and watches it: time, death, and what it says.

`datatrove`'s local executor waits for ever when a worker is killed, ends everything at the first
error, and leaves workers behind when it is killed itself. Here a shard that dies, hangs or fails is
ended with all that it started and tried again; when it fails for good the others go on. A worker
ends at once when its parent does (`prctl`, so Linux only).

Workers are forked: this process must not have used a GPU or a pool of threads before.
"""

import ctypes
import faulthandler
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Optional, TypeVar

from mclas_fairseq.errors import MclasError, SetupError
from mclas_fairseq.roundtrip.run_folder import RunFolder, full_disk, is_full

Result = TypeVar("Result")

_FORK = multiprocessing.get_context("fork")
_PR_SET_PDEATHSIG = 1
# How long to wait for news before the observer is called anyway, in seconds.
_BEAT = 1.0

Tell = Callable[[int], None]
# Does the work of a shard; told how many of its records are done.
Work = Callable[[int, Tell], None]


@dataclass(frozen=True)
class WatchOptions:
    """How shards are run.

    Attributes:
        workers: processes at the same time.
        time_limit: seconds that a shard may take; None: any.
        retries: how often a shard is tried again.
    """

    workers: int
    time_limit: Optional[float]
    retries: int


@dataclass(frozen=True)
class Failure:
    """A shard that was given up.

    Attributes:
        shard: its number.
        reason: of the last attempt, in a line.
        log: of the last attempt.
    """

    shard: int
    reason: str
    log: Path


class Observer:
    """What is told about the run as it goes on; the methods here ignore it."""

    def advanced(self, shard: int, records: int) -> None:
        """So many records of the shard are done."""

    def done(self, shard: int) -> None:
        """The shard is done."""

    def retried(self, failure: Failure) -> None:
        """An attempt failed; there will be another."""

    def failed(self, failure: Failure) -> None:
        """The shard is given up."""

    def waiting(self) -> None:
        """Called once a second at least."""


@dataclass
class _Attempt:
    shard: int
    number: int
    process: BaseProcess
    connection: Connection
    deadline: Optional[float]
    log: Path
    reason: Optional[str] = None


class Watch:
    """Works through shards.

    Args:
        folder: of the run, for logs.
        work: run in the shard's process.
        options: how.
        observer: is told.
    """

    def __init__(
        self, folder: RunFolder, work: Work, options: WatchOptions, observer: Observer
    ) -> None:
        self._folder = folder
        self._work = work
        self._options = options
        self._observer = observer
        self._running: list[_Attempt] = []
        self._failures: list[Failure] = []

    def run(self, shards: Sequence[int]) -> list[Failure]:
        """Work through the shards; returns those that were given up.

        Raises:
            DataError: the disk is full, which would fail every other shard too.
        """
        waiting = deque((shard, 1) for shard in shards)
        try:
            while waiting or self._running:
                while waiting and len(self._running) < self._options.workers:
                    self._running.append(self._start(*waiting.popleft()))
                self._listen()
                for attempt in [item for item in self._running if self._has_ended(item)]:
                    self._running.remove(attempt)
                    if self._settle(attempt):
                        waiting.append((attempt.shard, attempt.number + 1))
                self._observer.waiting()
        finally:
            for attempt in self._running:
                _end(attempt.process)
        return self._failures

    def _start(self, shard: int, number: int) -> _Attempt:
        receiving, sending = _FORK.Pipe(duplex=False)
        log = self._folder.attempt_log(shard, number)
        log.parent.mkdir(parents=True, exist_ok=True)
        process = _FORK.Process(
            target=_child, args=(self._work, shard, sending, log, os.getpid()), daemon=False
        )
        process.start()
        sending.close()  # so that the worker's end is the only one, and its death is heard
        limit = self._options.time_limit
        deadline = None if limit is None else time.monotonic() + limit
        return _Attempt(shard, number, process, receiving, deadline, log)

    def _listen(self) -> None:
        connections = [attempt.connection for attempt in self._running]
        ready = set(wait(connections, timeout=self._time_left()))
        for attempt in self._running:
            if attempt.connection in ready:
                self._hear(attempt)

    def _hear(self, attempt: _Attempt) -> None:
        """Take in all that a worker has said: how far it is, or why it failed."""
        try:
            while attempt.connection.poll():
                said: Any = attempt.connection.recv()
                if isinstance(said, int):
                    self._observer.advanced(attempt.shard, said)
                    continue
                full, attempt.reason = said
                if full:
                    raise full_disk(self._folder.path, str(attempt.reason))
        except (EOFError, ConnectionError):
            attempt.process.join(timeout=_BEAT)  # it is about to end

    def _time_left(self) -> float:
        now = time.monotonic()
        limits = [item.deadline - now for item in self._running if item.deadline is not None]
        return max(0.0, min([_BEAT, *limits]))

    def _has_ended(self, attempt: _Attempt) -> bool:
        if not attempt.process.is_alive():
            return True
        if attempt.deadline is None or time.monotonic() < attempt.deadline:
            return False
        attempt.reason = f"took longer than {self._options.time_limit:g} seconds"
        return True

    def _settle(self, attempt: _Attempt) -> bool:
        """Clear away after an attempt that has ended; says whether there is to be another."""
        code = attempt.process.exitcode
        _end(attempt.process)
        attempt.connection.close()
        if code == 0 and attempt.reason is None:
            attempt.log.unlink(missing_ok=True)  # datatrove keeps its own
            self._observer.done(attempt.shard)
            return False
        reason = attempt.reason or _ending(code)
        failure = Failure(attempt.shard, reason, attempt.log)
        if attempt.number <= self._options.retries:
            self._observer.retried(failure)
            return True
        self._failures.append(failure)
        self._observer.failed(failure)
        return False


def call_in_child(function: Callable[[], Result]) -> Result:
    """Call a function in a process of its own, whose memory and threads go with it.

    Raises:
        MclasError: the function did.
        SetupError: the process died, as it does where memory does not suffice.
    """
    receiving, sending = _FORK.Pipe(duplex=False)

    def child() -> None:
        end_with_parent(os.getppid())
        try:
            sending.send((function(), None))
        except MclasError as error:
            sending.send((None, error))

    process = _FORK.Process(target=child)
    process.start()
    sending.close()
    try:
        result, error = receiving.recv()
    except EOFError:
        process.join()
        ending = _ending(process.exitcode)
        raise SetupError(
            f"opening the translators: the process must end by itself, but {ending}; see its"
            " message above, and whether memory suffices"
        ) from None
    finally:
        receiving.close()
    process.join()
    if error is not None:
        raise error
    found: Result = result
    return found


def end_with_parent(parent: int) -> None:
    """Let the kernel kill this process when the process `parent`, which forked it, ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that
        os._exit(1)


def _child(work: Work, shard: int, connection: Connection, log: Path, parent: int) -> None:
    end_with_parent(parent)
    os.setpgid(0, 0)  # what it starts can be ended with it, and Ctrl-C reaches the parent alone
    try:
        _redirect(log)
        work(shard, connection.send)
    except BaseException as error:
        traceback.print_exc()
        connection.send((is_full(error), f"{type(error).__name__}: {error}".splitlines()[0]))
        sys.stderr.flush()
        os._exit(1)


def _redirect(log: Path) -> None:
    """Send everything that is written to standard output and error into the log."""
    sys.stdout.flush()
    sys.stderr.flush()
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for number in (1, 2):
        os.dup2(target, number)
    os.close(target)
    # Whoever started us may have replaced them by something that is not a file.
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)
    faulthandler.enable(sys.stderr)


def _end(process: BaseProcess) -> None:
    """Kill a worker, if it lives, and what it started."""
    if process.pid is not None and process.is_alive():
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()  # it has not yet made its group
    process.join()


def _ending(code: Optional[int]) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with status {code}"

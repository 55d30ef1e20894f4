"""Keeps a process that decodes: starts it, hears it, and starts another one when it ends.

HTTP and decoding are apart, as in one process they share an interpreter: under far too much load
what is refused would take its time from what was taken. And what ends the one that decodes (the
system for its memory, a defect of a library) costs the documents that it had, not the server.
"""

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Optional, cast

from mclas_fairseq import errors
from mclas_fairseq.serve.link import Link
from mclas_fairseq.serve.memory import resident_bytes
from mclas_fairseq.serve.messages import Begin, FromDecoder, Loaded, Log, NotLoaded, ToDecoder

logger = logging.getLogger(__name__)

# It finds its modules where this process does, and not in the working directory.
_PROGRAM = ("-P", "-m", "mclas_fairseq.serve.decoder_process")
_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds before a start, after one that did not get ready


class Keeper:
    """The process, and the thread that hears it.

    Args:
        begin: what it is told first.
        failed: called with the error when the first process cannot load its bundles.
    """

    def __init__(self, begin: Begin, failed: Callable[[errors.MclasError], None]):
        self._begin, self._failed = begin, failed
        self._link: Optional[Link] = None
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._ending = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def start(self, take: Callable[[FromDecoder], None], lost: Callable[[], None]) -> None:
        """Start the first process.

        Args:
            take: is given its messages, one after another.
            lost: called when it has ended, and all that it was given with it.
        """
        self._thread = threading.Thread(
            target=self._keep, args=(take, lost), name="keeping", daemon=True
        )
        self._thread.start()

    def send(self, message: ToDecoder) -> None:
        """Send; where there is no process it goes nowhere.

        A handler of signals may call it: it waits for no lock.
        """
        if self._link is not None:
            self._link.send(message)

    def stop(self) -> None:
        """End the process, whatever it does."""
        self._ending.set()
        if self._process is not None:
            self._process.kill()
        if self._thread is not None:
            self._thread.join(10)

    def resident_bytes(self) -> float:
        """Memory of the process."""
        return 0.0 if self._process is None else resident_bytes(self._process.pid)

    # -- the thread -----------------------------------------------------------------------------

    def _keep(self, take: Callable[[FromDecoder], None], lost: Callable[[], None]) -> None:
        ever, pause = False, 0.0
        while not self._ending.is_set():
            loaded, error = self._run_one(take)
            ever = ever or loaded
            if self._ending.is_set():
                return
            if not ever:
                self._failed(error)
                return
            pause = 0.0 if loaded else min(_LONGEST_PAUSE, 2 * pause or _PAUSE)
            logger.error("%s; another one is started%s", error, f" in {pause:g} s" if pause else "")
            lost()
            self._ending.wait(pause)

    def _run_one(self, take: Callable[[FromDecoder], None]) -> tuple[bool, errors.MclasError]:
        """One process from its start to its end.

        Returns:
            Whether its models were loaded, and why it ended.
        """
        link = self._start()
        assert self._process is not None
        loaded, error = False, None
        while (message := _receive(link)) is not None:
            if isinstance(message, Log):
                logging.getLogger(message.name).log(message.level, "%s", message.text)
                continue
            loaded = loaded or isinstance(message, Loaded)
            if isinstance(message, NotLoaded):
                error = _of_loading(message)
                continue
            _give(take, message)
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:  # its line broke, and it did not see it
            self._process.kill()
            code = self._process.wait()
        link.close()
        return loaded, error or _of_end(code)

    def _start(self) -> Link:
        ours, theirs = multiprocessing.Pipe()
        places = os.pathsep.join(place for place in sys.path if place)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *_PROGRAM, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": places},
            )
        if self._ending.is_set():  # `stop` may have come before it was there
            self._process.kill()
        self._link = Link(ours, FromDecoder)
        self._link.send(self._begin)
        return self._link


def _receive(link: Link) -> Optional[FromDecoder]:
    """The next message that can be read."""
    while True:
        try:
            return cast(Optional[FromDecoder], link.receive())
        except ValueError as error:
            logger.error("a message of the process that decodes was left out: %s", error)


def _give(take: Callable[[FromDecoder], None], message: FromDecoder) -> None:
    try:
        take(message)
    except Exception as error:  # the messages after it are heard all the same
        places = "".join(traceback.format_tb(error.__traceback__))
        kind = type(message).__name__
        logger.error("a message %s was left out: %s\n%s", kind, type(error).__name__, places)


def _of_loading(message: NotLoaded) -> errors.MclasError:
    """The error that a process met when it loaded its bundles."""
    kind = getattr(errors, message.kind, None)
    if isinstance(kind, type) and issubclass(kind, errors.MclasError):
        return kind(message.text)
    what = f"{message.kind}: {' '.join(message.text.split())[:300]}"
    return errors.CheckpointError(
        f"bundles: must be such that they can be loaded, but loading failed ({what}); try each with"
        " mclas summarize --model BUNDLE --debug"
    )


def _of_end(code: int) -> errors.MclasError:
    """What is said of a process that ended by itself."""
    how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    return errors.SetupError(
        f"mclas serve: the process that decodes must go on, but it ended ({how}); the log above may"
        " say why, and where it says nothing look whether the system ended it for its memory"
    )

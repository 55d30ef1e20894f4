"""SIGTERM ends a command as Ctrl-C does: what is half done is cleared away, and it is said.

Batch systems, `timeout` and `kill` send SIGTERM, which ends a Python program on the spot, with
hidden files left behind. Here it becomes an exception like that of Ctrl-C.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Optional

_GRACE = 2.0  # seconds


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived."""


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` meanwhile; a second one ends the process at once.

    Processes that were started meanwhile through `multiprocessing` get it too, as they would wait
    for work that does not come any more, and this process for them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what a signal does
        return
    owner = os.getpid()
    before = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: Optional[FrameType]) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if os.getpid() != owner:  # a process forked from this one, with its handler
            os.kill(os.getpid(), signal.SIGTERM)
        raise Terminated

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except Terminated:
        _end_children()
        raise
    finally:
        if os.getpid() == owner:
            signal.signal(signal.SIGTERM, before)


def _end_children() -> None:
    children = multiprocessing.active_children()
    for process in children:
        process.terminate()
    for process in children:
        process.join(_GRACE)
        if process.is_alive():  # a process that is just being forked may miss a signal
            process.kill()

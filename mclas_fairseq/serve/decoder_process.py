"""The process that decodes, from its start to its end; `keeper.py` starts it.

It ends by itself when the process that answers has ended, however that came: the line between them
breaks. Signals that a terminal or a service manager sends to both are left to the other one, which
finishes what it has taken.
"""

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, cast

from mclas_fairseq.serve.link import Link
from mclas_fairseq.serve.messages import Begin, Log, NotLoaded, ToDecoder

if TYPE_CHECKING:
    from mclas_fairseq.serve.decoder import Decoder

logger = logging.getLogger(__name__)

_LEFT_TO_THE_OTHER = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Inbox = SimpleQueue[ToDecoder]


def main(descriptor: int) -> int:
    """Load the bundles that the first message names, and decode until the line breaks.

    Args:
        descriptor: of the socket to the other process.

    Returns:
        The exit code where the bundles cannot be loaded: 1.
    """
    for number in _LEFT_TO_THE_OTHER:
        signal.signal(number, signal.SIG_IGN)
    link = Link(Connection(descriptor), ToDecoder)
    begin = link.receive()
    if begin is None:
        return 0
    assert isinstance(begin, Begin)
    inbox: _Inbox = SimpleQueue()
    _in_a_thread("receiving", lambda: _receive(link, inbox))
    try:
        decoder = _load(begin, link)
    except BaseException as error:  # also SystemExit of a library: the other one must hear of it
        link.send(NotLoaded(type(error).__name__, str(error)))
        link.close()
        return 1

    def take() -> None:
        while True:
            decoder.take(inbox.get())

    _in_a_thread("taking", take)
    _or_end(decoder.run)
    return 0


def _load(begin: Begin, link: Link) -> "Decoder":
    """Load all bundles, and look after them from then on."""
    # Only now, as this takes seconds in which the other process may already have ended.
    import mclas_fairseq

    mclas_fairseq.register_for_program()
    logging.basicConfig(level=logging.INFO, handlers=[_Telling(link)])
    from mclas_fairseq.serve.bundles import Bundles
    from mclas_fairseq.serve.decoder import Decoder
    from mclas_fairseq.serve.memory import prepare_memory
    from mclas_fairseq.serve.reloading import Reloader

    prepare_memory()
    bundles = Bundles([Path(one) for one in begin.bundles], begin.device, begin.precision)
    decoder = Decoder(begin.settings, link.send)
    decoder.replace(bundles.load())
    reloader = Reloader(bundles, decoder.replace, link.send, begin.settings.watch_seconds)
    reloader.start()
    decoder.reload = reloader.ask
    return decoder


def _receive(link: Link, inbox: _Inbox) -> None:
    while (message := link.receive()) is not None:
        inbox.put(cast(ToDecoder, message))
    os._exit(0)  # whatever is being decoded: nobody is there to take it


def _in_a_thread(name: str, run: Callable[[], None]) -> None:
    threading.Thread(target=lambda: _or_end(run), name=name, daemon=True).start()


def _or_end(run: Callable[[], None]) -> None:
    """Do it; an error that nobody foresaw ends the process, and another one is started.

    What the error says may hold a document: places and type are told, in what the other process
    shows as its own standard error.
    """
    try:
        run()
    except BaseException as error:
        places = "".join(traceback.format_tb(error.__traceback__))
        sys.stderr.write(f"mclas serve, decoding: {type(error).__name__}\n{places}")
        sys.stderr.flush()
        os._exit(1)


class _Telling(logging.Handler):
    """Gives lines of the log to the other process, so that there is one log."""

    def __init__(self, link: Link):
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(message)s"))  # the rest is the other one's
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        """Give a line."""
        self._link.send(Log(record.name, record.levelno, self.format(record)))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

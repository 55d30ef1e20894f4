"""The line between the process that answers over HTTP and the one that decodes.

Sending never waits: a thread of its own writes, so that neither the loop that answers clients nor
the thread that decodes stands still while the other side is busy. What waits to be sent goes out
together, a message a line: each sending gives the interpreter away, and a thread that decodes takes
milliseconds to give it back. A line that breaks is the end of the other process.
"""

import contextlib
import threading
from collections import deque
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, Optional

from mclas_fairseq.serve.messages import Message, Reader, written

_TOGETHER = 64  # messages at most


class Link:
    """One end.

    Args:
        connection: to the other process.
        kinds: of messages that come from there: `ToDecoder` or `FromDecoder`.
    """

    def __init__(self, connection: "Connection[Any, Any]", kinds: Any):
        self._connection = connection
        self._reader = Reader(kinds)
        self._outbox: SimpleQueue[Optional[Message]] = SimpleQueue()
        self._inbox: deque[bytes] = deque()
        self._thread = threading.Thread(target=self._write, name="sending", daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        """Send, in order; where the other process has ended it goes nowhere.

        A handler of signals may call it: it waits for no lock.
        """
        self._outbox.put(message)

    def receive(self) -> Optional[Message]:
        """Wait for a message; None when the other process has ended.

        Raises:
            ValueError: it is none.
        """
        if not self._inbox:
            try:
                self._inbox.extend(self._connection.recv_bytes().split(b"\n"))
            except (EOFError, OSError):
                return None
        return self._reader.read(self._inbox.popleft())

    def close(self) -> None:
        """Send what is still to be sent, and close this end."""
        self._outbox.put(None)
        self._thread.join(5)
        self._connection.close()

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # the other process has ended
            while messages := self._next():
                # JSON has no line ends of its own.
                self._connection.send_bytes(b"\n".join(map(written, messages)))

    def _next(self) -> list[Message]:
        """Wait for messages that are to be sent; none at the end."""
        found: list[Message] = []
        while not found or not self._outbox.empty():
            message = self._outbox.get()
            if message is None:
                self._outbox.put(None)  # after those before it
                break
            found.append(message)
            if len(found) == _TOGETHER:
                break
        return found

"""Connections that send no request are closed: idle, half-open ones, and those that trickle.

uvicorn closes connections that are idle after a request, but waits for ever for the first one.
Before a connection's first bytes become a request, the door (`door.py`) may refuse them.
"""

import asyncio
from typing import Any, Optional

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mclas_fairseq.serve.door import Door


def protocol(seconds: float, door: Door) -> type[H11Protocol]:
    """Uvicorn's HTTP for connections that must send the head of a request within `seconds`.

    Args:
        seconds: see there.
        door: may refuse what a connection begins with.
    """

    class Impatient(H11Protocol):
        _deadline: Optional[asyncio.TimerHandle] = None
        _begun = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            if not self._begun:
                self._begun = True
                refusal = door.refusal(data, self.server_state.default_headers)
                if refusal is not None:
                    self.transport.write(refusal)
                    self.transport.close()
                    return
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:  # the head is whole
                self._unwatch()
            elif self._deadline is None:
                self._watch()

        def connection_lost(self, exc: Optional[Exception]) -> None:
            self._unwatch()
            super().connection_lost(exc)

        def _watch(self) -> None:
            self._deadline = self.loop.call_later(seconds, self._expire)

        def _unwatch(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _expire(self) -> None:
            self._deadline = None
            if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
                self.transport.close()

    return Impatient

"""Refusals at the door: what a full queue cannot take is answered before it becomes a request.

Under far too much load most requests are refused, and HTTP's parser, routes and middleware are most
of what that costs. So a request for summaries that has come whole is looked at as bytes, and where
it would be refused with 429 it is, with the same answer; its connection is closed. Whatever is not
as plain as that, or would be answered otherwise (no key, too large, no HTTP), goes the usual way,
through the guards (`guards.py`). As nothing but a refusal and an end can come of it, reading HTTP
less closely than the parser does no harm.
"""

import time
from collections.abc import Callable, Sequence
from typing import Optional

from mclas_fairseq.serve.guards import HEADERS, MAX_HEADER_BYTES, SUMMARIZE, Keys
from mclas_fairseq.serve.metrics import Metrics
from mclas_fairseq.serve.problems import Problem

_LINE = f"POST {SUMMARIZE} HTTP/1.1\r\n".encode()
# With these a body is sent otherwise than by its length, or something is to be answered before.
_NOT_PLAIN = (b"transfer-encoding", b"expect", b"upgrade")


class Door:
    """Looks at the first bytes of a connection.

    Args:
        check: raises a `Problem` while no document is taken.
        keys: of who may ask.
        max_body_bytes: of a request.
        metrics: are told of refusals.
    """

    def __init__(
        self, check: Callable[[], None], keys: Keys, max_body_bytes: int, metrics: Metrics
    ):
        self._check, self._keys = check, keys
        self._max_body_bytes, self._metrics = max_body_bytes, metrics

    def refusal(self, data: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Optional[bytes]:
        """The answer to all that has come, where it is refused here.

        Args:
            data: that has come on a connection so far.
            headers: that the server gives to every answer.
        """
        if not data.startswith(_LINE):
            return None
        begun = time.monotonic()
        try:
            self._check()
        except Problem as problem:
            if problem.status != 429 or not self._is_plain(data):
                return None
            self._metrics.requests.labels(SUMMARIZE, "429").inc()
            self._metrics.request_seconds.labels(SUMMARIZE).observe(time.monotonic() - begun)
            return _answer(problem, headers)
        return None

    def _is_plain(self, data: bytes) -> bool:
        """Whether bytes are one whole request, within all limits, by one who may ask."""
        head, found, body = data.partition(b"\r\n\r\n")
        if not found or len(head) > MAX_HEADER_BYTES:
            return False
        given: dict[bytes, bytes] = {}
        for line in head.split(b"\r\n")[1:]:
            name, colon, value = line.partition(b":")
            if not colon or name.lower() in given:
                return False
            given[name.lower()] = value.strip()
        length = given.get(b"content-length", b"")
        if any(name in given for name in _NOT_PLAIN) or not length.isdigit() or len(length) > 9:
            return False
        if int(length) != len(body) or len(body) > self._max_body_bytes:
            return False
        key = given.get(b"authorization", b"").decode("latin-1")
        return not self._keys.values or self._keys.known(key)


def _answer(problem: Problem, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The bytes of an answer after which the connection is closed."""
    response = problem.response()
    own = [*headers, *response.raw_headers, *HEADERS, (b"connection", b"close")]
    lines = b"".join(b"%s: %s\r\n" % header for header in own)
    return b"HTTP/1.1 429 Too Many Requests\r\n" + lines + b"\r\n" + bytes(response.body)

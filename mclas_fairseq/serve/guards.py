"""What stands before every route: keys, limits of what is sent, headers, the count of requests.

ASGI middleware by hand: fairly little, and it sees the stream of a request, which is to be stopped
before it is read whole.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Optional

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mclas_fairseq.serve.metrics import Metrics
from mclas_fairseq.serve.problems import Problem
from mclas_fairseq.serve.settings import ServeSettings

logger = logging.getLogger(__name__)

MAX_HEADER_BYTES = 16_384  # of a request, names and values
SUMMARIZE = "/v1/summarize"  # the route that takes documents
KEYED = ("/v1/", "/metrics")  # beginnings of the paths that need a key, where there are keys
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"cache-control", b"no-store"),
)


class SecurityHeaders:
    """Adds headers that tell browsers to do nothing with an answer but show it."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the headers."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                before = message.get("headers", ())
                given = {name.lower() for name, _ in before}
                added = [header for header in HEADERS if header[0] not in given]
                message["headers"] = [*before, *added]
            await send(message)

        await self.app(scope, receive, sending if scope["type"] == "http" else send)


class Counting:
    """Counts requests by route and status, and logs each in a line without anything of its text."""

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.monotonic(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            # What was asked for is anything at all where it is no route of ours.
            unrouted = SUMMARIZE if scope["path"] == SUMMARIZE else "other"
            route = str(getattr(scope.get("route"), "path", unrouted))
            seconds = time.monotonic() - start
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.request_seconds.labels(route).observe(seconds)
            # Far too much load need not fill the log as well; the numbers tell of it.
            told = route.startswith("/v1/") and status != 429
            level = logging.INFO if told else logging.DEBUG
            logger.log(level, "%s %s %d %.3f s", scope["method"], route, status, seconds)


class Keys:
    """The keys of a server.

    Attributes:
        values: they may be replaced at any time; none: nobody needs one.
    """

    def __init__(self, values: Sequence[bytes] = ()):
        self.values = tuple(values)

    def known(self, authorization: str) -> bool:
        """Whether a header `Authorization` has one of them."""
        scheme, _, given = authorization.partition(" ")
        sent = given.strip().encode("latin-1", "replace")
        # All are compared, each in constant time: how long it takes tells nothing.
        found = [hmac.compare_digest(sent, key) for key in self.values]
        return scheme.lower() == "bearer" and any(found)


class ApiKeys:
    """Lets nobody through to `paths` who has none of the keys; without keys everybody."""

    def __init__(self, app: ASGIApp, keys: Keys, paths: Sequence[str]):
        self.app = app
        self.keys = keys
        self.paths = tuple(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with 401."""
        guarded = scope["type"] == "http" and scope["path"].startswith(self.paths)
        header = Headers(scope=scope).get("authorization", "") if guarded else ""
        if guarded and self.keys.values and not self.keys.known(header):
            problem = Problem(
                401,
                "a key is needed: send the header Authorization: Bearer KEY with a key that this"
                " server knows",
                headers={"WWW-Authenticate": "Bearer"},
            )
            await problem.response()(scope, receive, send)
            return
        await self.app(scope, receive, send)


class RequestLimits:
    """Stops requests that are too large, or that are sent too slowly."""

    def __init__(self, app: ASGIApp, settings: ServeSettings):
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with 431, 413 or 408."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
            detail = (
                f"headers may have {MAX_HEADER_BYTES:,} bytes in all; send fewer or shorter ones"
            )
            await Problem(431, detail, headers={"Connection": "close"}).response()(
                scope, receive, send
            )
            return
        said = Headers(scope=scope).get("content-length", "")
        if said.isdecimal() and int(said) > self.settings.max_body_bytes:
            await self._too_large().response()(scope, receive, send)
            return
        await self.app(scope, _Reading(receive, self), send)

    def _too_large(self) -> Problem:
        return Problem(
            413,
            f"a request may have {self.settings.max_body_bytes:,} bytes, this one has more; send"
            " fewer or shorter documents",
            headers={"Connection": "close"},
        )


class Admission:
    """Refuses documents while none are taken, before anything of them is looked at.

    Under far too much load most requests end here, and what they cost is taken from the others.
    What was sent is received all the same: a connection that is closed before is reset, and its
    client need not see the answer.
    """

    def __init__(self, app: ASGIApp, check: Callable[[], None]):
        self.app = app
        self.check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse as `check` does, with 429 or 503."""
        problem = self._refusal(scope)
        if problem is None:
            await self.app(scope, receive, send)
            return
        try:
            while (await receive()).get("more_body", False):
                pass
        except HTTPException as error:  # it is too large, or too slow
            problem = Problem(error.status_code, error.detail, headers=error.headers)
        await problem.response()(scope, receive, send)

    def _refusal(self, scope: Scope) -> Optional[Problem]:
        if (scope["type"], scope.get("method"), scope.get("path")) != ("http", "POST", SUMMARIZE):
            return None
        try:
            self.check()
        except Problem as problem:
            return problem
        return None


class _Reading:
    """The stream of one request, counted and timed until its body is whole."""

    def __init__(self, receive: Receive, limits: RequestLimits):
        self._receive, self._limits = receive, limits
        self._bytes, self._whole = 0, False
        self._end = time.monotonic() + limits.settings.read_timeout

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(
                self._receive(), max(0.0, self._end - time.monotonic())
            )
        except TimeoutError:
            raise _as_http(
                Problem(
                    408,
                    f"a request must be sent within {self._limits.settings.read_timeout:g} seconds,"
                    " this one was not; send it again",
                    headers={"Connection": "close"},
                )
            ) from None
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._limits.settings.max_body_bytes:
            raise _as_http(self._limits._too_large())
        self._whole = not message.get("more_body", False)
        return message


def _as_http(problem: Problem) -> HTTPException:
    """A problem that passes through what reads bodies, which takes other errors for bad JSON."""
    return HTTPException(problem.status, problem.detail, problem.headers)


def guarded(
    app: Any,
    settings: ServeSettings,
    metrics: Metrics,
    keys: Keys,
    check: Callable[[], None],
) -> None:
    """Put all guards before an application; the last one added is the first that is asked.

    Args:
        app: FastAPI's.
        settings: limits.
        metrics: are told of requests.
        keys: of who may ask.
        check: raises a `Problem` while no document is taken.
    """
    app.add_middleware(Admission, check=check)
    app.add_middleware(RequestLimits, settings=settings)
    app.add_middleware(ApiKeys, keys=keys, paths=KEYED)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Counting, metrics=metrics)

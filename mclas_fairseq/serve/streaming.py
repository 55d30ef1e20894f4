"""Answers in parts (server-sent events): each document as it is done, with beam 1 token by token.

Events, each with JSON as its data:

- `token`: `id`, `target`, `language` and the `text` that a token adds to that summary;
- `result`: a document's result, as in an answer that comes whole; in the order of their ends;
- `problem`: `id` and a problem by RFC 9457, of a document that could not be summarized;
- `done`: `model` and `seconds`; the last one.
"""

import asyncio
import contextlib
import functools
import json
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError, Future
from typing import Any, Union

from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mclas_fairseq.serve.engine import Engine, past_deadline
from mclas_fairseq.serve.jobs import Watcher
from mclas_fairseq.serve.messages import Outcome
from mclas_fairseq.serve.orders import Order
from mclas_fairseq.serve.problems import Problem

MEDIA_TYPE = "text/event-stream"
_ALIVE = 15.0  # seconds after which a comment tells proxies that more will come

_EXAMPLE = (
    'event: token\ndata: {"id": "0", "target": "de", "language": "en", "text": "Harbour"}\n\n'
    'event: result\ndata: {"id": "0", "summaries": {"en": "...", "de": "..."}, ...}\n\n'
    'event: done\ndata: {"model": "news-en-de", "seconds": 0.2}\n\n'
)
# What the description of the interface says of it.
STREAMED: dict[str, Any] = {
    "description": (
        "The summaries; with `Accept: text/event-stream` as events: `token` (with a beam of 1),"
        " `result` for each document as it is done, `problem` for one that failed, `done`."
    ),
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
}

_What = Union[tuple[str, str, str], "Future[Outcome]"]  # a token, or a document's end
_Event = tuple[int, _What]  # of the document at this place


def wants_stream(accept: str) -> bool:
    """Whether a client asks for events, by its header Accept, and for JSON no more than that."""
    weights = dict(_weighed(one) for one in accept.split(","))
    wanted = weights.get(MEDIA_TYPE, 0.0)
    return wanted > 0 and wanted >= weights.get("application/json", 0.0)


def _weighed(given: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in given.split(";"))
    for name, _, value in (one.partition("=") for one in parameters):
        if name.strip() == "q":
            try:
                return kind, float(value)
            except ValueError:
                return kind, 0.0
    return kind, 1.0


class _Events(StreamingResponse):
    """Events; the documents are forgotten however it ends, also before it begins."""

    def __init__(self, events: AsyncIterator[bytes], end: Callable[[], None]):
        super().__init__(events, media_type=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._end()


def stream(engine: Engine, order: Order) -> Response:
    """Put documents into the queue, and answer with events.

    Raises:
        Problem: they do not fit into the queue.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[_Event] = asyncio.Queue()

    def tell(place: int, what: _What) -> None:
        # Called in the thread that hears of them; when the loop has ended, nobody reads it.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(queue.put_nowait, (place, what))

    def looking(place: int) -> Watcher:
        return lambda *text: tell(place, text)

    start = time.monotonic()
    told = [looking(place) for place in range(len(order.texts))]
    jobs = engine.submit(order.model, order.search, order.texts, order.asked, told)
    for place, job in enumerate(jobs):
        job.future.add_done_callback(functools.partial(tell, place))
    return _Events(_events(queue, order, start), lambda: engine.forget(jobs))


async def _events(
    queue: "asyncio.Queue[_Event]", order: Order, start: float
) -> AsyncIterator[bytes]:
    open_ = set(range(len(order.texts)))
    while open_:
        left = start + order.asked.timeout - time.monotonic()
        try:
            place, what = await asyncio.wait_for(queue.get(), min(max(0.0, left), _ALIVE))
        except TimeoutError:
            if left <= _ALIVE:
                break
            yield b": more will come\n\n"
            continue
        if isinstance(what, Future):
            open_.remove(place)
            yield _ended(order, place, what)
        else:
            names = ("target", "language", "text")
            yield _event("token", {"id": order.ids[place], **dict(zip(names, what, strict=True))})
    for place in sorted(open_):
        yield _problem(order.ids[place], past_deadline())
    seconds = round(time.monotonic() - start, 4)
    yield _event("done", {"model": order.model.card.name, "seconds": seconds})


def _ended(order: Order, place: int, future: "Future[Outcome]") -> bytes:
    error = CancelledError() if future.cancelled() else future.exception()
    if error is None:
        return _event("result", order.result(place, future.result()).model_dump(exclude_none=True))
    unforeseen = Problem(500, "the server failed; its log says where")
    return _problem(order.ids[place], error if isinstance(error, Problem) else unforeseen)


def _problem(name: str, problem: Problem) -> bytes:
    return _event("problem", {"id": name, **problem.body()})


def _event(kind: str, data: dict[str, Any]) -> bytes:
    # JSON has no line ends of its own, which would end the data.
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()

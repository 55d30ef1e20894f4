"""`POST /v1/summarize`: documents into the queue, and an answer of what came of them."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Optional

from fastapi import FastAPI, Request, Response

from mclas_fairseq.serve.engine import Engine, past_deadline
from mclas_fairseq.serve.guards import SUMMARIZE
from mclas_fairseq.serve.jobs import Job
from mclas_fairseq.serve.messages import Outcome
from mclas_fairseq.serve.openapi import errors
from mclas_fairseq.serve.orders import order_of
from mclas_fairseq.serve.schema import SummarizeRequest, SummarizeResponse
from mclas_fairseq.serve.streaming import STREAMED, stream, wants_stream

_LEFT = 499  # nobody reads it: the client is gone; for the count of requests


def add_summaries(app: FastAPI, engine: Engine) -> None:
    """Add the route."""

    @app.post(
        SUMMARIZE, tags=["summaries"], summary="Summarize one document or several",
        responses={**errors(400, 401, 408, 413, 422, 429, 431, 500, 503, 504), 200: STREAMED},
        response_model=SummarizeResponse, operation_id="summarize",
    )  # fmt: skip
    async def summarize(asked: SummarizeRequest, request: Request) -> Response:
        order = order_of(engine, asked)
        if wants_stream(request.headers.get("accept", "")):
            return stream(engine, order)
        start = time.monotonic()
        jobs = engine.submit(order.model, order.search, order.texts, order.asked)
        try:
            outcomes = await _outcomes(jobs, request, order.asked.timeout)
        finally:
            engine.forget(jobs)
        if outcomes is None:
            return Response(status_code=_LEFT)
        answer = SummarizeResponse(
            model=order.model.card.name,
            results=[order.result(*one) for one in enumerate(outcomes)],
            seconds=round(time.monotonic() - start, 4),
        )
        return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")


async def _outcomes(
    jobs: Sequence[Job], request: Request, timeout: float
) -> Optional[list[Outcome]]:
    """Wait for documents; None when the client has left.

    Raises:
        Problem: 504 after `timeout` seconds, or what a document's decoding raised.
    """
    found = asyncio.gather(*(asyncio.wrap_future(job.future) for job in jobs))
    left = asyncio.create_task(_disconnected(request))
    try:
        either: set[asyncio.Future[Any]] = {found, left}
        await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if found.done():
            return found.result()
        if left.done():
            return None
        raise past_deadline()
    finally:
        left.cancel()
        if not found.done():
            found.cancel()
            await asyncio.gather(found, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

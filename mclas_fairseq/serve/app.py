"""The HTTP interface: routes, and what errors look like. OpenAPI 3.1 stands at `/openapi.json`."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Optional

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.serve.batches import Job, Outcome
from mclas_fairseq.serve.engine import Engine, past_deadline
from mclas_fairseq.serve.guards import guarded
from mclas_fairseq.serve.models import Search, ServedModel
from mclas_fairseq.serve.openapi import describe, errors, schema_of
from mclas_fairseq.serve.page import add_page
from mclas_fairseq.serve.problems import Problem
from mclas_fairseq.serve.schema import (
    Attention,
    Candidate,
    Health,
    ModelList,
    Result,
    SummarizeRequest,
    SummarizeResponse,
)

_LEFT = 499  # nobody reads it: the client is gone; for the count of requests


def build_app(engine: Engine, keys: Sequence[bytes] = ()) -> FastAPI:
    """The application.

    Args:
        engine: is started with the application and stopped with it.
        keys: one of them is needed for all under /v1 and for /metrics; none: no key is needed.
    """

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        engine.drain()
        await asyncio.to_thread(engine.stop, engine.settings.grace)

    # FastAPI's own interactive page loads scripts from a content network: left out.
    app = FastAPI(lifespan=life, docs_url=None, redoc_url=None, **describe(bool(keys)))
    app.openapi = lambda: schema_of(app, keyed=bool(keys))  # type: ignore[method-assign]
    _add_errors(app)
    _add_health(app, engine)
    _add_summaries(app, engine)
    add_page(app)
    guarded(app, engine.settings, engine.metrics, keys)
    return app


def _add_health(app: FastAPI, engine: Engine) -> None:
    @app.get("/livez", tags=["health"], summary="Does the process answer?")
    async def livez() -> Health:
        return Health(status="ok")

    @app.get("/readyz", tags=["health"], summary="Are documents taken?", responses=errors(503))
    async def readyz() -> Health:
        engine.check_ready()
        return Health(status="ok")

    @app.get(
        "/metrics", tags=["health"], summary="Numbers for Prometheus", responses=errors(401),
        response_class=Response,
    )  # fmt: skip
    async def metrics() -> Response:
        return Response(engine.metrics.text(), media_type="text/plain; version=0.0.4")


def _add_summaries(app: FastAPI, engine: Engine) -> None:
    @app.get(
        "/v1/models", tags=["summaries"], summary="Which models there are",
        responses=errors(401, 503), operation_id="list_models",
    )  # fmt: skip
    async def models() -> ModelList:
        if not engine.models:
            engine.check_ready()
        return ModelList(models=[model.card for model in engine.models.values()])

    @app.post(
        "/v1/summarize", tags=["summaries"], summary="Summarize one document or several",
        responses=errors(400, 401, 408, 413, 422, 429, 500, 503, 504),
        response_model=SummarizeResponse, operation_id="summarize",
    )  # fmt: skip
    async def summarize(asked: SummarizeRequest, request: Request) -> Response:
        engine.check_ready()
        start = time.monotonic()
        ids, texts = _documents(asked, engine.settings.max_documents)
        model, search = _chosen(engine, asked)
        timeout = min(asked.timeout or engine.settings.timeout, engine.settings.timeout)
        jobs = engine.submit(search, texts, attention=asked.attention, timeout=timeout)
        try:
            outcomes = await _outcomes(jobs, request, timeout)
        finally:
            engine.forget(jobs)
        if outcomes is None:
            return Response(status_code=_LEFT)
        found = [_result(*one, search) for one in zip(ids, outcomes, strict=True)]
        answer = SummarizeResponse(
            model=model.name, results=found, seconds=round(time.monotonic() - start, 4)
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


def _documents(asked: SummarizeRequest, most: int) -> tuple[list[str], list[str]]:
    """Ids and texts of a request."""
    if (asked.text is None) == (asked.documents is None):
        raise Problem(422, "a request has either text, for one document, or documents; give one")
    if asked.documents is None:
        pairs = [("0", "/text", str(asked.text))]
    else:
        pairs = [
            (str(place) if one.id is None else one.id, f"/documents/{place}/text", one.text)
            for place, one in enumerate(asked.documents)
        ]
    if len(pairs) > most:
        raise Problem(
            413, f"a request may have {most} documents, this one has {len(pairs)}; send several"
        )
    empty = [
        (where, "must have text, but is blank")
        for _, where, text in pairs
        if not normalize_text(text)
    ]
    if empty:
        raise Problem(422, "a document has no text; leave it out", errors=empty)
    return [one[0] for one in pairs], [one[2] for one in pairs]


def _chosen(engine: Engine, asked: SummarizeRequest) -> tuple[ServedModel, Search]:
    """The model and the search that a request asks for."""
    names = ", ".join(engine.models)
    if asked.model is None and len(engine.models) > 1:
        raise Problem(422, f"several models are served, so that model must name one of {names}")
    name = next(iter(engine.models)) if asked.model is None else asked.model
    if name not in engine.models:
        rule = f"must be one of {names}"
        raise Problem(422, "there is no such model", errors=[("/model", rule)])
    model = engine.models[name]
    changes = asked.changes()
    widest = engine.settings.max_beam
    if changes.get("beam", 0) > widest:
        rule = f"must be at most {widest} here"
        raise Problem(422, "the beam is too wide", errors=[("/beam", rule)])
    if asked.attention and not model.card.attention:
        rule = "must be false: this model's attention is not that of one decoder"
        raise Problem(422, "there is no attention", errors=[("/attention", rule)])
    try:
        return model, model.search(changes, asked.target_langs)
    except ConfigError as error:
        raise Problem(422, str(error)) from error


def _result(name: str, outcome: Outcome, search: Search) -> Result:
    summary = outcome.summary
    targets = summary.targets or {search.target_langs[0]: summary.hypotheses}
    return Result(
        id=name,
        summaries=summary.summary,
        score=summary.best.score,
        hypotheses={
            target: [Candidate(summaries=one.summary, score=one.score) for one in found]
            for target, found in targets.items()
        },
        read_tokens=outcome.read_tokens,
        unread_tokens=summary.unread_tokens,
        attention=None if outcome.attention is None else Attention(**outcome.attention),
    )


# -- errors -------------------------------------------------------------------------------------


def _add_errors(app: FastAPI) -> None:
    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _invalid(error.errors()).response()

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _of_http(error).response()

    async def unexpected(request: Request, error: Exception) -> Response:
        return Problem(500, "the server failed; its log says where").response()

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def _invalid(errors: Sequence[Any]) -> Problem:
    """What a request that is not of the schema gets; what it held is not repeated."""
    if any(one["type"] == "json_invalid" for one in errors):
        place = next(one["loc"][-1] for one in errors if one["type"] == "json_invalid")
        return Problem(400, f"the body is no JSON: it breaks off or errs at character {place}")
    rules = [(_pointer(one["loc"]), str(one["msg"])) for one in errors]
    return Problem(422, "the request is not as /openapi.json describes it", errors=rules[:20])


def _pointer(place: Sequence[Any]) -> str:
    """A JSON pointer (RFC 6901) to a place in the body; a key of the client is cut short."""
    parts = [str(part)[:80].replace("~", "~0").replace("/", "~1") for part in place[1:]]
    return "".join(f"/{part}" for part in parts)


def _of_http(error: HTTPException) -> Problem:
    details = {
        400: "the body cannot be read: it must be JSON in UTF-8, not nested deeply",
        404: "there is nothing here; /openapi.json says what there is",
        405: "this method is not for this address; the header Allow says which are",
    }
    detail = details.get(error.status_code, str(error.detail))
    return Problem(error.status_code, detail, headers=error.headers)

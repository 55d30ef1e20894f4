"""The HTTP interface: routes, and what errors look like. OpenAPI 3.1 stands at `/openapi.json`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Optional

from fastapi import FastAPI, Response

from mclas_fairseq.serve.answers import add_errors
from mclas_fairseq.serve.api_page import add_api_page
from mclas_fairseq.serve.engine import Engine
from mclas_fairseq.serve.guards import Keys, guarded
from mclas_fairseq.serve.openapi import describe, errors, schema_of
from mclas_fairseq.serve.page import add_page
from mclas_fairseq.serve.schema import Health, ModelList
from mclas_fairseq.serve.summaries import add_summaries


def build_app(engine: Engine, keys: Optional[Keys] = None) -> FastAPI:
    """The application.

    Args:
        engine: is started with the application and stopped with it.
        keys: one of them is needed for all under /v1 and for /metrics; none: no key is needed.
    """
    keys = keys or Keys()
    keyed = bool(keys.values)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        engine.drain()
        await asyncio.to_thread(engine.stop)

    # FastAPI's own interactive page loads scripts from a content network: ours does not.
    app = FastAPI(lifespan=life, docs_url=None, redoc_url=None, **describe(keyed))
    app.openapi = lambda: schema_of(app, keyed=keyed)  # type: ignore[method-assign]
    add_errors(app)
    _add_health(app, engine)
    _add_models(app, engine)
    add_summaries(app, engine)
    add_page(app)
    add_api_page(app)
    guarded(app, engine.settings, engine.metrics, keys, engine.check_admission)
    return app


def _add_health(app: FastAPI, engine: Engine) -> None:
    @app.get("/livez", tags=["health"], summary="Does the process answer?", responses=errors(431))
    async def livez() -> Health:
        return Health(status="ok")

    @app.get("/readyz", tags=["health"], summary="Are documents taken?", responses=errors(431, 503))
    async def readyz() -> Health:
        engine.check_ready()
        return Health(status="ok")

    @app.get(
        "/metrics", tags=["health"], summary="Numbers for Prometheus", responses=errors(401, 431),
        response_class=Response,
    )  # fmt: skip
    async def metrics() -> Response:
        return Response(engine.metrics.text(), media_type="text/plain; version=0.0.4")


def _add_models(app: FastAPI, engine: Engine) -> None:
    @app.get(
        "/v1/models", tags=["summaries"], summary="Which models there are",
        responses=errors(401, 431, 503), operation_id="list_models",
    )  # fmt: skip
    async def models() -> ModelList:
        if not engine.models:
            engine.check_ready()
        return ModelList(models=[model.card for model in engine.models.values()])

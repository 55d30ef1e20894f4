"""The description of the interface, OpenAPI 3.1, complete enough to generate a client from."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from mclas_fairseq.serve.guards import KEYED
from mclas_fairseq.serve.problems import MEDIA_TYPE, ProblemBody
from mclas_fairseq.version import __version__

_MEANINGS = {
    400: "The body is no JSON in UTF-8.",
    401: "A key is needed.",
    408: "The request was sent too slowly.",
    413: "The request is too large.",
    422: "A field breaks a rule; `errors` names it.",
    429: "The queue is full; `Retry-After` says when to come again.",
    431: "The headers are too large.",
    500: "The server failed.",
    503: "Models are being loaded, or the server is ending.",
    504: "The deadline has passed.",
}
_KEY = "apiKey"


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer with."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        found[status] = {"model": ProblemBody, "description": _MEANINGS[status]}
        if status in (429, 503):
            seconds = {"description": "seconds", "schema": {"type": "integer"}}
            found[status]["headers"] = {"Retry-After": seconds}
    return found


def describe(keyed: bool) -> dict[str, Any]:
    """Title and the like."""
    needed = " A key is needed: `Authorization: Bearer KEY`." if keyed else ""
    return {
        "title": "mclas serve",
        "version": __version__,
        "description": f"Cross-lingual summaries of documents.{needed}",
        "license_info": {"name": "MIT", "identifier": "MIT"},
    }


def schema_of(app: FastAPI, *, keyed: bool) -> dict[str, Any]:
    """The description; errors are of the media type that they are sent with."""
    if app.openapi_schema:
        return app.openapi_schema
    schema = get_openapi(routes=app.routes, **describe(keyed))
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and "application/json" in answer.get("content", {}):
                    answer["content"] = {MEDIA_TYPE: answer["content"]["application/json"]}
            if keyed and path.startswith(KEYED):
                operation["security"] = [{_KEY: []}]
    # FastAPI's own form of errors, which nothing here answers with.
    parts = schema["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(name, None)
    if keyed:
        parts["securitySchemes"] = {_KEY: {"type": "http", "scheme": "bearer"}}
    app.openapi_schema = schema
    return schema

"""What errors look like, whatever raised them: problem+json that repeats nothing of a request."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mclas_fairseq.serve.problems import Problem


def add_errors(app: FastAPI) -> None:
    """Make every error of an application a problem by RFC 9457."""

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

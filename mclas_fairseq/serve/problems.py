"""Errors as clients get them: `application/problem+json`, RFC 9457.

No text of a document is ever repeated in one, nor a traceback.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Optional

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

MEDIA_TYPE = "application/problem+json"


class FieldError(BaseModel):
    """A field of a request that breaks a rule."""

    pointer: str = Field(description="JSON pointer to the field", examples=["/documents/0/text"])
    detail: str = Field(description="the rule that it breaks")


class ProblemBody(BaseModel):
    """An error by RFC 9457."""

    type: str = Field("about:blank", description="the status says what kind of error it is")
    title: str = Field(description="the status in words", examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(description="what is wrong, and what to do")
    errors: Optional[list[FieldError]] = Field(None, description="fields that break a rule")


class Problem(Exception):
    """What ends a request.

    Attributes:
        status: of HTTP.
        detail: what is wrong and what to do; without any text of a document.
        errors: pairs of JSON pointer and rule.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Optional[Mapping[str, str]] = None,
    ):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """What is sent."""
        body = ProblemBody(
            type="about:blank",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            errors=[FieldError(pointer=where, detail=rule) for where, rule in self.errors] or None,
        )
        return body.model_dump(exclude_none=True)

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(
            self.body(),
            status_code=self.status,
            headers=self.headers,
            media_type=MEDIA_TYPE,
        )


def later(status: int, detail: str, seconds: int) -> Problem:
    """A problem that is over after some seconds: 429 or 503 with `Retry-After`."""
    return Problem(status, detail, headers={"Retry-After": str(max(1, seconds))})

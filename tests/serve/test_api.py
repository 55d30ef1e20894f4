"""Whatever is sent: no server error, and every answer as the description says (Schemathesis).

More of it, by hand: `SCHEMATHESIS_EXAMPLES=1000 python -m pytest tests/serve/test_api.py`.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.serve.conftest import Served

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "15"))
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_whatever_is_sent(serve: Callable[..., Served], mode: str) -> None:
    served = serve(keys=[], max_body_bytes=5000)
    schema = schemathesis.openapi.from_dict(served.client.get("/openapi.json").json())
    seen: set[int] = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        kind = schemathesis.GenerationMode(mode)
        headers = {"Content-Type": "application/json"} if operation.method == "post" else {}

        def check(case: Any, headers: dict[str, str] = headers) -> None:
            path = case.formatted_path
            sent: dict[str, Any] = {}
            if isinstance(case.body, bytes):
                sent = {"content": case.body}
            elif type(case.body).__name__ != "NotSet":
                sent = {"json": case.body}
            answer = served.client.request(case.method, path, headers=headers, **sent)
            seen.add(answer.status_code)
            assert answer.status_code < 500 or answer.status_code == 504, case  # a short timeout
            case.validate_response(answer, checks=CHECKS)

        if mode == "negative" and operation.method != "post":
            continue  # nothing can be wrong with a request that takes nothing
        strategy = operation.as_strategy(generation_mode=kind)
        run_examples(strategy, check)
    assert (200 in seen) if mode == "positive" else (422 in seen)


def run_examples(strategy: Any, check: Callable[[Any], None]) -> None:
    run = given(strategy)(check_of(check))
    settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(run)()


def check_of(check: Callable[[Any], None]) -> Callable[[Any], None]:
    def one(case: Any) -> None:
        check(case)

    return one

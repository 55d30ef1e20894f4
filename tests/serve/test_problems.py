"""What is refused, and how: problem+json, the right status, nobody else harmed, nothing told."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.serve.conftest import Served

SECRET = "Wolkenkuckucksheim"


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    import time

    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


BODIES: list[tuple[bytes, int, str]] = [
    (b'{"text": "a', 400, "no JSON"),
    (b"", 422, ""),
    (b"[" * 100_000, 400, "nested deeply"),
    (b'{"text": "\xff\xfe"}', 400, "UTF-8"),
    (b'{"text": ' + b"9" * 5000 + b"}", 400, ""),
    (b'{"text": "\\ud800"}', 422, "/text"),
    (b"[]", 422, ""),
    (b'{"text": 5}', 422, "/text"),
    (b'{"text": ""}', 422, "/text"),
    (b'{"text": " \\n "}', 422, "blank"),
    (b'{"documents": []}', 422, "/documents"),
    (b'{"documents": [{"text": "a"}, {"text": "\\u00a0"}]}', 422, "/documents/1/text"),
    (b"{}", 422, "either text"),
    (b'{"text": "a", "documents": [{"text": "a"}]}', 422, "either text"),
    (b'{"text": "a", "beem": 1}', 422, "/beem"),
    (b'{"text": "a", "beam": "4"}', 422, "/beam"),
    (b'{"text": "a", "beam": 0}', 422, "/beam"),
    (b'{"text": "a", "beam": 17}', 422, "at most 16 here"),
    (b'{"text": "a", "beam": 2, "nbest": 3}', 422, "--nbest 3"),
    (b'{"text": "a", "min_len": 8, "max_len_b": 4}', 422, "max_len_b 4"),
    (b'{"text": "a", "timeout": -1}', 422, "/timeout"),
    (b'{"text": "a", "timeout": NaN}', 422, "/timeout"),
    (b'{"text": "a", "model": "other"}', 422, "must be one of bundle"),
    (b'{"text": "a", "target_langs": ["zh"]}', 422, "must be some of de"),
    (b'{"text": "a", "target_langs": ["de", "de"]}', 422, "each once"),
    (b'{"documents": [' + b",".join([b'{"text": "a"}'] * 65) + b"]}", 413, "64 documents"),
    (b'{"text": "' + b"a" * 2_000_000 + b'"}', 413, "1,048,576 bytes"),
]


@pytest.mark.parametrize(("body", "status", "said"), BODIES)
def test_bad_requests(serve: Callable[..., Served], body: bytes, status: int, said: str) -> None:
    served = serve()
    headers = {"Content-Type": "application/json"}
    answer = served.client.post("/v1/summarize", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert said in answer.text
    assert len(answer.text) < 2000
    assert served.post(text="still there").status_code == 200


def test_a_body_without_its_length_is_stopped_when_it_is_too_large(
    serve: Callable[..., Served],
) -> None:
    served = serve(max_body_bytes=100)
    sent = []

    def parts() -> Iterator[bytes]:
        for _ in range(100):
            sent.append(50)
            yield b"a" * 50

    headers = {"Content-Type": "application/json"}
    answer = served.client.post("/v1/summarize", content=parts(), headers=headers)
    assert answer.status_code == 413
    assert "100 bytes" in answer.json()["detail"]


def test_large_headers(serve: Callable[..., Served]) -> None:
    served = serve()
    for headers in ({"X-Long": "a" * 65_536}, {f"X-{n}": "a" * 100 for n in range(600)}):
        answer = served.client.get("/livez", headers=headers)
        assert answer.status_code == 431
        assert answer.headers["content-type"] == "application/problem+json"
        assert "16,384 bytes" in answer.json()["detail"]
        assert answer.headers["connection"] == "close", "its body was not read"
    assert served.client.get("/livez", headers={"X-Long": "a" * 8000}).status_code == 200


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/../../etc/passwd", "/%2e%2e/secret"])
def test_other_paths(serve: Callable[..., Served], path: str) -> None:
    answer = serve().client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_other_methods(serve: Callable[..., Served]) -> None:
    answer = serve().client.get("/v1/summarize")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def parts(part: bytes, count: int) -> Iterator[bytes]:
    """A body that is sent without its length."""
    for _ in range(count):
        yield part


def test_a_batch_leaves_half_of_the_queue_to_the_next_one(serve: Callable[..., Served]) -> None:
    served = serve(max_queue=4, max_documents=4)
    answer = served.post(documents=[{"text": f"a document, number {n}"} for n in range(4)])
    assert answer.status_code == 200
    assert [len(batch) for batch in served.model.batches] == [2, 2]


def test_a_full_queue_is_429(
    serve: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    served = serve(max_queue=3, max_documents=2, max_body_bytes=2000)
    served.model.go.clear()
    with ThreadPoolExecutor(2) as clients:
        running = clients.submit(served.post, text="one that is being decoded")
        assert served.model.begun.wait(60)
        waiting = clients.submit(served.post, documents=[{"text": "two"}, {"text": "three"}])
        wait_until(lambda: served.sample("mclas_queue_documents") == 2)
        refused = served.post(text="too many")
        # Nothing of it is looked at, so that under far too much load refusing costs little.
        assert served.client.post("/v1/summarize", content=b'{"text": "a').status_code == 429
        too_large = served.client.post("/v1/summarize", content=parts(b"a" * 600, 4))
        assert too_large.status_code == 413, "and no more of it is received than else"
        served.model.go.set()
        assert running.result().status_code == waiting.result().status_code == 200
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert served.sample("mclas_requests_total", route="/v1/summarize", status="429") == 2
    told = [one.getMessage() for one in caplog.records if one.name == "mclas_fairseq.serve.guards"]
    assert any(" /v1/summarize 200 " in line for line in told)
    assert not any(" 429 " in line for line in told), "too much load does not fill the log as well"
    assert served.post(text="again").status_code == 200
    assert not any("too many" in batch for batch in served.model.batches)


def test_who_waits_when_decoding_ends_is_told_to_come_again(serve: Callable[..., Served]) -> None:
    served = serve()
    served.model.go.clear()
    body = {"documents": [{"id": "x", "text": "of a stream"}]}
    headers = {"Accept": "text/event-stream"}
    with ThreadPoolExecutor(3) as clients:
        running = clients.submit(served.post, text="one that is being decoded")
        assert served.model.begun.wait(60)
        waiting = clients.submit(served.post, text="one that waits")
        watching = clients.submit(served.client.post, "/v1/summarize", json=body, headers=headers)
        wait_until(lambda: served.sample("mclas_queue_documents") == 2)
        served.beside.lost()
        for answer in (running.result(), waiting.result()):
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
            assert "is being started anew; come again" in answer.json()["detail"]
        assert "event: problem" in watching.result().text
        assert '"status": 503' in watching.result().text
    assert served.client.get("/readyz").status_code == 503
    assert served.post(text="too early").status_code == 503
    assert served.client.get("/livez").status_code == 200
    assert served.sample("mclas_queue_documents") == 0
    assert served.sample("mclas_decoder_restarts_total") == 1
    assert served.sample("mclas_failures_total", model="bundle") == 3
    served.model.go.set()
    served.decoder.replace({"bundle": served.model})  # another one is there
    assert served.client.get("/readyz").status_code == 200
    assert served.post(text="again").status_code == 200


def test_the_deadline_is_504_and_forgets(serve: Callable[..., Served]) -> None:
    served = serve(timeout=30)
    served.model.go.clear()
    with ThreadPoolExecutor(1) as clients:
        running = clients.submit(served.post, text="held")
        assert served.model.begun.wait(60)
        late = served.post(text="late", timeout=0.05)
        assert late.status_code == 504
        assert served.sample("mclas_queue_documents") == 0
        served.model.go.set()
        assert running.result().status_code == 200
    assert served.model.batches == [["held"]]


def test_draining_finishes_what_was_taken(serve: Callable[..., Served]) -> None:
    served = serve()
    served.model.go.clear()
    with ThreadPoolExecutor(1) as clients:
        running = clients.submit(served.post, text="taken before")
        assert served.model.begun.wait(60)
        served.engine.drain()
        for answer in (served.post(text="after"), served.client.get("/readyz")):
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
        assert served.client.get("/livez").status_code == 200
        served.model.go.set()
        assert running.result().status_code == 200


def test_one_document_that_fails_harms_no_other(
    serve: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(max_wait_ms=500)
    served.model.fails_at = lambda text: SECRET in text
    texts = ["one", f"bad {SECRET}", "three"]
    with caplog.at_level(logging.INFO), ThreadPoolExecutor(3) as clients:
        answers = list(clients.map(lambda text: served.post(text=text), texts))
    assert [one.status_code for one in answers] == [200, 500, 200]
    assert max(map(len, served.model.batches)) > 1, "they shared a batch"
    assert "RuntimeError" in caplog.text
    assert "in summarize" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in answers[1].text
    assert served.sample("mclas_failures_total", model="bundle") == 1


def test_no_text_of_a_document_is_logged(
    serve: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    served = serve()
    with caplog.at_level(logging.INFO):
        assert served.post(text=f"{SECRET} " * 80, attention=True).status_code == 200
        served.post(documents=[{"id": SECRET, "text": SECRET}, {"text": " "}])
        served.post(text="a", model=SECRET)
        served.client.post(f"/v1/summarize?text={SECRET}", content=f'{{"text": "{SECRET}')
        served.client.get(f"/{SECRET}")
    # The client of this test is in the same process, and logs addresses.
    lines = [one.getMessage() for one in caplog.records if not one.name.startswith("httpx")]
    assert any(line.startswith("POST /v1/summarize 200") for line in lines)
    assert SECRET not in "".join(lines)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong", "Basic right", "Bearer right2", "Bearer ü", "right"]
)
def test_wrong_keys(serve: Callable[..., Served], header: str) -> None:
    served = serve(keys=[b"right", b"second"])
    headers = {b"Authorization": header.encode("latin-1")} if header else {}
    for answer in (
        served.client.post("/v1/summarize", json={"text": "a"}, headers=headers),
        served.client.get("/v1/models", headers=headers),
        served.client.get("/metrics", headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
    assert served.model.batches == []


def test_right_keys_and_what_needs_none(serve: Callable[..., Served]) -> None:
    served = serve(keys=[b"right", b"second"])
    for key in ("right", "second"):
        headers = {"Authorization": f"Bearer {key}"}
        assert served.client.get("/v1/models", headers=headers).status_code == 200
    for path in ("/livez", "/readyz", "/openapi.json", "/"):
        assert served.client.get(path).status_code == 200


def test_text_with_markup_is_answered_as_text(serve: Callable[..., Served]) -> None:
    served = serve()
    answer = served.post(documents=[{"id": "<script>alert(1)</script>", "text": "<b>bold</b>"}])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.json()["results"][0]["id"] == "<script>alert(1)</script>"


# -- clients that TestClient cannot be ------------------------------------------------------------


def ask(served: Served, receive: Callable[[], Any], accept: str = "*/*") -> list[dict[str, Any]]:
    """Send a request by hand; the messages of the answer."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST"},
        **{"path": "/v1/summarize", "raw_path": b"/v1/summarize", "query_string": b""},
        **{"scheme": "http"},
        "headers": [(b"content-type", b"application/json"), (b"accept", accept.encode())],
        **{"server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1)},
    }
    app: Any = served.client.app
    asyncio.run(app(scope, receive, send))
    return sent


def test_a_client_that_leaves_is_forgotten(serve: Callable[..., Served]) -> None:
    served = serve()
    served.model.go.clear()
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b'{"text": "of one who leaves"}', "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        if len(messages) == 1:  # not before the document waits
            while served.sample("mclas_queue_documents") < 1:
                await asyncio.sleep(0.01)
        return messages.pop(0)

    with ThreadPoolExecutor(1) as clients:
        running = clients.submit(served.post, text="of one who stays")
        assert served.model.begun.wait(60)
        ask(served, receive)
        assert served.sample("mclas_queue_documents") == 0
        served.model.go.set()
        assert running.result().status_code == 200
    assert served.model.batches == [["of one who stays"]]
    assert served.sample("mclas_requests_total", route="/v1/summarize", status="499") == 1


def test_a_client_that_sends_too_slowly_is_408(serve: Callable[..., Served]) -> None:
    served = serve(read_timeout=0.2)
    parts = iter(b'{"text": "a"}' * 100)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": bytes([next(parts)]), "more_body": True}

    start = ask(served, receive)[0]
    assert start["status"] == 408
    assert (b"content-type", b"application/problem+json") in start["headers"]

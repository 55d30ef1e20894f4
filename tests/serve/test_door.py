"""What a full queue cannot take is refused before it is HTTP, as it would be afterwards."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
import uvicorn

from mclas_fairseq.serve.connections import protocol
from mclas_fairseq.serve.door import Door
from mclas_fairseq.serve.engine import Engine
from mclas_fairseq.serve.guards import Keys
from mclas_fairseq.serve.metrics import Metrics
from mclas_fairseq.serve.problems import later
from tests.serve.conftest import Served
from tests.serve.test_problems import wait_until

BODY = b'{"text": "a"}'


def request(*lines: str, body: bytes = BODY, first: str = "POST /v1/summarize HTTP/1.1") -> bytes:
    kind = "Content-Type: application/json"
    return "\r\n".join([first, "Host: x", kind, *lines, "", ""]).encode() + body


def with_length(*lines: str, body: bytes = BODY) -> bytes:
    return request(f"Content-Length: {len(body)}", *lines, body=body)


def full() -> None:
    raise later(429, "the queue is full", 7)


def loading() -> None:
    raise later(503, "the models are being loaded", 5)


def door(check: Callable[[], None], keys: tuple[bytes, ...] = ()) -> Door:
    return Door(check, Keys(keys), 100, Metrics(lambda: 0, lambda: 0.0))


def test_a_full_queue_is_told_at_the_door() -> None:
    one = door(full)
    answer = one.refusal(with_length("Accept: */*"), [(b"date", b"today")])
    assert answer is not None
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 429 Too Many Requests"
    for line in (
        b"date: today",
        b"retry-after: 7",
        b"content-type: application/problem+json",
        b"x-content-type-options: nosniff",
        b"connection: close",
        b"content-length: %d" % len(body),
    ):
        assert lines.count(line) == 1, line
    assert b'"detail":"the queue is full"' in body
    labels = {"route": "/v1/summarize", "status": "429"}
    assert one._metrics.registry.get_sample_value("mclas_requests_total", labels) == 1


PLAIN = with_length()
ELSEWHERE = {
    "nothing at all": b"",
    "another route": request("Content-Length: 13", first="POST /v1/summarise HTTP/1.1"),
    "another method": request(body=b"", first="GET /v1/summarize HTTP/1.1"),
    "another version": request("Content-Length: 13", first="POST /v1/summarize HTTP/1.0"),
    "a query": request("Content-Length: 13", first="POST /v1/summarize?a HTTP/1.1"),
    "a head that goes on": PLAIN[:40],
    "a body that goes on": PLAIN[:-1],
    "what comes after": PLAIN + PLAIN,
    "no length": request(),
    "two lengths": with_length("content-length: 13"),
    "a length that is none": request("Content-Length: +13"),
    "a length of many digits": request("Content-Length: 0000000000013"),
    "a body in chunks": with_length("Transfer-Encoding: chunked"),
    "an answer wanted before": with_length("Expect: 100-continue"),
    "another protocol wanted": with_length("Upgrade: h2c"),
    "a line that is none": with_length("what is this"),
    "a body too large": with_length(body=b"a" * 101),
    "headers too large": with_length("X-Long: " + "a" * 20_000),
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_what_is_not_plain_goes_the_usual_way(what: str) -> None:
    assert door(full).refusal(PLAIN, ()) is not None
    assert door(full).refusal(ELSEWHERE[what], ()) is None


def test_what_would_be_answered_otherwise_goes_the_usual_way() -> None:
    assert door(lambda: None).refusal(PLAIN, ()) is None
    assert door(loading).refusal(PLAIN, ()) is None
    keyed = door(full, (b"key",))
    assert keyed.refusal(PLAIN, ()) is None
    assert keyed.refusal(with_length("Authorization: Bearer other"), ()) is None
    assert keyed.refusal(with_length("authorization: bearer key"), ()) is not None


@pytest.fixture
def listening() -> Iterator[Callable[[Served], int]]:
    """Serves an application over real connections, and gives the port."""
    with ExitStack() as stack:

        def start(served: Served) -> int:
            engine: Engine = served.engine
            own = Door(engine.check_admission, Keys(), 1000, engine.metrics)
            app: Any = served.client.app
            config = uvicorn.Config(
                app, http=protocol(60, own), lifespan="off", log_config=None, ws="none"
            )
            server = uvicorn.Server(config)
            sock = socket.create_server(("127.0.0.1", 0))
            thread = threading.Thread(target=lambda: asyncio.run(server.serve([sock])))
            thread.start()
            stack.callback(thread.join, 60)
            stack.callback(setattr, server, "should_exit", True)
            wait_until(lambda: server.started)
            port: int = sock.getsockname()[1]
            return port

        yield start


def answer(port: int, sent: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Status line, headers and body of what is answered until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(sent)
        got = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in lines)
    del headers[b"date"]
    return first, headers, body


def test_the_answer_is_that_of_the_usual_way(
    serve: Callable[..., Served], listening: Callable[[Served], int]
) -> None:
    served = serve(max_queue=2, max_documents=1)
    port = listening(served)
    closing = "Connection: close"
    assert answer(port, with_length(closing))[0] == b"HTTP/1.1 200 OK"
    served.model.begun.clear()
    served.model.go.clear()
    with ThreadPoolExecutor(2) as clients:
        running = clients.submit(served.post, text="one that is being decoded")
        assert served.model.begun.wait(60)
        waiting = clients.submit(served.post, text="one that waits")
        wait_until(lambda: served.sample("mclas_queue_documents") == 1)
        count = {"route": "/v1/summarize", "status": "429"}
        at_the_door = answer(port, with_length(closing))
        assert served.sample("mclas_request_seconds_count", route="/v1/summarize") == 2
        chunks = b"d\r\n" + BODY + b"\r\n0\r\n\r\n"
        usual = answer(port, request("Transfer-Encoding: chunked", closing, body=chunks))
        assert at_the_door[0] == b"HTTP/1.1 429 Too Many Requests"
        assert at_the_door == usual
        assert served.sample("mclas_requests_total", **count) == 2
        assert answer(port, request(closing, body=b"", first="GET /livez HTTP/1.1"))[2]
        served.model.go.set()
        assert running.result().status_code == waiting.result().status_code == 200
    assert answer(port, with_length(closing))[0] == b"HTTP/1.1 200 OK"

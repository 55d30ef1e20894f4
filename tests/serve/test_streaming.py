"""Answers in parts: events in their order, problems by document, and nobody left waiting."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Optional

import pytest

from mclas_fairseq.inference.documents import EncodedDocument
from mclas_fairseq.inference.results import Summary, Watch
from mclas_fairseq.serve.searches import Search
from mclas_fairseq.serve.streaming import wants_stream
from tests.serve.conftest import Served
from tests.serve.test_problems import ask, wait_until

Event = tuple[str, dict[str, Any]]


def events(served: Served, **body: Any) -> Iterator[Event]:
    headers = {"Accept": "text/event-stream"}
    with served.client.stream("POST", "/v1/summarize", json=body, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        text = "".join(answer.iter_text())
    yield from parsed(text)


def parsed(text: str) -> Iterator[Event]:
    for block in text.strip().split("\n\n"):
        if not block.startswith(":"):
            kind, data = block.split("\n")
            yield kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_results_are_those_of_an_answer_that_comes_whole(
    serve: Callable[..., Served], documents: list[str]
) -> None:
    served = serve()
    body = [{"id": f"d{n}", "text": text} for n, text in enumerate(documents)]
    whole = served.post(documents=body, attention=True, nbest=2).json()
    found = list(events(served, documents=body, attention=True, nbest=2))
    assert [kind for kind, _ in found] == ["result"] * len(documents) + ["done"]
    by_id = {data["id"]: data for kind, data in found if kind == "result"}
    assert [by_id[one["id"]] for one in whole["results"]] == whole["results"]
    assert found[-1][1]["model"] == "bundle"


def test_tokens_come_with_a_beam_of_one(serve: Callable[..., Served], documents: list[str]) -> None:
    served = serve()
    check_tokens(served, documents[:3])


def test_tokens_of_a_batch_that_failed_late_are_not_told_twice(
    serve: Callable[..., Served], documents: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve()
    decode = served.model.summarize

    def failing(
        search: Search, batch: Sequence[EncodedDocument], watch: Optional[Watch]
    ) -> list[Summary]:
        found = decode(search, batch, watch)
        if len(batch) > 1:
            raise RuntimeError("together they are too much")
        return found

    monkeypatch.setattr(served.model, "summarize", failing)
    check_tokens(served, documents[:3])
    assert [len(batch) for batch in served.model.batches] == [3, 1, 1, 1]


def check_tokens(served: Served, documents: Sequence[str]) -> None:
    """Look whether tokens add up to the summaries, and come before them."""
    body = [{"id": f"d{n}", "text": text} for n, text in enumerate(documents)]
    found = list(events(served, documents=body, beam=1))
    told: dict[tuple[str, str], str] = {}
    results = 0
    for kind, data in found:
        if kind == "token":
            key = (data["id"], data["language"])
            assert data["target"] == "de"
            told[key] = told.get(key, "") + data["text"]
        if kind == "result":
            results += 1
            for language, text in data["summaries"].items():
                assert told[data["id"], language].strip() == text, "tokens come before the result"
    assert results == len(documents)
    assert sum(kind == "token" for kind, _ in found) > 12


def test_documents_come_as_they_are_done(serve: Callable[..., Served]) -> None:
    served = serve(max_batch_tokens=1)  # each goes alone
    served.model.go.clear()
    with ThreadPoolExecutor(1) as clients:
        body = [{"text": text} for text in "ab"]
        running = clients.submit(lambda: list(events(served, documents=body)))
        assert served.model.begun.wait(60)
        served.model.fails_at = lambda text: text == "a"
        served.model.go.set()
        found = running.result()
    assert [kind for kind, _ in found] == ["problem", "result", "done"]
    assert (found[0][1]["id"], found[0][1]["status"]) == ("0", 500)
    assert found[1][1]["id"] == "1"


def test_a_document_that_is_refused_is_told_why(serve: Callable[..., Served]) -> None:
    """What went wrong with one document is told as in an answer that comes whole."""
    served = serve(on_long="refuse")
    body = [{"id": "long", "text": "a word " * 200}, {"id": "short", "text": "a word"}]
    found = {data.get("id"): (kind, data) for kind, data in events(served, documents=body)}
    kind, problem = found["long"]
    assert (kind, problem["status"]) == ("problem", 422)
    assert "at most 64 tokens, which the model reads" in problem["detail"]
    assert found["short"][0] == "result"


def test_who_waits_long_is_told_that_more_will_come(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mclas_fairseq.serve.streaming._ALIVE", 0.05)
    served = serve()
    served.model.go.clear()
    threading.Timer(0.5, served.model.go.set).start()
    headers = {"Accept": "text/event-stream"}
    body = {"text": "held"}
    with served.client.stream("POST", "/v1/summarize", json=body, headers=headers) as answer:
        text = "".join(answer.iter_text())
    assert text.startswith(": more will come\n\n")
    assert [kind for kind, _ in parsed(text)] == ["result", "done"]


def test_what_is_late_is_a_problem_of_its_document(serve: Callable[..., Served]) -> None:
    served = serve()
    served.model.go.clear()
    with ThreadPoolExecutor(1) as clients:
        running = clients.submit(served.post, text="held")
        assert served.model.begun.wait(60)
        found = list(events(served, documents=[{"id": "x", "text": "late"}], timeout=0.1))
        assert served.sample("mclas_queue_documents") == 0
        served.model.go.set()
        assert running.result().status_code == 200
    assert [kind for kind, _ in found] == ["problem", "done"]
    assert (found[0][1]["id"], found[0][1]["status"]) == ("x", 504)


def test_what_is_refused_is_no_stream(serve: Callable[..., Served]) -> None:
    served = serve()
    headers = {"Accept": "text/event-stream"}
    answer = served.client.post("/v1/summarize", json={"text": " "}, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_client_that_leaves_a_stream_is_forgotten(serve: Callable[..., Served]) -> None:
    served = serve()
    served.model.go.clear()
    body = json.dumps({"text": "of one who leaves"}).encode()
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": body, "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        if len(messages) == 1:
            while served.sample("mclas_queue_documents") < 1:
                await asyncio.sleep(0.01)
        return messages.pop(0)

    with ThreadPoolExecutor(1) as clients:
        running = clients.submit(served.post, text="of one who stays")
        assert served.model.begun.wait(60)
        start = ask(served, receive, accept="text/event-stream")[0]
        assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
        wait_until(lambda: served.sample("mclas_queue_documents") == 0)
        served.model.go.set()
        assert running.result().status_code == 200
    assert served.model.batches == [["of one who stays"]]


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream; q=0.5, */*;q=0.1", True),
        ("text/event-stream, application/json", True),
        ("text/event-stream;q=0.5, application/json", False),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=x", False),
        ("application/json", False),
        ("*/*", False),
        ("", False),
        (",;=;,q=;", False),
    ],
)
def test_who_wants_events(accept: str, wanted: bool) -> None:
    assert wants_stream(accept) is wanted

"""Long documents and foreign ones: what happened stands in the answer."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mclas_fairseq.inference.summarizer import Summarizer
from tests.serve.conftest import BUNDLE, Served
from tests.serve.test_problems import wait_until
from tests.serve.test_streaming import events

SHORT = "The river rose in Zelburn."
LONG = " ".join(["The river rose in Zelburn.", "Six children had to leave their homes."] * 8)
GERMAN = "Der Fluss stieg am Montag, und sechs Kinder mussten ihre Häuser verlassen."


def test_windows_are_those_of_the_python_api(serve: Callable[..., Served]) -> None:
    served = serve(max_wait_ms=300)
    own = Summarizer.from_bundle(BUNDLE, device="cpu", changes={"max_len_b": 8})
    expected = own.summarize([SHORT, LONG], on_long="windows")
    answer = served.post(
        documents=[{"text": SHORT}, {"text": LONG}], on_long="windows", max_len_b=8, attention=True
    )
    short, long = answer.json()["results"]
    assert [short["summaries"], long["summaries"]] == [one.summary for one in expected]
    assert "windows" not in short
    assert expected[1].windows is not None
    assert long["windows"] == vars(expected[1].windows)
    assert long["windows"]["count"] > 2
    assert long["read_tokens"] > 150
    assert long["unread_tokens"] == 0
    assert "".join(long["attention"]["document"]["pieces"]).strip() == long["windows"]["joined"]
    assert len(served.model.batches[0]) > 3, "windows are decoded with other documents"
    assert served.sample("mclas_windowed_documents_total", model="bundle") == 1
    assert served.sample("mclas_documents_total", model="bundle") == 2


@pytest.mark.parametrize("given", ["server", "request"])
def test_refused(serve: Callable[..., Served], given: str) -> None:
    served = serve(**({"on_long": "refuse"} if given == "server" else {}))
    more = {} if given == "server" else {"on_long": "refuse"}
    answer = served.post(text=LONG, **more)
    assert answer.status_code == 422
    assert "at most 64 tokens, which the model reads, this one has" in answer.json()["detail"]
    assert served.post(text=SHORT, **more).status_code == 200
    assert served.post(text=LONG, on_long="truncate").json()["results"][0]["unread_tokens"] > 100


def test_too_many_windows_are_refused(serve: Callable[..., Served]) -> None:
    served = serve(max_windows=2)
    answer = served.post(text=LONG, on_long="windows")
    assert answer.status_code == 422
    assert "may have 2 windows, this one has" in answer.json()["detail"]


def test_an_unknown_way(serve: Callable[..., Served]) -> None:
    answer = serve().post(text=SHORT, on_long="half")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/on_long"


def test_windows_of_a_model_that_cannot_read_its_summaries(serve: Callable[..., Served]) -> None:
    served = serve()
    model = served.engine.models["bundle"]
    card = model.card.model_copy(update={"summary_langs": ["de"]})
    served.engine.models = {"bundle": replace(model, card=card)}
    answer = served.post(text=SHORT, on_long="windows")
    assert answer.status_code == 422
    assert "also writes summaries in 'en'" in answer.json()["detail"]


def test_a_window_that_fails_fails_its_document_alone(serve: Callable[..., Served]) -> None:
    served = serve(max_wait_ms=500)
    served.model.fails_at = lambda text: text.startswith("Six")
    with ThreadPoolExecutor(2) as clients:
        long = clients.submit(served.post, text="Six were there. " + LONG, on_long="windows")
        short = clients.submit(served.post, text=SHORT)
        assert (long.result().status_code, short.result().status_code) == (500, 200)
    wait_until(lambda: served.sample("mclas_queue_documents") == 0)


def test_joined_summaries_go_before_documents_that_came_later(
    serve: Callable[..., Served],
) -> None:
    served = serve(max_batch_tokens=1)  # each goes alone
    served.model.go.clear()
    with ThreadPoolExecutor(2) as clients:
        long = clients.submit(served.post, text=LONG, on_long="windows", max_len_b=8)
        assert served.model.begun.wait(60)
        later = clients.submit(served.post, text=SHORT, max_len_b=8)
        wait_until(lambda: SHORT in [job.text for job in served.decoder._waiting])
        served.model.go.set()
        assert [one.result().status_code for one in (long, later)] == [200, 200]
    assert served.model.batches[-1] == [SHORT]


def test_tokens_are_told_of_the_last_summary_alone(serve: Callable[..., Served]) -> None:
    served = serve()
    found = list(events(served, text=LONG, on_long="windows", beam=1, max_len_b=8))
    told: Counter[str] = Counter()
    joined: dict[str, str] = {}
    for kind, data in found:
        if kind == "token":
            told[data["language"]] += 1
            joined[data["language"]] = joined.get(data["language"], "") + data["text"]
    (result,) = [data for kind, data in found if kind == "result"]
    assert {code: text.strip() for code, text in joined.items()} == result["summaries"]
    assert all(told[code] <= 8 for code in joined), "those of windows are more"


def test_windows_of_one_who_leaves_are_forgotten(serve: Callable[..., Served]) -> None:
    served = serve(max_batch_tokens=64)  # a window goes alone
    served.model.go.clear()
    with ThreadPoolExecutor(1) as clients:
        running = clients.submit(served.post, text=LONG, on_long="windows", timeout=1)
        assert served.model.begun.wait(60)
        assert running.result().status_code == 504
        served.model.go.set()
        wait_until(lambda: served.sample("mclas_queue_documents") == 0)
    assert served.post(text=SHORT).status_code == 200
    assert len(served.model.batches) == 2, "the other windows are not decoded"


def test_a_foreign_document_is_told(serve: Callable[..., Served]) -> None:
    served = serve()
    answer = served.post(documents=[{"text": SHORT}, {"text": GERMAN}]).json()
    right, wrong = answer["results"]
    assert "warning" not in right
    assert wrong["warning"] == "the document seems to be in 'de', but the model reads 'en'"
    assert served.sample("mclas_other_language_documents_total", model="bundle") == 1
    (read,) = served.post(text=" ".join([GERMAN] * 8), on_long="windows").json()["results"]
    assert read["windows"]["count"] > 1
    assert read["warning"] == wrong["warning"]

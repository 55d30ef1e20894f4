"""When a server gives memory back, and what is left to the collector."""

import gc
from collections.abc import Callable, Iterator

import pytest

from mclas_fairseq.modules import heap
from mclas_fairseq.serve.memory import prepare_memory
from tests.serve.conftest import Served
from tests.serve.test_problems import wait_until


@pytest.fixture
def given_back(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    monkeypatch.setattr(heap, "_malloc_trim", lambda: calls.append)
    return calls


def test_memory_is_given_back_when_no_documents_come(
    serve: Callable[..., Served], given_back: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mclas_fairseq.serve.memory.IDLE_SECONDS", 0.05)
    served = serve()
    wait_until(lambda: given_back == [0])
    assert served.post(text="The river rose.").status_code == 200
    wait_until(lambda: given_back == [0, 0])


def test_memory_is_kept_while_documents_come(
    serve: Callable[..., Served], given_back: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mclas_fairseq.serve.memory.IDLE_SECONDS", 600.0)
    served = serve()
    for _ in range(3):
        assert served.post(text="The river rose.").status_code == 200
    assert given_back == []


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_was_imported_is_set_apart_from_what_comes_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[bool] = []
    monkeypatch.setattr("mclas_fairseq.modules.heap.keep_freed", lambda: kept.append(True))
    before = len(gc.get_objects(generation=2))
    prepare_memory()
    assert kept
    after = [[] for _ in range(10)]  # type: ignore[var-annotated]
    assert gc.get_freeze_count() > before / 2
    gc.collect()
    old = gc.get_objects(generation=2)
    assert len(old) < before / 2
    assert any(one is after for one in old), "what comes after is still looked at"

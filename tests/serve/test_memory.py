"""When a server gives memory back, and what is left to the collector."""

import gc
from collections.abc import Callable, Iterator

import pytest

from mclas_fairseq.modules import heap
from mclas_fairseq.serve.memory import GivingBack, set_imports_apart
from tests.serve.conftest import Served
from tests.serve.test_problems import wait_until


@pytest.fixture
def given_back(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    monkeypatch.setattr(heap, "_malloc_trim", lambda: calls.append)
    return calls


def test_memory_is_given_back_every_second(given_back: list[int]) -> None:
    now = 100.0
    memory = GivingBack(lambda: now)
    for _ in range(13):
        memory.after_batch()
        now += 0.25
    assert given_back == [0, 0, 0]


def test_a_server_does_so_after_its_batches(
    serve: Callable[..., Served], given_back: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mclas_fairseq.serve.memory.SECONDS", 0.0)
    served = serve()
    assert given_back == []
    assert served.post(text="The river rose.").status_code == 200
    wait_until(lambda: given_back == [0])


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_was_imported_is_set_apart_from_what_comes_after() -> None:
    before = len(gc.get_objects(generation=2))
    set_imports_apart()
    after = [[] for _ in range(10)]  # type: ignore[var-annotated]
    assert gc.get_freeze_count() > before / 2
    gc.collect()
    old = gc.get_objects(generation=2)
    assert len(old) < before / 2
    assert any(one is after for one in old), "what comes after is still looked at"

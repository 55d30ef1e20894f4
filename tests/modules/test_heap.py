"""When a training gives memory back."""

import platform

import pytest
from torch import nn

from mclas_fairseq.modules import heap
from mclas_fairseq.modules.heap import close_holes


@pytest.fixture
def trimmed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    monkeypatch.setattr(heap, "_malloc_trim", lambda: calls.append)
    return calls


def test_holes_are_closed_at_every_tenth_update_of_a_model_on_a_cpu(trimmed: list[int]) -> None:
    model = nn.Linear(1, 1)
    for update in range(1, 31):
        close_holes(model, update)
    assert trimmed == [0, 0, 0]  # three times, with nothing left at the top of the heap
    close_holes(model.to("meta"), 10)
    close_holes(nn.Identity(), 10)
    assert trimmed == [0, 0, 0]


def test_without_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Library:
        def __getattr__(self, name: str) -> None:
            asked.append(name)
            raise AttributeError(name)  # as ctypes has it of a function that is not there

    monkeypatch.setattr(heap, "_malloc_trim", heap._malloc_trim.__wrapped__)
    monkeypatch.setattr("ctypes.CDLL", lambda _: Library())
    close_holes(nn.Linear(1, 1), 10)
    assert asked == ["malloc_trim"]


def test_glibc_has_it_where_it_is_the_c_library() -> None:
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another C library than glibc")
    trim = heap._malloc_trim()
    assert trim is not None
    trim(0)

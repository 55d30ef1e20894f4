"""When a training gives memory back, and a server keeps it."""

import platform
import subprocess
import sys

import pytest
from torch import nn

from mclas_fairseq.modules import heap
from mclas_fairseq.modules.heap import close_holes, keep_freed


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
    keep_freed()
    assert asked == ["malloc_trim", "mallopt"]


def test_glibc_has_it_where_it_is_the_c_library() -> None:
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another C library than glibc")
    trim = heap._malloc_trim()
    assert trim is not None
    trim(0)


_BLOCKS = """
import sys
from mclas_fairseq.modules.heap import give_back, keep_freed

def resident() -> int:
    return int(open("/proc/self/statm").read().split()[1]) * 4 // 1024

if sys.argv[1] == "keep":
    keep_freed()
blocks = [bytearray(b"a" * 2**20) for _ in range(200)]
full = resident()
del blocks
freed = resident()
give_back()
print(full - freed, full - resident())
"""


@pytest.mark.parametrize("choice", ["keep", "leave"])
def test_what_is_freed_is_kept_until_it_is_given_back(choice: str) -> None:
    if platform.libc_ver()[0] != "glibc" or not sys.platform.startswith("linux"):
        pytest.skip("another C library than glibc")
    command = [sys.executable, "-c", _BLOCKS, choice]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    gone, gone_in_the_end = map(int, done.stdout.split())  # MiB
    assert gone < 20 if choice == "keep" else gone > 150
    assert gone_in_the_end > 150

"""CTranslate2 is told to multiply 8 bits with MKL, before it is imported, where that is needed."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.roundtrip.translators import ct2_library


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """What is imported, with CT2_USE_MKL at that time; as if CTranslate2 was not imported yet."""
    calls: list[tuple[str, str | None]] = []

    def require(module: str, **_: Any) -> None:
        calls.append((module, os.environ.get("CT2_USE_MKL")))

    monkeypatch.setattr(ct2_library, "require", require)
    # First set, so that what the code sets is taken back at the end.
    monkeypatch.setenv("CT2_USE_MKL", "")
    monkeypatch.delenv("CT2_USE_MKL")
    monkeypatch.delitem(sys.modules, "ctranslate2", raising=False)
    return calls


@pytest.mark.parametrize(
    ("vnni", "given", "expected"),
    [(False, None, "1"), (False, "0", "0"), (True, None, None), (True, "1", "1")],
)
def test_mkl_is_asked_for_without_vnni_and_where_nothing_is_set(
    vnni: bool,
    given: str | None,
    expected: str | None,
    imported: list[tuple[str, str | None]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(ct2_library, "processor_has_vnni", lambda: vnni)
    if given is not None:
        monkeypatch.setenv("CT2_USE_MKL", given)
    ct2_library.ctranslate2()
    ct2_library.ctranslate2("specs")
    assert imported == [("ctranslate2", expected), ("ctranslate2.specs", expected)]
    assert not caplog.records


def test_being_too_late_is_warned_of_once(
    imported: list[tuple[str, str | None]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(ct2_library, "processor_has_vnni", lambda: False)
    monkeypatch.setitem(sys.modules, "ctranslate2", logging)
    for _ in range(2):
        ct2_library.ctranslate2()
    (message,) = [record.getMessage() for record in caplog.records]
    assert "it was imported before" in message
    assert "set CT2_USE_MKL=1 before Python starts" in message


def test_the_processor_is_asked() -> None:
    described = Path("/proc/cpuinfo")
    if not described.exists():
        pytest.skip("the processor is described in /proc/cpuinfo on Linux alone")
    known = "avx512_vnni" in described.read_text(encoding="utf-8").split()
    assert ct2_library.processor_has_vnni() is known

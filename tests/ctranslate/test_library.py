"""CTranslate2 is told before it is imported what to multiply with: MKL, AVX-512."""

import os
import platform
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mclas_fairseq.ctranslate import library as ct2_library

WITH_MKL, WITHOUT = {"float32", "int8", "int16"}, {"float32", "int8"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """One in which nothing was set, and from which everything is taken back."""
    for name in ("CT2_USE_MKL", "CT2_FORCE_CPU_ISA"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


def found(monkeypatch: pytest.MonkeyPatch, types: set[str]) -> list[tuple[str, str | None]]:
    """What is imported, with CT2_USE_MKL at that time, of a CTranslate2 that has these types."""
    calls: list[tuple[str, str | None]] = []

    def require(module: str, **_: Any) -> Any:
        calls.append((module, os.environ.get("CT2_USE_MKL")))
        return SimpleNamespace(get_supported_compute_types=lambda device: types)

    monkeypatch.setattr(ct2_library, "require", require)
    return calls


@pytest.mark.parametrize(
    ("vnni", "given", "expected"),
    [(False, None, "1"), (False, "0", "0"), (True, None, None), (True, "1", "1")],
)
def test_mkl_is_asked_for_without_vnni_and_where_nothing_is_set(
    vnni: bool,
    given: str | None,
    expected: str | None,
    environment: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    imported = found(environment, WITH_MKL)
    environment.setattr(ct2_library, "processor_has_vnni", lambda: vnni)
    if given is not None:
        environment.setenv("CT2_USE_MKL", given)
    ct2_library.ctranslate2()
    ct2_library.ctranslate2("specs")
    assert set(imported) == {("ctranslate2", expected), ("ctranslate2.specs", expected)}
    assert not caplog.records


def test_being_too_late_is_warned_of_once(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found(environment, WITHOUT)
    environment.setattr(ct2_library, "processor_has_vnni", lambda: False)
    ct2_library.ctranslate2("specs")
    ct2_library.ctranslate2()
    (message,) = [record.getMessage() for record in caplog.records]
    assert "was imported before it could be told" in message
    assert "set CT2_USE_MKL=1 before Python starts" in message


def test_other_machines_than_x86_are_left_alone(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(platform, "machine", lambda: "aarch64")
    assert found(environment, WITHOUT) == []
    ct2_library.ctranslate2()
    assert "CT2_USE_MKL" not in os.environ
    assert "CT2_FORCE_CPU_ISA" not in os.environ


@pytest.mark.parametrize(
    ("there", "system", "given", "expected"),
    [
        (True, "Linux", None, "AVX512"),
        (True, "Linux", "AVX2", "AVX2"),
        (False, "Linux", None, None),
        (True, "Darwin", None, None),
    ],
)
def test_avx512_is_asked_for_where_there_is_some(
    there: bool,
    system: str,
    given: str | None,
    expected: str | None,
    environment: pytest.MonkeyPatch,
) -> None:
    found(environment, WITH_MKL)
    environment.setattr(platform, "machine", lambda: "x86_64")
    environment.setattr(platform, "system", lambda: system)
    environment.setattr("torch.cpu._is_avx512_supported", lambda: there)
    if given is not None:
        environment.setenv("CT2_FORCE_CPU_ISA", given)
    ct2_library.ctranslate2()
    assert os.environ.get("CT2_FORCE_CPU_ISA") == expected


def test_the_processor_is_asked() -> None:
    described = Path("/proc/cpuinfo")
    if platform.machine() not in ("x86_64", "AMD64") or not described.exists():
        pytest.skip("x86 processors on Linux are described in /proc/cpuinfo, others are not")
    known = "avx512_vnni" in described.read_text(encoding="utf-8").split()
    assert ct2_library.processor_has_vnni() is known

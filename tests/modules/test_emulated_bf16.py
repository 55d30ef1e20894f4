"""The warning of bf16 on a processor that has none."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mclas_fairseq.modules import emulated_bf16
from mclas_fairseq.modules.emulated_bf16 import warn_of_emulated_bf16

HALF, WHOLE = torch.zeros(2, dtype=torch.bfloat16), torch.zeros(2)


@pytest.fixture(autouse=True)
def first_time() -> Iterator[None]:
    emulated_bf16._warn.cache_clear()
    yield
    emulated_bf16._warn.cache_clear()


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]


def test_bf16_without_arithmetic_for_it_is_warned_of_once_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(emulated_bf16, "processor_has_bf16", lambda: False)
    for _ in range(2):
        warn_of_emulated_bf16([WHOLE, HALF])
    (message,) = warned(caplog)
    assert "this one has none" in message
    assert "train without --bf16" in message
    assert "--precision float32" in message


@pytest.mark.parametrize(
    ("has_bf16", "parameters"), [(True, [HALF]), (False, [WHOLE]), (False, [])]
)
def test_nothing_is_said_where_nothing_is_emulated(
    has_bf16: bool,
    parameters: list[torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(emulated_bf16, "processor_has_bf16", lambda: has_bf16)
    warn_of_emulated_bf16(parameters)
    assert not warned(caplog)


def test_a_processor_with_avx2_alone_has_none_and_one_with_instructions_for_it_has() -> None:
    described = Path("/proc/cpuinfo")
    flags = set(described.read_text(encoding="utf-8").split()) if described.exists() else set()
    if "avx2" not in flags:
        pytest.skip("needs an x86 processor that is described in /proc/cpuinfo")
    if flags & {"avx512_bf16", "amx_bf16"}:
        assert emulated_bf16.processor_has_bf16()
    elif "avx512bw" not in flags and "avx_ne_convert" not in flags:
        assert not emulated_bf16.processor_has_bf16()
    else:
        pytest.skip("oneDNN may or may not compute bf16 with these instructions")

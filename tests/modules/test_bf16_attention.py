"""Which attention a training step takes."""

from typing import Any

import pytest
import torch
from fairseq.tasks import FairseqTask
from torch import nn
from torch.nn import functional
from torch.profiler import profile

from mclas_fairseq.modules import bf16_attention
from mclas_fairseq.modules.bf16_attention import attention_for_training
from mclas_fairseq.summarization.task import CrossLingualSummarizationTask


@pytest.fixture(autouse=True)
def fast_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bf16_attention, "processor_has_bf16", lambda: True)


def kernels(dtype: torch.dtype) -> set[str]:
    model = nn.Linear(1, 1, dtype=dtype)
    query = torch.randn(2, 4, 9, 16, dtype=dtype, requires_grad=True)
    with profile() as seen, attention_for_training(model):
        functional.scaled_dot_product_attention(query, query, query).sum().backward()
    return {event.key for event in seen.key_averages() if "_attention" in event.key}


def test_bf16_on_a_cpu_is_trained_with_plain_products_and_fp32_as_torch_chooses() -> None:
    assert "aten::_scaled_dot_product_attention_math" in kernels(torch.bfloat16)
    assert not any("flash" in name for name in kernels(torch.bfloat16))
    assert any("flash" in name for name in kernels(torch.float32))


def test_where_bf16_is_emulated_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bf16_attention, "processor_has_bf16", lambda: False)
    assert any("flash" in name for name in kernels(torch.bfloat16))


def test_a_model_without_parameters_is_left_alone() -> None:
    with attention_for_training(nn.Identity()):
        assert torch.backends.cuda.flash_sdp_enabled()


def test_every_training_step_is_taken_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[bool] = []

    def step(*_: Any, **__: Any) -> str:
        inside.append(torch.backends.cuda.flash_sdp_enabled())
        return "done"

    monkeypatch.setattr(FairseqTask, "train_step", step)
    task: Any = object.__new__(CrossLingualSummarizationTask)
    model = nn.Linear(1, 1, dtype=torch.bfloat16)
    assert task.train_step({}, model, None, None, 1) == "done"
    task.train_step({}, model.float(), None, None, 1)
    assert inside == [False, True]

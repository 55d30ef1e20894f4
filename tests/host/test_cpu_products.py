"""Linear layers in bf16 on a CPU meet few shapes, and give what they gave."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mclas_fairseq import register
from mclas_fairseq.host import cpu_products
from mclas_fairseq.host.cpu_products import even, with_even_rows

BF16, FP32 = torch.bfloat16, torch.float32


@pytest.fixture(autouse=True)
def fast_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_products, "processor_has_bf16", lambda: True)


def test_few_numbers_of_rows_are_left_and_at_most_an_eighth_is_filled_up() -> None:
    found = {rows: even(rows) for rows in range(1, 4097)}
    assert all(rows <= one for rows, one in found.items())
    assert all(one == rows for rows, one in found.items() if rows < 64)
    assert max(one / rows for rows, one in found.items()) <= 1.125
    assert len({one for rows, one in found.items() if rows >= 64}) == 6 * 8 + 1
    assert [found[rows] for rows in (64, 65, 129, 2048, 2049, 4096)] == [
        64, 72, 144, 2048, 2304, 4096,
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [(3, 67), (201,), (64,), (5,), (7, 0)])
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_those_of_torch(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(1)
    found: list[list[Any]] = []
    layer = nn.Linear(16, 24, bias=bias, dtype=BF16)
    states = torch.randn(*shape, 16).to(BF16)
    for linear in (torch._C._nn.linear, with_even_rows(torch._C._nn.linear)):
        leaf = states.clone().requires_grad_()
        out = linear(leaf, layer.weight, layer.bias)
        layer.zero_grad()
        out.float().square().sum().backward()
        found.append([out, leaf.grad, *(one.grad for one in layer.parameters())])
    for ours, stock in zip(*found, strict=True):
        torch.testing.assert_close(ours, stock, rtol=0.02, atol=0.02)
    assert found[1][0].shape == (*shape, 24)


def shapes_seen(dtype: torch.dtype, rows: int) -> list[int]:
    seen: list[int] = []

    def linear(states: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
        seen.append(states.numel() // states.size(-1))
        return torch._C._nn.linear(states, weight, bias)

    layer = nn.Linear(4, 4, dtype=dtype)
    with_even_rows(linear)(torch.ones(rows, 4, dtype=dtype), layer.weight)
    return seen


def test_other_precisions_and_processors_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shapes_seen(BF16, 201) == [208]
    assert shapes_seen(FP32, 201) == [201]
    monkeypatch.setattr(cpu_products, "processor_has_bf16", lambda: False)
    assert shapes_seen(BF16, 201) == [201]


def test_layers_come_here_and_products_of_many_matrices_are_taken_in_fp32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register()
    seen: list[int] = []

    def kept(rows: int) -> int:
        seen.append(rows)
        return rows

    monkeypatch.setattr(cpu_products, "even", kept)
    out = nn.Linear(4, 4, dtype=BF16)(torch.ones(2, 70, 4, dtype=BF16))
    assert seen == [140]
    assert out.shape == (2, 70, 4)
    first = torch.randn(2, 3, 4, dtype=BF16, requires_grad=True)
    for found in (
        torch.bmm(first, first.transpose(1, 2)),
        torch.baddbmm(torch.zeros(2, 3, 3, dtype=BF16), first, first.transpose(1, 2)),
    ):
        assert found.dtype == BF16
        assert type(found.grad_fn).__name__ == "ToCopyBackward0"  # back from fp32


def test_rows_filled_up_are_not_kept_and_the_result_may_be_changed_in_place() -> None:
    kept: list[Tensor] = []

    def keep(one: Tensor) -> Tensor:
        kept.append(one)
        return one

    linear = with_even_rows(torch._C._nn.linear)
    states = torch.randn(3, 67, 16).to(BF16).requires_grad_()
    layers = [nn.Linear(16, 24, dtype=BF16) for _ in "qkv"]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        outs = [linear(states, layer.weight, layer.bias) for layer in layers]
    weights = {layer.weight.data_ptr() for layer in layers}
    assert {one.data_ptr() for one in kept} == {states.data_ptr()} | weights
    outs[0] *= 0.5  # as fairseq scales queries
    outs[0].float().sum().backward()
    expected = 0.5 * layers[0].weight.float().sum(0).expand(3, 67, 16)
    assert states.grad is not None
    torch.testing.assert_close(states.grad.float(), expected, rtol=0.02, atol=0.02)


def test_frozen_weights_have_no_gradient() -> None:
    layer = nn.Linear(16, 24, dtype=BF16).requires_grad_(False)
    states = torch.randn(67, 16).to(BF16).requires_grad_()
    with_even_rows(torch._C._nn.linear)(states, layer.weight, layer.bias).float().sum().backward()
    assert states.grad is not None
    assert layer.weight.grad is None
    assert layer.bias.grad is None

"""Attention in fp32 where bf16 trains on a CPU, and nowhere else."""

import weakref
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import multi_head_attention_forward

from mclas_fairseq import register
from mclas_fairseq.host.cpu_attention import (
    in_fp32_where_bf16_trains_on_a_cpu,
    trains_by_bf16_on_cpu,
)

BF16, FP32 = torch.bfloat16, torch.float32


def seen_by_torch(dtype: torch.dtype, *, grad: bool) -> tuple[list[Any], Tensor]:
    """The types that torch's own attention is given, and what comes back."""
    seen: list[Any] = []

    def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, **more: Any) -> Tensor:
        seen.extend(one.dtype for one in (query, key, value, mask))
        return torch.mul(query, more["scale"])

    states = torch.ones(1, 2, 3, 4, dtype=dtype, requires_grad=grad)
    mask = torch.zeros(3, 3, dtype=dtype)
    wrapped = in_fp32_where_bf16_trains_on_a_cpu(attention)
    return seen, wrapped(states, states, states, mask, scale=2.0)


def test_training_in_bf16_attends_in_fp32_and_gives_bf16_back() -> None:
    seen, found = seen_by_torch(BF16, grad=True)
    assert seen == [FP32] * 4
    assert found.dtype == BF16
    assert found.requires_grad


@pytest.mark.parametrize(
    ("dtype", "grad"), [(BF16, False), (FP32, True), (FP32, False), (torch.float64, True)]
)
def test_other_precisions_and_decoding_are_left_alone(dtype: torch.dtype, grad: bool) -> None:
    seen, found = seen_by_torch(dtype, grad=grad)
    assert seen == [dtype] * 4
    assert found.dtype == dtype


def test_only_states_on_a_cpu_of_which_a_gradient_is_wanted_count() -> None:
    assert trains_by_bf16_on_cpu(torch.ones(1, dtype=BF16, requires_grad=True))
    assert not trains_by_bf16_on_cpu(torch.ones(1, dtype=BF16, requires_grad=True, device="meta"))
    with torch.no_grad():
        assert not trains_by_bf16_on_cpu(torch.ones(1, dtype=BF16, requires_grad=True))


def test_fairseqs_attention_comes_here_and_gives_the_same_to_rounding() -> None:
    register()
    torch.manual_seed(1)
    weights = [torch.randn(24, 8), torch.randn(24), torch.randn(8, 8), torch.randn(8)]
    states = torch.randn(5, 3, 8)
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2, [False] * 5])
    found = {}
    for dtype in (FP32, BF16):
        leaf = states.detach().clone().requires_grad_()
        query = leaf.to(dtype)
        in_weight, in_bias, out_weight, out_bias = (one.to(dtype) for one in weights)
        out, _ = multi_head_attention_forward(
            query, query, query, 8, 2, in_weight, in_bias, None, None, False, 0.0, out_weight,
            out_bias, key_padding_mask=padding, need_weights=False,
        )  # fmt: skip
        fused = next(one for one in _graph(out.grad_fn) if "FlashAttention" in type(one).__name__)
        assert fused._saved_query.dtype == FP32
        out.float().square().sum().backward()
        found[dtype] = out.detach().float(), leaf.grad
    for whole, half in zip(found[FP32], found[BF16], strict=True):
        assert whole is not None
        assert half is not None
        torch.testing.assert_close(half, whole, rtol=0.05, atol=0.05 * float(whole.abs().max()))


def through(product: Any, *shape: int) -> tuple[Tensor, list[Tensor]]:
    """The result of torch's function of as many states in bf16 as it is given, and these."""
    draws = torch.Generator().manual_seed(2)
    given = [torch.randn(*shape, generator=draws).to(BF16).requires_grad_() for _ in range(3)]
    return product(*(one * 1 for one in given)), given


ATTENTION: Any = torch._C._nn.scaled_dot_product_attention


def cubed(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return torch._C._VariableFunctions.bmm(query, key.transpose(1, 2)) @ value


@pytest.mark.parametrize(("product", "shape"), [(ATTENTION, (2, 3, 9, 8)), (cubed, (2, 9, 8))])
def test_gradients_are_those_of_copies_in_fp32(product: Any, shape: tuple[int, ...]) -> None:
    found = []
    for one in (
        in_fp32_where_bf16_trains_on_a_cpu(product),
        lambda *states: product(*(state.float() for state in states)).to(BF16),
    ):
        out, given = through(one, *shape)
        out.float().square().sum().backward()
        found.append([out, *(state.grad for state in given)])
    for ours, plain in zip(*found, strict=True):
        assert torch.equal(ours, plain)


def test_states_are_kept_in_bf16_and_their_copies_are_not() -> None:
    copies: list[weakref.ref[Tensor]] = []

    def attention(*states: Tensor) -> Tensor:
        copies.extend(weakref.ref(one) for one in states)
        found: Tensor = ATTENTION(*states)
        return found

    out, _ = through(in_fp32_where_bf16_trains_on_a_cpu(attention), 2, 3, 9, 8)
    assert out.requires_grad
    assert [one() for one in copies] == [None] * 3


def test_states_changed_in_place_before_the_backward_pass_are_an_error() -> None:
    given = torch.ones(1, 2, 9, 8, dtype=BF16, requires_grad=True)
    query = given * 1
    out = in_fp32_where_bf16_trains_on_a_cpu(ATTENTION)(query, given, given)
    query *= 2
    with pytest.raises(RuntimeError, match="changed in place"):
        out.float().sum().backward()


def _graph(node: Any) -> list[Any]:
    found, waiting = [], [node]
    while waiting:
        one = waiting.pop()
        if one is not None:
            found.append(one)
            waiting.extend(before for before, _ in one.next_functions)
    return found

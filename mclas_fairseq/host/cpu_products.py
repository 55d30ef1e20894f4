"""Products of bf16 on a CPU: in few shapes, and small ones in fp32.

oneDNN compiles a kernel for each shape of a product that it meets. In bf16 that takes some three
times as long as a linear layer of `mclas_small`, and the kernel, which is kept, more than a
megabyte. Batches differ in documents and lengths, so nearly every step of a training meets new
shapes: most of its time went there, and gigabytes. Here the rows that a linear layer is given are
filled up with zeros to one of eight numbers between two powers of two, so that a few dozen shapes
come back again and again; and products of many small matrices (of attention whose weights are
wanted, as copying wants them), whose shapes are more varied still, are taken in fp32, which has
kernels for all shapes.

What is filled up is not kept for the backward pass, but filled up there once more: queries, keys
and values are made of the same states, so that three copies would be held instead of none.
"""

from collections.abc import Callable
from typing import Any, Optional

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mclas_fairseq.modules.emulated_bf16 import processor_has_bf16

_FEW = 64  # rows: below, shapes are few, and products quick
_STEPS = 8  # between two powers of two, so that at most an eighth is filled up


def with_even_rows(linear: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Wrap `torch.nn.functional.linear`. Other precisions and devices are left alone."""

    def multiply(input: Tensor, weight: Tensor, bias: Optional[Tensor] = None) -> Tensor:
        """As torch's: `input` (..., C), `weight` (F, C), `bias` (F,)."""
        if input.dtype != torch.bfloat16 or input.device.type != "cpu" or not processor_has_bf16():
            return linear(input, weight, bias)
        rows = input.numel() // max(1, input.size(-1))
        missing = even(rows) - rows
        if missing == 0:
            return linear(input, weight, bias)
        found: Tensor = _EvenLinear.apply(linear, input, weight, bias)
        return found

    return multiply


def even(rows: int) -> int:
    """The number of rows, at least as many, that a product is given."""
    if rows < _FEW:
        return rows
    step = (1 << (rows - 1).bit_length()) // (2 * _STEPS)
    return -(-rows // step) * step


class _EvenLinear(torch.autograd.Function):
    """A linear layer of `input` (..., C), which is filled up forwards and backwards."""

    @staticmethod
    def forward(
        ctx: Any,
        linear: Callable[..., Tensor],
        input: Tensor,
        weight: Tensor,
        bias: Optional[Tensor],
    ) -> Tensor:
        ctx.save_for_backward(input, weight)
        flat = input.reshape(-1, input.size(-1))
        found = linear(_filled_up(flat), weight, bias)
        # Not a view: fairseq scales queries in place.
        return found.resize_(*input.shape[:-1], found.size(1))

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, grad: Tensor) -> tuple[Optional[Tensor], ...]:
        input, weight = ctx.saved_tensors
        _, of_input, of_weight, of_bias = ctx.needs_input_grad
        flat = input.reshape(-1, input.size(-1))
        filled = _filled_up(grad.reshape(len(flat), -1))
        return (
            None,
            (filled @ weight)[: len(flat)].view_as(input) if of_input else None,
            filled.t() @ _filled_up(flat) if of_weight else None,
            filled.sum(0) if of_bias else None,
        )


def _filled_up(rows: Tensor) -> Tensor:
    """(n, C) -> (`even(n)`, C), with zeros below."""
    found = rows.new_empty(even(len(rows)), rows.size(1))
    found[: len(rows)] = rows
    found[len(rows) :] = 0
    return found

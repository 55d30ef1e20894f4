"""fairseq's GELU of bf16 on a CPU: without a copy in fp32, and in few shapes.

fairseq takes GELU of `x.float()` and rounds the result, which keeps `x` in fp32 for the backward
pass: of all that a layer keeps, the largest, twice the size of `x`. torch's GELU of bf16 computes
in fp32 on a CPU as well and rounds once, so that it gives the same numbers, in a third of the time.

oneDNN, which computes it, compiles and keeps a kernel for each shape here, too (`cpu_products.py`).
Nothing is summed, so the rows are taken in pieces of a power of two each.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_FEW = 64  # rows: below, shapes are few


def without_a_copy_on_a_cpu(gelu: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Wrap `fairseq.modules.gelu`. Other precisions and devices are left alone."""

    def compute(x: Tensor) -> Tensor:
        """As fairseq's, of `x` (..., C)."""
        if x.dtype != torch.bfloat16 or x.device.type != "cpu" or x.numel() == 0:
            return gelu(x)
        found: Tensor = _Gelu.apply(x)
        return found

    return compute


def pieces(rows: int) -> Iterator[slice]:
    """Cut rows into powers of two, the largest first, and fewer than 64 that are left."""
    start = 0
    while start < rows:
        left = rows - start
        size = left if left < _FEW else 1 << (left.bit_length() - 1)
        yield slice(start, start + size)
        start += size


class _Gelu(torch.autograd.Function):
    """GELU of `x` (..., C), of which `x` alone is kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        found = torch.empty(x.shape, dtype=x.dtype)
        to, of = (one.reshape(-1, x.size(-1)) for one in (found, x))
        for rows in pieces(len(of)):
            torch.ops.aten.gelu.out(of[rows], out=to[rows])
        return found

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        found = torch.empty(x.shape, dtype=x.dtype)
        to, of, by = (one.reshape(-1, x.size(-1)) for one in (found, x, grad))
        for rows in pieces(len(of)):
            torch.ops.aten.gelu_backward.grad_input(by[rows], of[rows], grad_input=to[rows])
        return found

"""Attention of a training by bf16 on a CPU, and products of many matrices, computed in fp32.

torch's fused attention takes longer in bf16 than in fp32 on a CPU, forwards and backwards together
up to three times as long for short sequences, while matrix products in bf16 are fast there. In fp32
it rounds less, too. Written out (`SDPBackend.MATH`) it is slower than fused in fp32.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def in_fp32_where_bf16_trains_on_a_cpu(compute: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Wrap `torch.nn.functional.scaled_dot_product_attention`, or a product of many matrices.

    Where no gradient is wanted (decoding, validation), on other devices and in other precisions,
    nothing changes.
    """

    def in_fp32(*args: Any, **kwargs: Any) -> Tensor:
        """As torch's."""
        given = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)]
        if not any(trains_by_bf16_on_cpu(one) for one in given):
            return compute(*args, **kwargs)
        found = compute(
            *map(_in_fp32, args), **{name: _in_fp32(one) for name, one in kwargs.items()}
        )
        return found.to(torch.bfloat16)

    return in_fp32


def trains_by_bf16_on_cpu(states: Tensor) -> bool:
    """Whether these states are in bf16, on a CPU, and a gradient will be asked of them."""
    return (
        states.dtype == torch.bfloat16
        and states.device.type == "cpu"
        and states.requires_grad
        and torch.is_grad_enabled()
    )


def _in_fp32(one: Any) -> Any:
    """A tensor of bf16 in fp32; anything else (a mask of booleans, a number) as it is."""
    return one.float() if isinstance(one, Tensor) and one.dtype == torch.bfloat16 else one

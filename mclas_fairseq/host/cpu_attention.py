"""Attention of a training by bf16 on a CPU, and products of many matrices, computed in fp32.

torch's fused attention takes longer in bf16 than in fp32 on a CPU, forwards and backwards together
up to three times as long for short sequences, while matrix products in bf16 are fast there. In fp32
it rounds less, too. Written out (`SDPBackend.MATH`) it is slower than fused in fp32.

What is given in bf16 is kept in bf16 for the backward pass, not its copy of twice the size: the
copy is made once more there, and the numbers are the same, as fp32 holds all of bf16.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

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
        copies = _Copies()
        with torch.autograd.graph.saved_tensors_hooks(copies.pack, _unpacked):
            found = compute(
                *map(copies.of, args), **{name: copies.of(one) for name, one in kwargs.items()}
            )
        copies.forget()
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


class _Copies:
    """Copies in fp32 of what one call is given, and which is whose."""

    def __init__(self) -> None:
        self._made: list[tuple[Tensor, Tensor]] = []

    def of(self, one: Any) -> Any:
        """A tensor of bf16 in fp32; anything else (a mask of booleans, a number) as it is."""
        copy = _in_fp32(one)
        if copy is not one:
            self._made.append((copy, one.detach()))
        return copy

    def pack(self, kept: Tensor) -> "Tensor | _Original":
        """What to keep in place of a tensor: of a copy, what it was made of."""
        for copy, original in self._made:
            if (kept.data_ptr(), kept.shape, kept.stride()) == (
                copy.data_ptr(), copy.shape, copy.stride(),
            ):  # fmt: skip
                return _Original(original, original._version)
        return kept

    def forget(self) -> None:
        """Hold no copy any longer; torch holds on to what packed."""
        self._made.clear()


class _Original(NamedTuple):
    """What a copy was made of, and how often it had been changed in place by then."""

    states: Tensor
    version: int


def _unpacked(kept: "Tensor | _Original") -> Tensor:
    if isinstance(kept, Tensor):
        return kept
    if kept.states._version != kept.version:  # as torch says of what it keeps itself
        raise RuntimeError("states that attention keeps for its gradient were changed in place")
    return kept.states.float()


def _in_fp32(one: Any) -> Any:
    """A tensor of bf16 in fp32; anything else (a mask of booleans, a number) as it is."""
    return one.float() if isinstance(one, Tensor) and one.dtype == torch.bfloat16 else one

"""Leaving parameters as they are for the first updates of a training.

Neither of the simple ways works in fairseq. Parameters with `requires_grad` False when the
optimizer is made never get into it, and those that change it later are not averaged over processes.
Zero gradients alone move a parameter when there is weight decay, and fill Adam's averages with
zeros, so that its first true steps come out several times too long.

So the frozen part gets zero gradients in the backward pass, without computing one (distributed
training finds every parameter in use, the gradient's norm is that of the rest), and they are taken
away right before the optimizer's step, which skips parameters without gradient: its averages and
its correction of their bias begin with the first true step.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError


class _WithoutGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, *parameters: Tensor) -> Tensor:
        ctx.parameters = parameters
        return states.view_as(states)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        return (None, *(torch.zeros_like(parameter) for parameter in ctx.parameters))


def without_gradient(states: Tensor, parameters: Iterable[nn.Parameter]) -> Tensor:
    """Return `states`, computed without a graph, as if of parameters whose gradients are zero."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    result: Tensor = _WithoutGradient.apply(states, *trained)
    return result


def drop_frozen_gradients(optimizer: Any, model: nn.Module) -> None:
    """Take the gradients of modules away that say they are frozen (`module.frozen`).

    Args:
        optimizer: fairseq's, ready for its step.
        model: with or without fairseq's wrappers.

    Raises:
        ConfigError: the optimizer has flattened all parameters into one.
    """
    frozen = {
        id(parameter)
        for module in model.modules()
        if getattr(module, "frozen", False) is True
        for parameter in module.parameters()
    }
    if not frozen:
        return
    if getattr(optimizer, "has_flat_params", False):
        raise ConfigError(
            "--freeze-encoder-updates: needs the parameters one by one, but --fp16 flattens them"
            " into one; add --fp16-no-flatten-grads, or train with --bf16"
        )
    for parameter in model.parameters():
        if id(parameter) in frozen:
            parameter.grad = None
    # With --fp16 and --bf16 the optimizer steps on copies of 32 bits.
    for low, high in zip(
        getattr(optimizer, "fp16_params", ()), getattr(optimizer, "fp32_params", ()), strict=False
    ):
        if id(low) in frozen:
            high.grad = None

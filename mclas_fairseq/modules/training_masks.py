"""Heads that give nothing in training, and all they have in evaluation.

The released code of Ma et al. (2021) multiplies the attention of "pruned" heads by 0 in its
training steps and evaluates with all heads on; a head without attention gives a context of zeros.
Nothing that is meant for use does so: it is here to show what such an evaluation reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import torch
from fairseq.modules import MultiheadAttention
from torch import Tensor, nn

from mclas_fairseq.modules.attention_heads import with_named


@dataclass(frozen=True)
class _Mask:
    """A hook before an output projection: a class, so that models with it can be copied.

    Attributes:
        gates: 0 for the channels of masked heads, 1 for the others, (H * D,).
    """

    gates: Tensor

    def __call__(self, layer: nn.Module, inputs: tuple[Any, ...]) -> Optional[tuple[Any, ...]]:
        """Contexts (..., H * D), those of masked heads at 0 while the model trains."""
        if not layer.training:
            return None
        return (inputs[0] * self.gates.to(inputs[0]), *inputs[1:])


def mask_in_training(model: nn.Module, names: Sequence[str]) -> None:
    """Multiply the contexts of heads by 0 in training mode alone, from now on.

    Args:
        model: of fairseq's layers, or with a pretrained encoder; its weights stay as they are.
        names: of the heads, in any order.

    Raises:
        ConfigError: the model has no such head, or one is named twice, or needed for copying.
    """
    for attention, masked in with_named(model, names):
        gates = torch.tensor([float(number not in masked) for number in attention.kept])
        if isinstance(attention.module, MultiheadAttention):
            # torch's fused attention passes the output projection by
            attention.module._set_skip_embed_dim_check()
        mask = _Mask(gates.repeat_interleave(attention.head_dim))
        attention.output.register_forward_pre_hook(mask)

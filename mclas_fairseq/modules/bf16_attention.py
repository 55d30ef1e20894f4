"""Attention for training in bf16 on a CPU: torch's fused kernel is slow there, backwards.

torch chooses between a fused kernel and plain matrix products. On a CPU in bf16 the backward pass
of the fused one takes several times as long as plain products, for which the processor has
instructions; forward it is the faster one, as it is in fp32, so decoding and fp32 keep it. Values
are the same but for rounding (`benchmarks/bf16_attention.py`).
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mclas_fairseq.modules.emulated_bf16 import processor_has_bf16


def attention_for_training(model: nn.Module) -> AbstractContextManager[None]:
    """In which a training step of the model is to be taken, forward and backward.

    Where bf16 is emulated nothing is changed: there products are what is slow.
    """
    first = next(model.parameters(), None)
    on_cpu = first is not None and first.dtype == torch.bfloat16 and first.device.type == "cpu"
    if on_cpu and processor_has_bf16():
        context: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
        return context
    return nullcontext()

"""Telling that a processor has no arithmetic in bf16, where torch emulates it many times slower.

Matrix products in bf16 are fast on processors with AVX-512 or AMX (and on GPUs). On others, with
AVX2 alone say, torch multiplies number by number, tens of times slower than in fp32.
"""

import logging
from collections.abc import Iterable
from functools import cache

import torch
from torch import Tensor

logger = logging.getLogger(__name__)


@cache
def processor_has_bf16() -> bool:
    """Whether torch has fast matrix products in bf16 on this machine's processor."""
    return torch.backends.mkldnn.is_available() and bool(
        torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def warn_of_emulated_bf16(parameters: Iterable[Tensor]) -> None:
    """Warn, once a process, when parameters in bf16 are on a processor that has no bf16."""
    on_cpu = (one for one in parameters if one.dtype == torch.bfloat16 and one.device.type == "cpu")
    if any(True for _ in on_cpu) and not processor_has_bf16():
        _warn()


@cache
def _warn() -> None:
    logger.warning(
        "bf16 on a CPU: it wants a processor with bf16 arithmetic (AVX-512 or AMX), this one has "
        "none and torch emulates it many times slower than fp32; train without --bf16, decode with "
        "mclas summarize --precision float32 (fairseq-generate: without --bf16)"
    )

"""The label-smoothed loss of a softmax, without a table of log-probabilities.

fairseq writes down the logarithm of the softmax of all target tokens, a table of n by V in fp32
that is kept for the backward pass, where two more of its size are made. Here a few rows at a time,
small enough for the processor's cache, go from logits to the loss, and once more from logits to the
gradient; only the logits are kept. Result and gradient are those of fairseq's
`label_smoothed_nll_loss`, to rounding.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Entries of a block of rows, of which some three tables are alive at a time: at 4 bytes each three
# megabytes, within the processor's cache. A GPU wants fewer, larger steps.
_BLOCK = 1 << 18
_BLOCK_ON_GPU = 1 << 26


def rows_of_a_block(logits: Tensor) -> int:
    """How many rows of logits (n, V) are taken at a time."""
    return max(1, (_BLOCK_ON_GPU if logits.is_cuda else _BLOCK) // logits.size(-1))


class Smoothing(NamedTuple):
    """Label smoothing as fairseq has it.

    Attributes:
        epsilon: mass that is taken from the target, spread over the other V - 1 entries.
        padding: id of padding, which costs nothing.
    """

    epsilon: float
    padding: int

    def weights(self, entries: int) -> tuple[float, float]:
        """Weight of -log P of the target, and of that of each entry of the dictionary."""
        share = self.epsilon / (entries - 1)
        return 1.0 - self.epsilon - share, share


class _SmoothedSoftmaxLoss(torch.autograd.Function):
    """`smoothed_softmax_loss` with its gradient."""

    @staticmethod
    def forward(
        ctx: Any, smoothing: Smoothing, logits: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        loss = logits.new_empty(len(logits), dtype=torch.float32)
        nll = torch.empty_like(loss)
        of_target, of_each = smoothing.weights(logits.size(-1))
        for rows in _blocks(logits):
            logs = logits[rows].float().log_softmax(-1)
            found = -logs.gather(1, target[rows].unsqueeze(1)).view(-1)
            nll[rows] = found
            loss[rows] = of_target * found - of_each * logs.sum(-1)
        ctx.save_for_backward(logits, target)
        ctx.smoothing = smoothing
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor, None]:
        logits, target = ctx.saved_tensors
        found = torch.empty_like(logits)
        of_target, of_each = ctx.smoothing.weights(logits.size(-1))
        for rows in _blocks(logits):
            probs = logits[rows].float().softmax(-1)
            of_block = probs.mul_(of_target + of_each * logits.size(-1)).sub_(of_each)
            less = torch.full_like(of_block[:, :1], -of_target)
            of_block.scatter_add_(1, target[rows].unsqueeze(1), less)
            found[rows] = of_block.mul_(grads[0][rows].unsqueeze(1))
        return None, found, None


def _blocks(logits: Tensor) -> Iterator[slice]:
    size = rows_of_a_block(logits)
    return (slice(start, start + size) for start in range(0, len(logits), size))


def smoothed_softmax_loss(
    logits: Tensor, target: Tensor, smoothing: Smoothing
) -> tuple[Tensor, Tensor]:
    """Label-smoothed loss and NLL of n target tokens, in nats.

    Szegedy et al. (2016), section 7, for label smoothing; gradients flow through the loss alone.

    Args:
        logits: of the vocabulary, shape (n, V).
        target: ids of the targets, none of them padding, shape (n,).
        smoothing: as fairseq has it.

    Returns:
        Loss and NLL, each of shape (n,), fp32.
    """
    found: tuple[Tensor, Tensor] = _SmoothedSoftmaxLoss.apply(smoothing, logits, target)
    return found

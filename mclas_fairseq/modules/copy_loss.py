"""The label-smoothed loss of the copying mixture, without ever holding the mixture.

The probabilities of `copy_attention.py` over all target tokens are a table of B * T_tgt by V, and
written down as it stands, their logarithm, the loss and the gradient take some sixteen such tables.
Here a few rows at a time, small enough for the processor's cache, go from logits to the loss, and
once more from logits to the gradient (the softmax is computed twice, which costs less than keeping
it); rows of padding are left out. Result and gradient are those of `mixture_log_probs` followed by
fairseq's `label_smoothed_nll_loss`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Entries of a block of rows: at 4 bytes each a megabyte, within the second-level cache. A GPU
# wants fewer, larger steps.
_BLOCK = 1 << 18
_BLOCK_ON_GPU = 1 << 26


class Smoothing(NamedTuple):
    """Label smoothing as fairseq has it.

    Attributes:
        epsilon: mass that is taken from the target, spread over the other V - 1 entries.
        padding: id of padding, whose rows cost nothing.
    """

    epsilon: float
    padding: int

    def weights(self, entries: int) -> tuple[float, float]:
        """Weight of -log P of the target, and of that of each entry of the dictionary."""
        share = self.epsilon / (entries - 1)
        return 1.0 - self.epsilon - share, share


class _Block(NamedTuple):
    """A few rows of target tokens: n of B * T_tgt."""

    rows: Tensor  # which, (n,)
    probs: Tensor  # softmax of their logits, (n, V)
    mixture: Tensor  # P, (n, V)
    gate: Tensor  # g, (n, 1)
    attention: Tensor  # (n, T_src)
    copied: Tensor  # ids of the source tokens, (n, T_src)
    target: Tensor  # (n, 1)


def _blocks(
    logits: Tensor, attention: Tensor, gate: Tensor, src_tokens: Tensor, wanted: tuple[Tensor, int]
) -> Iterator[_Block]:
    target, padding = wanted
    entries, steps = logits.size(-1), logits.size(1)
    flat, weights = logits.view(-1, entries), attention.reshape(-1, attention.size(-1))
    gates, targets = gate.reshape(-1, 1), target.reshape(-1, 1)
    content = targets.view(-1).ne(padding).nonzero().view(-1)
    size = max(1, (_BLOCK_ON_GPU if logits.is_cuda else _BLOCK) // entries)
    for rows in content.split(size):
        probs = flat[rows].float().softmax(-1)
        of_rows, g = weights[rows].float(), gates[rows].float()
        copied = src_tokens[rows.div(steps, rounding_mode="floor")]
        mixture = (probs * g).scatter_add_(1, copied, (1.0 - g) * of_rows)
        yield _Block(rows, probs, mixture, g, of_rows, copied, targets[rows])


class _SmoothedMixtureLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        attention: Tensor,
        gate: Tensor,
        src_tokens: Tensor,
        target: Tensor,
        smoothing: Smoothing,
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(logits, attention, gate, src_tokens, target)
        ctx.smoothing = smoothing
        loss = logits.new_zeros(target.numel(), dtype=torch.float32)
        nll = torch.zeros_like(loss)
        of_target, of_each = smoothing.weights(logits.size(-1))
        wanted = (target, smoothing.padding)
        for block in _blocks(logits, attention, gate, src_tokens, wanted):
            logs = block.mixture.clamp_min_(torch.finfo(torch.float32).tiny).log_()
            found = -logs.gather(1, block.target).view(-1)
            nll[block.rows] = found
            loss[block.rows] = of_target * found - of_each * logs.sum(-1)
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        logits, attention, gate, src_tokens, target = ctx.saved_tensors
        d_logits, d_attention = torch.zeros_like(logits), torch.zeros_like(attention)
        d_gate = torch.zeros_like(gate)
        flat = d_logits.view(-1, logits.size(-1))
        of_target, of_each = ctx.smoothing.weights(logits.size(-1))
        wanted = (target, ctx.smoothing.padding)
        for block in _blocks(logits, attention, gate, src_tokens, wanted):
            mixture, g = block.mixture, block.gate
            tiny = torch.finfo(torch.float32).tiny
            if bool(mixture.min() < tiny):  # where the forward pass held P up, no gradient flows
                mixture.masked_fill_(mixture < tiny, torch.inf)
            d_mixture = mixture.reciprocal_()
            at_target = d_mixture.gather(1, block.target)
            d_mixture.mul_(-of_each).scatter_add_(1, block.target, -of_target * at_target)
            d_mixture.mul_(grads[0][block.rows].unsqueeze(1))
            at_copied = d_mixture.gather(1, block.copied)
            weighted = d_mixture.mul_(block.probs)  # dL/dP times P_vocab
            total = weighted.sum(-1, keepdim=True)
            d_gate.view(-1, 1)[block.rows] = (
                total - (block.attention * at_copied).sum(-1, keepdim=True)
            ).to(gate)
            d_attention.view(-1, attention.size(-1))[block.rows] = ((1.0 - g) * at_copied).to(
                attention
            )
            flat[block.rows] = weighted.sub_(block.probs * total).mul_(g).to(logits)
        return d_logits, d_attention, d_gate, None, None, None


def smoothed_mixture_loss(
    logits: Tensor,
    attention: Tensor,
    gate: Tensor,
    src_tokens: Tensor,
    target: Tensor,
    smoothing: Smoothing,
) -> tuple[Tensor, Tensor]:
    """Label-smoothed loss and NLL of each target token under the copying mixture, in nats.

    See, Liu and Manning (2017), Eqs. 8 and 9, for the mixture (`copy_attention.py`); gradients
    flow through the loss alone.

    Args:
        logits: of the vocabulary, shape (B, T_tgt, V).
        attention: weights over the source, rows sum to 1 and are 0 on padding, (B, T_tgt, T_src).
        gate: probability of generating rather than copying, shape (B, T_tgt, 1).
        src_tokens: source ids, shape (B, T_src).
        target: wanted ids, shape (B, T_tgt).
        smoothing: epsilon, and the id of padding.

    Returns:
        Loss and NLL, each of shape (B * T_tgt,), fp32, 0 on padding.
    """
    inputs = (logits.contiguous(), attention.contiguous(), gate.contiguous(), src_tokens)
    loss, nll = _SmoothedMixtureLoss.apply(*inputs, target, smoothing)
    return loss, nll

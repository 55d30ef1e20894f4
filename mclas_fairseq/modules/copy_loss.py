"""The label-smoothed loss of the copying mixture, without ever holding the mixture.

The probabilities of `copy_attention.py` over all target tokens are a table of B * T_tgt by V, and
written down as it stands, their logarithm, the loss and the gradient take many such tables.
Here a few rows at a time, small enough for the processor's cache, go from logits to the loss, and
once more from logits to the gradient (the softmax is computed twice, which costs less than keeping
it). Result and gradient are those of `mixture_log_probs` followed by fairseq's
`label_smoothed_nll_loss`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mclas_fairseq.modules.softmax_loss import Smoothing, rows_of_a_block
from mclas_fairseq.modules.translation_table import Translations


class Copying(NamedTuple):
    """What the mixture of n target tokens is made of, beside their logits.

    Attributes:
        attention: weights over the source, rows sum to 1 and are 0 on padding, shape (n, T_src).
        gate: g, shape (n, 1).
        src_tokens: ids of each one's source, shape (n, T_src).
        translations: what source tokens offer, with the case of each target token, (n,); None:
            themselves.
    """

    attention: Tensor
    gate: Tensor
    src_tokens: Tensor
    translations: Optional[Translations] = None


def _part(copying: Copying, rows: slice) -> tuple[Copying, Tensor, Optional[Tensor]]:
    """Some target tokens in fp32, the ids that they may copy, and the weights of these.

    Returns:
        Ids (k, T_src * M) and weights (k, T_src, M); without translations (k, T_src) and None.
    """
    src_tokens, offered = copying.src_tokens[rows], copying.translations
    part = Copying(copying.attention[rows].float(), copying.gate[rows].float(), src_tokens)
    if offered is None:
        return part, src_tokens, None
    number = offered.number[rows]
    return part, offered.ids[number].flatten(1), offered.weights[number].float()


class _Block(NamedTuple):
    """A few of the target tokens, k: which, their softmax and P, both of shape (k, V)."""

    rows: slice
    copying: Copying  # attention and gate in fp32
    ids: Tensor  # what may be copied, (k, T_src * M)
    weights: Optional[Tensor]  # and with which weights, (k, T_src, M)
    target: Tensor  # (k, 1)
    probs: Tensor
    mixture: Tensor


def _blocks(logits: Tensor, copying: Copying, target: Tensor) -> Iterator[_Block]:
    """A block after the other; none without target tokens."""
    size = rows_of_a_block(logits)
    for start in range(0, len(logits), size):
        rows = slice(start, start + size)
        probs = logits[rows].float().softmax(-1)
        part, ids, weights = _part(copying, rows)
        shares = (1.0 - part.gate) * part.attention
        if weights is not None:
            shares = (shares.unsqueeze(2) * weights).flatten(1)
        mixture = (probs * part.gate).scatter_add_(1, ids, shares)
        yield _Block(rows, part, ids, weights, target[rows].unsqueeze(1), probs, mixture)


class _SmoothedMixtureLoss(torch.autograd.Function):
    """`smoothed_mixture_loss` with its gradient.

    Given are logits, the tensors of `Copying`, target, and those of `Translations`, if any, whose
    weights have a gradient as well where they are learned.
    """

    @staticmethod
    def forward(ctx: Any, smoothing: Smoothing, *given: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(*given)
        ctx.smoothing = smoothing
        logits, copying, target = _ordered(given)
        loss = logits.new_zeros(target.numel(), dtype=torch.float32)
        nll = torch.zeros_like(loss)
        of_target, of_each = smoothing.weights(logits.size(-1))
        for block in _blocks(logits, copying, target):
            logs = block.mixture.clamp_min_(torch.finfo(torch.float32).tiny).log_()
            found = -logs.gather(1, block.target).view(-1)
            nll[block.rows] = found
            loss[block.rows] = of_target * found - of_each * logs.sum(-1)
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        logits, copying, target = _ordered(ctx.saved_tensors)
        d_logits, d_attention, d_gate = (torch.zeros_like(x) for x in (logits, *copying[:2]))
        d_offered = _gradient_of_weights(ctx, copying)
        of_target, of_each = ctx.smoothing.weights(logits.size(-1))
        tiny = torch.finfo(torch.float32).tiny
        for rows, part, ids, weights, token, probs, mixture in _blocks(logits, copying, target):
            if bool(mixture.min() < tiny):  # where the forward pass held P up, no gradient flows
                mixture.masked_fill_(mixture < tiny, torch.inf)
            d_mixture = mixture.reciprocal_()
            at_target = d_mixture.gather(1, token)
            d_mixture.mul_(-of_each).scatter_add_(1, token, -of_target * at_target)
            d_mixture.mul_(grads[0][rows].unsqueeze(1))
            at_copied = d_mixture.gather(1, ids)
            if weights is not None:
                by_candidate = at_copied.view_as(weights)
                at_copied = (by_candidate * weights).sum(2)
                if d_offered is not None and copying.translations is not None:
                    shares = (1.0 - part.gate) * part.attention
                    number = copying.translations.number[rows]
                    d_offered.index_add_(0, number, by_candidate * shares.unsqueeze(2))
            weighted = d_mixture.mul_(probs)  # dL/dP times P_vocab
            total = weighted.sum(-1, keepdim=True)
            d_gate[rows] = total - (part.attention * at_copied).sum(-1, keepdim=True)
            d_attention[rows] = (1.0 - part.gate) * at_copied
            d_logits[rows] = weighted.sub_(probs * total).mul_(part.gate)
        of_translations = (None, d_offered, None)[: len(ctx.saved_tensors) - 5]
        return None, d_logits, d_attention, d_gate, None, None, *of_translations


def _gradient_of_weights(ctx: Any, copying: Copying) -> Optional[Tensor]:
    """Zeros for the gradient of what candidates weigh; None where nobody asks for it."""
    offered = copying.translations
    if offered is None or not ctx.needs_input_grad[-2]:
        return None
    return torch.zeros_like(offered.weights)


def _ordered(given: tuple[Tensor, ...]) -> tuple[Tensor, Copying, Tensor]:
    logits, attention, gate, src_tokens, target, *offered = given
    translations = Translations(*offered) if offered else None
    return logits, Copying(attention, gate, src_tokens, translations), target


def smoothed_mixture_loss(
    logits: Tensor, copying: Copying, target: Tensor, smoothing: Smoothing
) -> tuple[Tensor, Tensor]:
    """Label-smoothed loss and NLL of n target tokens under the copying mixture, in nats.

    See, Liu and Manning (2017), Eqs. 8 and 9, for the mixture (`copy_attention.py`); gradients
    flow through the loss alone.

    Args:
        logits: of the vocabulary, shape (n, V).
        copying: the mixture's other part.
        target: ids of the targets, none of them padding, shape (n,).
        smoothing: as fairseq has it.

    Returns:
        Loss and NLL, each of shape (n,), fp32.
    """
    found: tuple[Tensor, Tensor] = _SmoothedMixtureLoss.apply(
        smoothing, logits, *copying[:3], target, *(copying.translations or ())
    )
    return found

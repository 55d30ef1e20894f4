"""Label-smoothed loss by token, in the way that suits the model."""

from typing import Any

from fairseq.criterions.label_smoothed_cross_entropy import label_smoothed_nll_loss
from torch import Tensor

from mclas_fairseq.modules.softmax_loss import Smoothing


def smoothed_loss_by_token(
    model: Any, net_output: Any, target: Tensor, smoothing: Smoothing
) -> tuple[Tensor, Tensor]:
    """Loss of each target token, label smoothed as in fairseq, and its NLL, in nats.

    A model may have a way of its own that holds no table of probabilities (`smoothed_loss`, as
    `mclas` with copying); otherwise its log-probabilities are looked up.

    Args:
        model: made `net_output`; perhaps wrapped for several processes.
        net_output: logits and fairseq's extra dictionary. Logits are those of all positions,
            (B, T_tgt, V), or (n, V), of those that `rows` (n,) in the dictionary names.
        target: ids of the targets, shape (B, T_tgt).
        smoothing: epsilon, and the id of padding.

    Returns:
        Loss and NLL, each of shape (B * T_tgt,), 0 on padding.
    """
    logits, extra = net_output
    flat = target.reshape(-1)
    extra = extra or {}
    rows = extra.get("rows")
    if rows is None:
        rows = flat.ne(smoothing.padding).nonzero().view(-1)
        logits, extra = (
            logits.view(-1, logits.size(-1)).index_select(0, rows),
            {**extra, "rows": rows},
        )
    own: Any = getattr(model, "smoothed_loss", None)
    found: tuple[Tensor, Tensor] | None = None
    if own is not None:
        found = own((logits, extra), flat[rows], smoothing)
    if found is None:
        log_probs = model.get_normalized_probs((logits, extra), log_probs=True)
        found = of_log_probs(log_probs, flat[rows], smoothing)
    loss, nll = (each.new_zeros(flat.numel()).index_copy(0, rows, each) for each in found)
    return loss, nll


def of_log_probs(log_probs: Tensor, target: Tensor, smoothing: Smoothing) -> tuple[Tensor, Tensor]:
    """Loss and NLL, each (N,), of log-probabilities (N, V) and target ids (N,), by fairseq."""
    loss, nll = label_smoothed_nll_loss(
        log_probs, target, smoothing.epsilon, ignore_index=smoothing.padding, reduce=False
    )
    return loss.squeeze(-1), nll.squeeze(-1)

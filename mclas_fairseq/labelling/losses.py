"""What a labeller loses on each sentence."""

from typing import Any

import torch
from torch import Tensor, nn

from mclas_fairseq.labelling.dataset import IGNORED


def word_losses(logits: Tensor, target: Tensor) -> Tensor:
    """NLL of each word in nats, (n,), from logits (n, L) and tags' numbers (n,)."""
    exact = logits if logits.dtype == torch.float64 else logits.float()
    return torch.nn.functional.cross_entropy(exact, target, reduction="none")


def label_losses(model: nn.Module, batch: dict[str, Any]) -> Tensor:
    """NLL summed over the words of each row of a batch, in nats, (B,)."""
    target = batch["target"]
    words = target.ne(IGNORED)
    logits, _ = model(**batch["net_input"])
    losses = word_losses(logits, target[words])
    # n -> B x T -> B
    spread: Tensor = losses.new_zeros(target.shape).masked_scatter(words, losses)
    return spread.sum(1)

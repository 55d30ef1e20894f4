"""What a labeller loses on each sentence."""

from typing import Any

import torch
from torch import Tensor, nn

from mclas_fairseq.labelling.dataset import IGNORED


def word_losses(logits: Tensor, target: Tensor) -> Tensor:
    """NLL of each word in nats, (n,), from logits (n, L) and tags' numbers (n,)."""
    return torch.nn.functional.cross_entropy(logits.float(), target, reduction="none")


def label_losses(model: nn.Module, batch: dict[str, Any]) -> Tensor:
    """NLL summed over the words of each row of a batch, in nats, (B,)."""
    target = batch["target"]
    words = target.ne(IGNORED)
    logits, _ = model(**batch["net_input"])
    found = logits.new_zeros(target.shape, dtype=torch.float32)
    # n -> B x T -> B
    spread: Tensor = found.masked_scatter(words, word_losses(logits, target[words]))
    return spread.sum(1)

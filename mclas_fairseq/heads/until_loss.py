"""How many of the least important heads can go before the loss has risen by so much.

Heads are gated to 0, which gives what the checkpoint without them gives; nothing is trained.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.heads.gates import gated, gates_without
from mclas_fairseq.heads.losses import Batch, example_losses

logger = logging.getLogger(__name__)

Batches = Callable[[], Iterable[Batch]]


@torch.no_grad()
def mean_loss(
    task: Any, model: nn.Module, batches: Batches, language: str, without: Sequence[str] = ()
) -> float:
    """Mean over documents of the NLL a token, in nats.

    Args:
        task: of the model.
        model: in evaluation mode.
        batches: makes the batches anew.
        language: of the summary, or "all".
        without: names of heads that are gated to 0.

    Raises:
        ConfigError: the model writes no summaries in that language, or there is no document.
    """
    values: list[float] = []
    known: dict[str, None] = {}
    with gated(model, gates_without(model, without)):
        for batch in batches():
            losses = example_losses(task, model, batch)
            known.update(dict.fromkeys(losses))
            if language in losses:  # of a labeller a batch is of one language
                values += losses[language].double().tolist()
    if known and not values:
        raise ConfigError(
            f"--language {language}: must be one that the model's loss is known of, but those are"
            f" {', '.join(known)}; give one of them"
        )
    if not values:
        raise ConfigError("--split: must have documents with summaries, but has none; give another")
    return float(np.mean(values))


def most_within(
    heads: Sequence[str], loss: Callable[[Sequence[str]], float], delta: float
) -> tuple[int, float, float]:
    """The largest k so that without the first 1, 2, ... k heads the loss rises by delta at most.

    Args:
        heads: in the order in which they go.
        loss: of the model without some heads.
        delta: the most that it may rise, in its unit.

    Returns:
        k, the loss with all heads and the loss without k of them; the search ends at the first
        head that costs too much, though more might cost less again.

    Raises:
        ConfigError: delta is no number, or negative.
    """
    if not 0 <= delta < float("inf"):
        raise ConfigError(
            f"--until-loss {delta}: must be 0 or more, the rise of the loss in nats a token; give"
            " 0.05, for example"
        )
    whole = last = loss([])
    for k in range(1, len(heads) + 1):
        now = loss(heads[:k])
        logger.info("without %d heads: %.4f nats a token (%+.4f)", k, now, now - whole)
        if now - whole > delta:
            return k - 1, whole, last
        last = now
    return len(heads), whole, last

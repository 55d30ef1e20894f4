"""What a model loses on each document of a split, summary by summary: what heads are judged by."""

from collections.abc import Callable, Iterator
from typing import Any, Optional

import numpy as np
from fairseq import utils
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.heads.ranking import ALL
from mclas_fairseq.modules.copy_loss import Smoothing
from mclas_fairseq.summarization.smoothed import smoothed_loss_by_token
from mclas_fairseq.summarization.task import CrossLingualSummarizationTask

Batch = dict[str, Any]
Samples = list[dict[str, Any]]
Change = Callable[[Samples], Samples]  # of the samples of a dataset


def batches(
    task: Any,
    split: str,
    *,
    documents: int,
    batch_size: int,
    device: Any = "cpu",
    change: Optional[Change] = None,
) -> Iterator[Batch]:
    """Batches of a split as in validation, documents of one length together.

    Args:
        task: of the model.
        split: of its data-bin.
        documents: at most so many, spread evenly over the lengths; 0: all.
        batch_size: documents of a batch.
        device: where the batches are wanted.
        change: what is done to the samples of all chosen documents first.

    Raises:
        ConfigError: the task trains several corpora, or a number cannot be.
    """
    if not isinstance(task, CrossLingualSummarizationTask):
        raise ConfigError(
            f"--checkpoint: must be of --task cross_lingual_summarization, whose loss is of one"
            f" corpus, but is of {type(task).__name__}; heads of other models can be named"
            " (mclas heads prune --heads)"
        )
    if documents < 0 or batch_size < 1:
        raise ConfigError(
            f"--documents {documents} --batch-size {batch_size}: must not be negative, and at least"
            " 1; the defaults are 1000 and 16"
        )
    task.load_dataset(split, epoch=1)
    dataset: Any = task.datasets[split]
    chosen = dataset.ordered_indices()
    if 0 < documents < len(chosen):
        chosen = chosen[np.linspace(0, len(chosen) - 1, documents).round().astype(int)]
    changed = None if change is None else change([dataset[int(row)] for row in chosen])
    for start in range(0, len(chosen), batch_size):
        rows = chosen[start : start + batch_size]
        samples = (
            [dataset[int(row)] for row in rows] if changed is None else changed[start:][:batch_size]
        )
        batch = dataset.collater(samples)
        moved: Batch = utils.apply_to_sample(lambda tensor: tensor.to(device), batch)
        yield moved


def example_losses(task: Any, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Mean NLL a token of each document of a batch, in nats, shape (B,).

    Returns:
        By language of the summary, where there are two; under "all" that of all tokens. Several
        target languages of one model are one: "de+zh".
    """
    net_output = model(**batch["net_input"])
    smoothing = Smoothing(0.0, task.dictionary.pad())
    target = batch["target"]
    _, nll = smoothed_loss_by_token(model, net_output, target, smoothing)
    content = target.ne(task.dictionary.pad())
    parts = [
        (name, nll.view_as(target), mask & content)
        for name, mask in task.summary_masks(target).items()
    ]
    if "ms_target" in batch:
        ms_target = batch["ms_target"]
        _, ms_nll = smoothed_loss_by_token(model, net_output[1]["ms"], ms_target, smoothing)
        parts.insert(0, ("ms", ms_nll.view_as(ms_target), ms_target.ne(task.dictionary.pad())))
    names = {"ms": task.source_lang, "cls": "+".join(task.targets.trained)}
    sums = {names[name]: (values * mask).sum(1) for name, values, mask in parts}
    counts = {names[name]: mask.sum(1) for name, _, mask in parts}
    everything = sum(sums.values()) / sum(counts.values()).clamp(min=1)
    found: dict[str, Any] = {ALL: everything}
    if len(sums) > 1:
        found |= {name: sums[name] / counts[name].clamp(min=1) for name in sums}
    return found

"""What a model loses on each document of a split, summary by summary: what heads are judged by.

A task of another method says itself what its models lose on each example (`JudgesExamples`), as
that of labellers does: all that is here and stands on it serves both.
"""

from collections.abc import Callable, Iterator
from typing import Any, Optional, Protocol, runtime_checkable

import numpy as np
from fairseq import utils
from numpy.typing import NDArray
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.heads.ranking import ALL
from mclas_fairseq.modules.softmax_loss import Smoothing
from mclas_fairseq.summarization.smoothed import smoothed_loss_by_token
from mclas_fairseq.summarization.task import CrossLingualSummarizationTask

Batch = dict[str, Any]
Rows = NDArray[np.int64]
Samples = list[dict[str, Any]]
Change = Callable[[Samples], Samples]  # of the samples of a dataset


@runtime_checkable
class JudgesExamples(Protocol):
    """A task that says what a model loses on each example.

    Its data sets have `groups()`: rows of each language, of which batches hold one alone.
    """

    def example_losses(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Mean NLL of each of the B examples of a batch of one language, in nats, (B,).

        Returns:
            The same under "all" and under the language.
        """


def batches(
    task: Any,
    split: str,
    *,
    documents: int,
    batch_size: int,
    device: Any = "cpu",
    change: Optional[Change] = None,
) -> Iterator[Batch]:
    """Batches of a split as in validation, documents of one length (and one language) together.

    Args:
        task: of the model.
        split: of its data-bin.
        documents: at most so many, of each language where the task has examples in several, spread
            evenly over the lengths; 0: all.
        batch_size: documents of a batch.
        device: where the batches are wanted.
        change: what is done to the samples of all chosen documents first.

    Raises:
        ConfigError: the task trains several corpora, or a number cannot be.
    """
    if not isinstance(task, CrossLingualSummarizationTask | JudgesExamples):
        raise ConfigError(
            f"--checkpoint: must be of --task cross_lingual_summarization, whose loss is of one"
            f" corpus, or of sequence_labelling, but is of {type(task).__name__}; heads of other"
            " models can be named (mclas heads prune --heads)"
        )
    if documents < 0 or batch_size < 1:
        raise ConfigError(
            f"--documents {documents} --batch-size {batch_size}: must not be negative, and at least"
            " 1; the defaults are 1000 and 16"
        )
    opened: Any = task
    opened.load_dataset(split, epoch=1)
    dataset = opened.datasets[split]
    by_language = isinstance(opened, JudgesExamples)
    groups = dataset.groups() if by_language else [dataset.ordered_indices()]
    for rows in groups:
        yield from _batches_of(dataset, _spread(rows, documents), batch_size, device, change)


def _spread(rows: Rows, documents: int) -> Rows:
    """At most so many of some rows, evenly spread; 0: all."""
    if not 0 < documents < len(rows):
        return rows
    spread: Rows = rows[np.linspace(0, len(rows) - 1, documents).round().astype(int)]
    return spread


def _batches_of(
    dataset: Any, chosen: Rows, batch_size: int, device: Any, change: Optional[Change]
) -> Iterator[Batch]:
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
    """Mean NLL a token (with labels: a word) of each document of a batch, in nats, shape (B,).

    Returns:
        By language of the summary, where there are two; under "all" that of all tokens. Several
        target languages of one model are one: "de+zh".
    """
    if isinstance(task, JudgesExamples):
        return task.example_losses(model, batch)
    net_output = model(**batch["net_input"])
    smoothing = Smoothing(0.0, task.dictionary.pad())
    target = batch["target"]
    # Unsmoothed, the loss is the NLL; with copying only the loss can be differentiated.
    nll, _ = smoothed_loss_by_token(model, net_output, target, smoothing)
    content = target.ne(task.dictionary.pad())
    parts = [
        (name, nll.view_as(target), mask & content)
        for name, mask in task.summary_masks(target).items()
    ]
    if "ms_target" in batch:
        ms_target = batch["ms_target"]
        ms_nll, _ = smoothed_loss_by_token(model, net_output[1]["ms"], ms_target, smoothing)
        parts.insert(0, ("ms", ms_nll.view_as(ms_target), ms_target.ne(task.dictionary.pad())))
    names = {"ms": task.source_lang, "cls": "+".join(task.targets.trained)}
    sums = {names[name]: (values * mask).sum(1) for name, values, mask in parts}
    counts = {names[name]: mask.sum(1) for name, _, mask in parts}
    everything = sum(sums.values()) / sum(counts.values()).clamp(min=1)
    found: dict[str, Any] = {ALL: everything}
    if len(sums) > 1:
        found |= {name: sums[name] / counts[name].clamp(min=1) for name in sums}
    return found

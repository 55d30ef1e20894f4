"""Criterion `label_cross_entropy`: the mean NLL of the words' labels, and what is right of them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairseq.criterions import FairseqCriterion, register_criterion
from fairseq.dataclass import FairseqDataclass
from fairseq.logging import metrics
from omegaconf import II
from torch import Tensor, nn

from mclas_fairseq.corpus.labelled import LabelKind
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.label_scores import LabelCounts, count
from mclas_fairseq.labelling.dataset import IGNORED
from mclas_fairseq.labelling.losses import word_losses

_NAMES = ("words", "right", "common", "found", "gold")
_ALL = ""


@dataclass
class LabelCrossEntropyConfig(FairseqDataclass):
    """Options of the criterion."""

    sentence_avg: bool = II("optimization.sentence_avg")


@register_criterion("label_cross_entropy", dataclass=LabelCrossEntropyConfig)
class LabelCrossEntropy(FairseqCriterion):
    """Cross entropy of labels on first pieces.

    Logged: `loss` (bits a word) and `accuracy` (per cent); in validation of spans also `f1` (per
    cent, by conlleval's rules) of all and, with several languages, both of each (`f1_de`).
    """

    def __init__(self, task: Any, sentence_avg: bool):
        super().__init__(task)
        if not hasattr(task, "labels"):
            raise ConfigError(
                "criterion label_cross_entropy: it needs a task with labels, the task given is"
                f" {type(task).__name__}; add --task sequence_labelling"
            )
        self.task = task
        self.sentence_avg = sentence_avg

    def forward(
        self, model: nn.Module, sample: dict[str, Any], reduce: bool = True
    ) -> tuple[Tensor, int, dict[str, Any]]:
        """Compute the loss of a batch.

        Args:
            model: a token classifier, perhaps wrapped for several processes.
            sample: a batch of `LabelledDataset`.
            reduce: sum over words; otherwise the loss has shape (n,).

        Returns:
            Loss in nats, summed over words; the divisor of the gradient (words, or sentences with
            --sentence-avg); sums for the logs.
        """
        target = sample["target"]
        words = target.ne(IGNORED)
        logits, _ = model(**sample["net_input"])
        losses = word_losses(logits, target[words])
        size = sample["nsentences"] if self.sentence_avg else sample["ntokens"]
        guessed = logits.detach().argmax(-1)
        logged: dict[str, Any] = {
            "loss": losses.detach().sum(),
            "ntokens": sample["ntokens"],
            "nsentences": sample["nsentences"],
            "sample_size": size,
        }
        if model.training:
            logged["words"] = sample["ntokens"]
            logged["right"] = guessed.eq(target[words]).sum()
        else:
            logged.update(self._counts(guessed, target, sample))
        return (losses.sum() if reduce else losses), size, logged

    def _counts(
        self, guessed: Tensor, target: Tensor, sample: Mapping[str, Any]
    ) -> Iterator[tuple[str, int]]:
        """Counts of all rows and of those of each language."""
        tags, kind = self.task.labels.tags, self.task.labels.kind
        lengths = sample["net_input"]["first_pieces"].sum(1).tolist()
        found: dict[str, LabelCounts] = {name: LabelCounts() for name in self._groups(sample)}
        gold = target[target.ne(IGNORED)].split(lengths)
        rows = zip(guessed.split(lengths), gold, sample["language"].tolist(), strict=True)
        names = self._languages(sample)
        for mine, right, language in rows:
            hypothesis, reference = ([tags[n] for n in row.tolist()] for row in (mine, right))
            counted = count(hypothesis, reference)
            for group in (_ALL, f"_{names[language]}"):
                if group in found:
                    found[group] += counted
        shown = _NAMES if kind is LabelKind.SPANS else _NAMES[:2]
        for group, counts in found.items():
            for name, value in zip(_NAMES, counts.values(), strict=True):
                if name in shown:
                    yield f"{name}{group}", value

    def _languages(self, sample: Mapping[str, Any]) -> list[str]:
        return list(self.task.datasets[sample["split"]].languages)

    def _groups(self, sample: Mapping[str, Any]) -> list[str]:
        languages = self._languages(sample)
        return [_ALL, *(f"_{language}" for language in languages if len(languages) > 1)]

    @classmethod
    def reduce_metrics(cls, logging_outputs: Sequence[Mapping[str, Any]]) -> None:
        """Log the sums of all workers as means and scores."""
        sums: dict[str, float] = {}
        for log in logging_outputs:
            for key, value in log.items():
                number = value.item() if isinstance(value, Tensor) else value
                sums[key] = sums.get(key, 0) + number
        size, words = sums.get("sample_size", 0), sums.get("ntokens", 0)
        if size:
            metrics.log_scalar("loss", sums["loss"] / size / math.log(2), size, round=3)
        if size != words and words:
            metrics.log_scalar("nll_loss", sums["loss"] / words / math.log(2), words, round=3)
        for name in (key for key in sums if key.startswith("words")):
            group = name.removeprefix("words")
            for part in _NAMES:
                if part + group in sums:
                    metrics.log_scalar(f"_{part}{group}", sums[part + group], 1, round=0)
            metrics.log_derived(f"accuracy{group}", _accuracy(group))
            if f"gold{group}" in sums:
                metrics.log_derived(f"f1{group}", _f1(group))

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        """All values are sums."""
        return True


def _accuracy(group: str) -> Any:
    def value(meters: Any) -> float:
        words = meters[f"_words{group}"].sum
        return round(100 * meters[f"_right{group}"].sum / words, 2) if words else 0.0

    return value


def _f1(group: str) -> Any:
    def value(meters: Any) -> float:
        total = meters[f"_found{group}"].sum + meters[f"_gold{group}"].sum
        return round(200 * meters[f"_common{group}"].sum / total, 2) if total else 0.0

    return value

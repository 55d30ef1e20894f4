"""Criterion `glm_cross_entropy`: label-smoothed cross entropy, reported by objective and language.

The loss is the mean over the tokens of part B (Du et al. 2022, GLM, Eq. 1), label smoothed where
that is asked for; fairseq takes the mean over all batches of an update. Logits are computed for
those tokens alone, not for padding.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from fairseq import utils
from fairseq.criterions import register_criterion
from fairseq.criterions.label_smoothed_cross_entropy import (
    LabelSmoothedCrossEntropyCriterion,
    LabelSmoothedCrossEntropyCriterionConfig,
)
from fairseq.logging import metrics
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.mglm.corruption import Objective
from mclas_fairseq.modules.plain_logs import plain_logs
from mclas_fairseq.modules.softmax_loss import Smoothing, smoothed_softmax_loss

_NLL, _TOKENS = "nll_of_", "tokens_of_"


@dataclass
class GlmCrossEntropyConfig(LabelSmoothedCrossEntropyCriterionConfig):
    """fairseq's options of label-smoothed cross entropy."""


@register_criterion("glm_cross_entropy", dataclass=GlmCrossEntropyConfig)
class GlmCrossEntropy(LabelSmoothedCrossEntropyCriterion):
    """fairseq's label-smoothed cross entropy for mGLM.

    Logged per token, in bits: `loss`, `nll_loss`, and `ppl` (2 to its power). Of pretraining also
    perplexities: `ppl_OBJECTIVE` (token, sentence, document); in validation `ppl_LANGUAGE` and
    `ppl_OBJECTIVE_LANGUAGE` as well.
    """

    def __init__(
        self,
        task: Any,
        sentence_avg: bool,
        label_smoothing: float,
        ignore_prefix_size: int = 0,
        report_accuracy: bool = False,
    ):
        super().__init__(task, sentence_avg, label_smoothing, ignore_prefix_size, report_accuracy)
        if ignore_prefix_size or report_accuracy:
            flag = "--ignore-prefix-size" if ignore_prefix_size else "--report-accuracy"
            raise ConfigError(f"{flag}: glm_cross_entropy does not take it; leave it out")
        self.languages: tuple[str, ...] = tuple(getattr(task, "languages", ()))

    def forward(
        self, model: nn.Module, sample: dict[str, Any], reduce: bool = True
    ) -> tuple[Tensor, int, dict[str, Any]]:
        """Compute the loss of a batch.

        Args:
            model: mGLM, perhaps wrapped for several processes.
            sample: the batch, `target` of shape (B, T); of pretraining with `language` and
                `objective` (B,).
            reduce: sum over tokens; otherwise the loss has shape (ntokens,).

        Returns:
            Loss in nats, summed over target tokens; the divisor of the gradient (target tokens, or
            sentences with --sentence-avg); sums for the logs, in nats.
        """
        target = sample["target"]
        content = target.ne(self.padding_idx)
        logits, _ = model(**sample["net_input"], target_mask=content)  # (n, V)
        smoothing = Smoothing(self.eps, self.padding_idx)
        loss, nll = smoothed_softmax_loss(logits, target[content], smoothing)
        sample_size = target.size(0) if self.sentence_avg else sample["ntokens"]
        logging_output: dict[str, Any] = {
            "loss": loss.detach().sum(),
            "nll_loss": nll.detach().sum(),
            "ntokens": sample["ntokens"],
            "nsentences": target.size(0),
            "sample_size": sample_size,
        }
        if "objective" in sample:
            logging_output.update(self._of_groups(nll.detach(), content, sample, model.training))
        return (loss.sum() if reduce else loss), sample_size, logging_output

    def _of_groups(
        self, nll: Tensor, content: Tensor, sample: dict[str, Any], training: bool
    ) -> Iterator[tuple[str, Tensor]]:
        """NLL (n,) and tokens of each objective; in validation of each language with each."""
        groups, names = sample["objective"], [kind.value for kind in Objective]
        if not training:
            groups = groups + len(names) * sample["language"]
            names = [f"{kind}_{language}" for language in self.languages for kind in names]
        # B -> B x T -> n: the group of each target token
        of_token = groups.unsqueeze(1).expand_as(content)[content]
        sums = torch.bincount(of_token, weights=nll.double(), minlength=len(names))
        counts = torch.bincount(of_token, minlength=len(names))
        for number, name in enumerate(names):
            yield _NLL + name, sums[number]
            yield _TOKENS + name, counts[number]

    @classmethod
    def reduce_metrics(cls, logging_outputs: Sequence[Mapping[str, Any]]) -> None:
        """Log the sums of all workers as averages per token; floats only."""
        logs = plain_logs(logging_outputs)
        super().reduce_metrics(logs)
        names = [key.removeprefix(_TOKENS) for key in (logs[0] if logs else {}) if _TOKENS in key]
        found: dict[str, tuple[float, float]] = {}
        for name in names:
            nll = sum(log.get(_NLL + name, 0.0) for log in logs)
            tokens = sum(log.get(_TOKENS + name, 0) for log in logs)
            for group in dict.fromkeys((name, *name.split("_", 1))):
                so_far = found.get(group, (0.0, 0.0))
                found[group] = (so_far[0] + nll, so_far[1] + tokens)
        for group, (nll, tokens) in found.items():
            if tokens > 0:
                # A name with _ is not shown; the mean over batches is one of NLL, in bits.
                hidden = f"_nll_{group}"
                metrics.log_scalar(hidden, nll / tokens / math.log(2), tokens)
                metrics.log_derived(f"ppl_{group}", partial(_perplexity, hidden), priority=50)


def _perplexity(name: str, meters: Any) -> float:
    found: float = utils.get_perplexity(meters[name].avg)
    return found

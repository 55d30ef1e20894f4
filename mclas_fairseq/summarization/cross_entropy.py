"""Label-smoothed cross entropy that reports the two summaries of a target apart.

Bai et al. (2021), Eq. 4: the loss of MCLAS is the unweighted sum of the log-likelihoods of `S^A`
and of `S^B`. Training minimises fairseq's label-smoothed loss over the whole target, divided by
the number of target tokens of the update; the logs also show each term alone. Eq. 2, NCLS+MS, is
the same sum over the targets of two decoders, divided by the tokens of both.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from fairseq.criterions import register_criterion
from fairseq.criterions.label_smoothed_cross_entropy import (
    LabelSmoothedCrossEntropyCriterion,
    LabelSmoothedCrossEntropyCriterionConfig,
)
from fairseq.logging import metrics
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.modules.plain_logs import plain_logs
from mclas_fairseq.modules.softmax_loss import Smoothing
from mclas_fairseq.summarization.smoothed import of_log_probs, smoothed_loss_by_token


@dataclass
class SummaryCrossEntropyConfig(LabelSmoothedCrossEntropyCriterionConfig):
    """fairseq's options of label-smoothed cross entropy."""


@register_criterion("summary_cross_entropy", dataclass=SummaryCrossEntropyConfig)
class SummaryCrossEntropy(LabelSmoothedCrossEntropyCriterion):
    """fairseq's label-smoothed cross entropy with the NLL of `S^A` and of `S^B` logged apart.

    Logged per token, in bits: `nll_loss` (all), `ms_nll_loss` (`S^A` with the separator that ends
    it), `cls_nll_loss` (`S^B` with EOS); of the two only those that the layout has.
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
        if not hasattr(task, "summary_masks"):
            raise ConfigError(
                "criterion summary_cross_entropy: it needs a task that knows its target layouts, "
                f"the task given is {type(task).__name__}; add --task cross_lingual_summarization"
            )
        self.task = task

    def forward(
        self, model: nn.Module, sample: dict[str, Any], reduce: bool = True
    ) -> tuple[Tensor, int, dict[str, Any]]:
        """Compute the loss of a batch.

        Args:
            model: a model of this plugin.
            sample: the batch, `target` of shape (B, T_tgt); with `ms_target` (B, T_ms) the model
                has a second decoder, and `ntokens` counts the tokens of both targets.
            reduce: sum over tokens; otherwise the loss has shape (B * T_tgt,), with two decoders
                (B * T_tgt + B * T_ms,).

        Returns:
            Loss in nats, summed over target tokens; the divisor of the gradient (target tokens, or
            sentences with --sentence-avg); sums for the logs, in nats.
        """
        net_output = model(**sample["net_input"], **self._target_masks(model, sample))
        loss, sums = self._of_target(model, net_output, sample, self.task.summary_masks)
        if "ms_target" in sample:
            ms_sample = {**sample, "target": sample["ms_target"]}
            ms_loss, ms_sums = self._of_target(model, net_output[1]["ms"], ms_sample, _all_ms)
            loss = torch.cat([loss, ms_loss])
            for name, value in ms_sums.items():
                sums[name] = sums[name] + value if name in sums else value
        sample_size = sample["target"].size(0) if self.sentence_avg else sample["ntokens"]
        logging_output: dict[str, Any] = {
            **sums,
            "ntokens": sample["ntokens"],
            "nsentences": sample["target"].size(0),
            "sample_size": sample_size,
        }
        return (loss.sum() if reduce else loss), sample_size, logging_output

    def _target_masks(self, model: Any, sample: dict[str, Any]) -> dict[str, Tensor]:
        """Tell a model of ours that padding needs no logits, unless something reads them."""
        reads_all = self.report_accuracy or self.ignore_prefix_size
        if reads_all or not getattr(model, "takes_target_mask", False):
            return {}
        names = {"target": "target_mask", "ms_target": "ms_target_mask"}
        return {
            mask: sample[target].ne(self.padding_idx)
            for target, mask in names.items()
            if target in sample
        }

    def _of_target(
        self,
        model: nn.Module,
        net_output: Any,
        sample: dict[str, Any],
        masks: Callable[[Tensor], dict[str, Tensor]],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss (B * T_tgt,) of one decoder's output, and the sums of it that are logged."""
        loss, nll = self._by_token(model, net_output, sample)
        sums = {"loss": loss.detach().sum(), "nll_loss": nll.detach().sum()}
        sums.update(self._parts(nll.detach(), sample["target"], masks))
        if self.report_accuracy:
            n_correct, total = self.compute_accuracy(model, net_output, sample)
            sums.update(n_correct=n_correct.detach(), total=total.detach())
        return loss, sums

    def _by_token(
        self, model: nn.Module, net_output: Any, sample: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Loss and NLL of each target token, (B * T_tgt,), less the prefix that is ignored."""
        smoothing = Smoothing(self.eps, self.padding_idx)
        if self.ignore_prefix_size == 0:
            return smoothed_loss_by_token(model, net_output, sample["target"], smoothing)
        log_probs, target = self.get_lprobs_and_target(model, net_output, sample)
        return of_log_probs(log_probs, target, smoothing)

    def _parts(
        self, nll: Tensor, target: Tensor, masks: Callable[[Tensor], dict[str, Tensor]]
    ) -> dict[str, Tensor]:
        """NLL and token count of each summary of a target; nll has shape (B * T_tgt,)."""
        target = target[:, self.ignore_prefix_size :]
        content = target.ne(self.padding_idx)
        parts: dict[str, Tensor] = {}
        for name, mask in masks(target).items():
            chosen = mask & content
            parts[f"{name}_nll_loss"] = torch.where(chosen.view(-1), nll, 0.0).sum()
            parts[f"{name}_ntokens"] = chosen.sum()
        return parts

    @classmethod
    def reduce_metrics(cls, logging_outputs: Sequence[Mapping[str, Any]]) -> None:
        """Log the sums of all workers as averages per token, in bits; floats only."""
        logs = plain_logs(logging_outputs)
        super().reduce_metrics(logs)
        for name in ("ms", "cls"):
            tokens = sum(log.get(f"{name}_ntokens", 0) for log in logs)
            if tokens > 0:
                nll = sum(log.get(f"{name}_nll_loss", 0) for log in logs)
                metrics.log_scalar(
                    f"{name}_nll_loss", nll / tokens / math.log(2), tokens, priority=30, round=3
                )


def _all_ms(target: Tensor) -> dict[str, Tensor]:
    return {"ms": torch.ones_like(target, dtype=torch.bool)}

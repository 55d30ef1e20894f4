"""The lower bound of VHM: reconstruction of each task and the KL of its latent variables.

Liang et al. (2022), "A Variational Hierarchical Model for Neural Cross-Lingual Summarization"
(ACL 2022, arXiv:2203.03820), section 3.4. Training minimises

    (sum of NLL + lambda * sum of KL) / target tokens

over all tasks of an update, NLL with label smoothing where asked for. The baselines without latent
variables are trained with the same criterion, as then nothing but the NLL remains.
"""

# fairseq reads the field types when it builds the command line: no postponed annotations.
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairseq.criterions import FairseqCriterion, register_criterion
from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from fairseq.logging import metrics
from omegaconf import II
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.modules.softmax_loss import Smoothing
from mclas_fairseq.summarization.smoothed import smoothed_loss_by_token
from mclas_fairseq.vhm.kl_weight import ANNEALINGS, FreeBits, KlWeight
from mclas_fairseq.vhm.latents import TASKS, LatentOutput
from mclas_fairseq.vhm.noise import LatentNoise

logger = logging.getLogger(__name__)

_COLLAPSED = 0.01  # nats a sentence
_LOOK_EVERY = 100  # updates between two looks at collapsed latent variables
_ACTIVE = 0.01  # Burda et al. (2016): variance of a unit's posterior mean over the data


@dataclass
class VhmElboConfig(FairseqDataclass):
    """Options of the lower bound."""

    label_smoothing: float = field(
        default=0.0, metadata={"help": "epsilon of label smoothing in the reconstruction terms"}
    )
    kl_annealing: ChoiceEnum(ANNEALINGS) = field(  # type: ignore[valid-type]
        default="linear",
        metadata={"help": "how the weight of the KL terms reaches --kl-weight from 0, if it does"},
    )
    kl_annealing_updates: int = field(
        default=0, metadata={"help": "annealing ends after N updates (0: half of --max-update)"}
    )
    kl_weight: float = field(
        default=1.0, metadata={"help": "weight of the KL terms after annealing, in [0, 1]"}
    )
    kl_cycles: int = field(default=4, metadata={"help": "cyclical annealing: number of cycles"})
    kl_cycle_rise: float = field(
        default=0.5, metadata={"help": "cyclical annealing: share of a cycle in which lambda rises"}
    )
    free_bits: float = field(
        default=0.0,
        metadata={"help": "each latent variable of a sentence is charged at least N nats"},
    )
    free_bits_per_dimension: float = field(
        default=0.0, metadata={"help": "each dimension of a sentence is charged at least N nats"}
    )
    kl_scale: ChoiceEnum(["bound", "released"]) = field(  # type: ignore[valid-type]
        default="bound",
        metadata={
            "help": "sum of KL over tokens, as the bound has it, or as in the paper's code the "
            "mean over sentences beside an NLL that is a mean over tokens (released)"
        },
    )
    report_accuracy: bool = field(
        default=False,
        metadata={
            "help": "log the share of target tokens that are the likeliest: accuracy, and of each "
            "task TASK_accuracy; for --best-checkpoint-metric accuracy "
            "--maximize-best-checkpoint-metric"
        },
    )
    seed: int = II("common.seed")
    max_update: int = II("optimization.max_update")
    sentence_avg: bool = II("optimization.sentence_avg")


@register_criterion("vhm_elbo", dataclass=VhmElboConfig)
class VhmElbo(FairseqCriterion):
    """Negative lower bound of all tasks of an update.

    Logged: for each task `TASK_nll_loss` and `TASK_bound` (NLL and KL), in bits per token;
    `TASK_kl` in nats per sentence; `TASK_active`, how many of the latent variable's units vary
    over the sentences of a batch (`mclas latents` counts them over a split); `kl_weight`; with
    `report_accuracy` also `accuracy` and `TASK_accuracy`, in per cent of the target tokens. Outside
    training lambda is 1 and noise does not depend on the number of updates, so that values of
    different checkpoints can be compared.

    Raises:
        ConfigError: a weight outside [0, 1], annealing without an end, or --sentence-avg.
    """

    def __init__(self, cfg: VhmElboConfig, task: Any):
        super().__init__(task)
        if getattr(task, "train_tasks", None) is None:
            raise ConfigError(
                "criterion vhm_elbo: it needs a task that trains several corpora together, the "
                f"task given is {type(task).__name__}; add --task multitask_summarization"
            )
        if cfg.sentence_avg:
            raise ConfigError(
                "--sentence-avg: the bound of an update is divided by its target tokens; leave "
                "the flag out"
            )
        # A trial of one update has an end as well.
        half = max(cfg.max_update // 2, min(cfg.max_update, 1))
        updates = cfg.kl_annealing_updates or half
        self.weight = KlWeight(
            str(cfg.kl_annealing), cfg.kl_weight, updates, cfg.kl_cycles, cfg.kl_cycle_rise
        )
        self.free_bits = FreeBits(cfg.free_bits, cfg.free_bits_per_dimension)
        self.eps = cfg.label_smoothing
        self.released_scale = str(cfg.kl_scale) == "released"
        self.report_accuracy = cfg.report_accuracy
        self.seed = cfg.seed

    def forward(
        self, model: nn.Module, sample: Mapping[str, Any], reduce: bool = True
    ) -> tuple[Tensor, int, dict[str, Any]]:
        """Compute the loss of an update.

        Args:
            model: a model `vhm`.
            sample: task -> its batch, `target` of shape (B, T_tgt); see `VhmModel.forward`.
            reduce: must be true: the KL terms belong to no token.

        Returns:
            Loss in nats, summed over tokens and sentences; the number of target tokens, which the
            gradient is divided by; sums for the logs, in nats.
        """
        assert reduce
        update = _num_updates(model)
        weight = self.weight.at(update) if model.training else 1.0
        batches = {task: sample[task] for task in TASKS if task in sample}
        noise = LatentNoise(self.seed, update if model.training else 0)
        # Padding needs no logits, unless what is the likeliest token is looked for in all of them.
        masks = {task: batch["target"].ne(self.padding_idx) for task, batch in batches.items()}
        shown = None if self.report_accuracy else masks
        outputs = model(batches, noise=noise, target_masks=shown)
        losses = []
        log: dict[str, Any] = {"ntokens": 0, "nsentences": 0}
        for task, batch in batches.items():
            loss, sums = self._of_task(model, outputs[task], batch, weight)
            losses.append(loss)
            log["ntokens"] += batch["ntokens"]
            log["nsentences"] += len(batch["target"])
            if self.report_accuracy:
                sums["n_correct"] = self._hits(model, outputs[task], batch["target"])
            log.update({f"{task}_{name}": value for name, value in sums.items()})
            if model.training and self._is_time_to_look(update):
                _warn_of_collapse(task, outputs[task][1]["latents"], update)
        total = sum(losses[1:], start=losses[0])
        log.update(
            loss=total.detach(), sample_size=log["ntokens"], kl_weight=weight * log["ntokens"]
        )
        return total, log["ntokens"], log

    def _of_task(
        self, model: Any, net_output: Any, batch: Mapping[str, Any], weight: float
    ) -> tuple[Tensor, dict[str, Any]]:
        """Loss of one task, and the sums of it that are logged."""
        smoothing = Smoothing(self.eps, self.padding_idx)
        by_token = smoothed_loss_by_token(model, net_output, batch["target"], smoothing)
        loss, nll = (each.sum() for each in by_token)
        latents: LatentOutput = net_output[1]["latents"]
        sentences, tokens = len(batch["target"]), batch["ntokens"]
        sums: dict[str, Any] = {"nll_loss": nll.detach(), "ntokens": tokens}
        sums["nsentences"] = sentences
        scale = weight * tokens / sentences if self.released_scale else weight
        for name, each in latents.kl().items():
            loss = loss + scale * self.free_bits.charge(each).sum()
            sums[f"kl_{name}"] = each.detach().sum()
        if latents.posterior:
            sums["kl"] = sum(value for name, value in sums.items() if name.startswith("kl_"))
            sums["active"] = active_units(latents) * sentences
        return loss, sums

    def _hits(self, model: Any, net_output: Any, target: Tensor) -> Tensor:
        """How many tokens of targets (B, T_tgt) are the likeliest where they stand, a scalar."""
        likeliest = model.get_normalized_probs(net_output, log_probs=True).argmax(dim=-1)
        hits: Tensor = (likeliest.eq(target) & target.ne(self.padding_idx)).sum()
        return hits

    def _is_time_to_look(self, update: int) -> bool:
        since = update - (0 if self.weight.annealing == "constant" else self.weight.updates)
        return update > 0 and since >= 0 and since % _LOOK_EVERY == 0

    @classmethod
    def reduce_metrics(cls, logging_outputs: Sequence[Mapping[str, Any]]) -> None:
        """Log the sums of all workers as averages, as floats."""
        total: dict[str, float] = {}
        for log in logging_outputs:
            for key, value in log.items():
                total[key] = total.get(key, 0.0) + float(value)
        tokens = total["ntokens"]
        metrics.log_scalar("loss", total["loss"] / tokens / math.log(2), tokens, round=3)
        metrics.log_scalar("kl_weight", total["kl_weight"] / tokens, tokens, round=4)
        if any(f"{task}_n_correct" in total for task in TASKS):
            hits = sum(total.get(f"{task}_n_correct", 0.0) for task in TASKS)
            metrics.log_scalar("accuracy", 100.0 * hits / tokens, tokens, round=3)
        nll = 0.0
        for task in TASKS:
            if f"{task}_ntokens" in total:
                nll += total[f"{task}_nll_loss"]
                _log_task(task, {key: total.get(f"{task}_{key}") for key in _TASK_SUMS})
        metrics.log_scalar("nll_loss", nll / tokens / math.log(2), tokens, round=3)
        metrics.log_derived("ppl", lambda meters: 2 ** meters["nll_loss"].avg)

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        """They can."""
        return True


_TASK_SUMS = ("nll_loss", "ntokens", "nsentences", "n_correct", "kl", "active")


def _log_task(task: str, sums: Mapping[str, Any]) -> None:
    tokens, sentences = sums["ntokens"], sums["nsentences"]
    bits = tokens * math.log(2)
    metrics.log_scalar(f"{task}_nll_loss", sums["nll_loss"] / bits, tokens, 30, round=3)
    bound = sums["nll_loss"] + (sums["kl"] or 0.0)
    metrics.log_scalar(f"{task}_bound", bound / bits, tokens, 31, round=3)
    if sums["n_correct"] is not None:
        share = 100.0 * sums["n_correct"] / tokens
        metrics.log_scalar(f"{task}_accuracy", share, tokens, 31, round=3)
    if sums["kl"] is not None:
        metrics.log_scalar(f"{task}_kl", sums["kl"] / sentences, sentences, 32, round=3)
        metrics.log_scalar(f"{task}_active", sums["active"] / sentences, sentences, 33, round=1)


def active_units(latents: LatentOutput) -> Tensor:
    """Units whose posterior mean varies over the sentences of a batch, a scalar.

    Burda et al. (2016, arXiv:1509.00519), section 5: variance above 0.01. Of a task's variables the
    last one counts, which stands on the others.
    """
    means = list(latents.posterior.values())[-1].mean.detach()
    spread = means.var(dim=0, unbiased=len(means) > 1)
    return (spread > _ACTIVE).sum()


def _warn_of_collapse(task: str, latents: LatentOutput, update: int) -> None:
    for name, each in latents.kl().items():
        nats = float(each.detach().sum(dim=1).mean())
        if nats < _COLLAPSED:
            logger.warning(
                "latent variable %s has collapsed: KL %.4f nats a sentence in task %s at update "
                "%d; it tells the decoder nothing. --free-bits, --kl-annealing cyclical or a "
                "longer --kl-annealing-updates may help",
                *(name, nats, task, update),
            )


def _num_updates(model: nn.Module) -> int:
    """Updates done, as fairseq told the model before this one; wrappers are looked through."""
    inner: Any = model
    while not hasattr(inner, "num_updates"):
        inner = inner.module
    updates: int = inner.num_updates
    return updates

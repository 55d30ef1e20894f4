"""Schedule `grouped_inverse_sqrt`: fairseq's inverse square root, once for each group.

Bai et al. (2021), ACL 2021, section 5.2, after Vaswani et al. (2017) without the width:

    rate(step) = lr0 * min(step^-0.5, step * warmup^-1.5)

with lr0 0.005 and 10,000 warm-up updates for the encoder, 0.2 and 5,000 for the rest. This is
fairseq's inverse square root with a peak of lr0 / sqrt(warmup), 5e-5 and 2.83e-3. fairseq sets the
rate of update n + 1 from n, so that the first update after a start has rate 0 and each later one
the formula's rate of the update before.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Optional

from fairseq.logging import metrics
from fairseq.optim import FairseqOptimizer
from fairseq.optim.lr_scheduler import FairseqLRScheduler, register_lr_scheduler
from fairseq.optim.lr_scheduler.inverse_square_root_schedule import (
    InverseSquareRootLRScheduleConfig,
    InverseSquareRootSchedule,
)

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.modules.parameter_groups import ENCODER, REST
from mclas_fairseq.optim.grouped_adam import GROUP_KEY, SCHEDULE
from mclas_fairseq.optim.grouped_adam import NAME as OPTIMIZER


@dataclass
class GroupedInverseSqrtConfig(InverseSquareRootLRScheduleConfig):
    """fairseq's options, which are those of the rest, and the encoder's own."""

    encoder_lr: Optional[float] = field(
        default=None,
        metadata={
            "help": "peak rate of the encoder's parameters; --lr is that of the rest "
            "(paper: 5e-5 and 2.83e-3)"
        },
    )
    encoder_warmup_updates: Optional[int] = field(
        default=None,
        metadata={
            "help": "warm-up of the encoder's rate in updates (default: --warmup-updates; "
            "paper: 10000 and 5000)"
        },
    )


class _RateOfGroup(FairseqOptimizer):
    """What a schedule of fairseq's needs to see of an optimizer: the rate of one group."""

    def __init__(self, optimizer: FairseqOptimizer, name: str):
        super().__init__(None)
        self._grouped = optimizer
        self._group_name = name

    def get_lr(self) -> float:
        """The group's rate."""
        return float(self._group()["lr"])

    def set_lr(self, lr: float) -> None:
        """Set the group's rate."""
        self._group()["lr"] = lr

    def _group(self) -> dict[str, Any]:
        # Looked up each time: loading a state puts new groups in the place of the old ones.
        groups: list[dict[str, Any]] = self._grouped.param_groups
        return next(group for group in groups if group[GROUP_KEY] == self._group_name)


@register_lr_scheduler(SCHEDULE, dataclass=GroupedInverseSqrtConfig)
class GroupedInverseSqrt(FairseqLRScheduler):
    """One inverse square root for the encoder, one for the rest; logged as `lr_encoder` and `lr`.

    Both rates are functions of the number of updates, which is all that a resumed run needs.
    """

    def __init__(self, cfg: GroupedInverseSqrtConfig, optimizer: FairseqOptimizer):
        """Check the options and set the rates before the first update.

        Raises:
            ConfigError: the optimizer has no groups; the encoder's rate is missing; several values
                of --lr; a warm-up below one update.
        """
        super().__init__(cfg, optimizer)
        names = {group.get(GROUP_KEY) for group in optimizer.param_groups}
        if names != {ENCODER, REST}:
            raise ConfigError(
                f"--lr-scheduler {SCHEDULE}: it needs an optimizer with a group for the encoder, "
                f"the one given has none; add --optimizer {OPTIMIZER}, or use inverse_sqrt"
            )
        self.schedules = {
            name: InverseSquareRootSchedule(options, _RateOfGroup(optimizer, name))
            for name, options in _options_of_groups(cfg).items()
        }

    def step(self, epoch: int, val_loss: Optional[float] = None) -> float:
        """Keep the rates at the end of an epoch; returns that of the rest."""
        super().step(epoch, val_loss)
        return float(self.schedules[REST].lr)

    def step_update(self, num_updates: int) -> float:
        """Set both rates after an update, log the encoder's; returns that of the rest."""
        rates = {
            name: float(each.step_update(num_updates)) for name, each in self.schedules.items()
        }
        # fairseq logs what is returned as `lr`, with these same arguments.
        metrics.log_scalar("lr_encoder", rates[ENCODER], weight=0, priority=300)
        return rates[REST]


def _options_of_groups(
    cfg: GroupedInverseSqrtConfig,
) -> dict[str, InverseSquareRootLRScheduleConfig]:
    rates = list(cfg.lr) if isinstance(cfg.lr, Collection) else [cfg.lr]
    if len(rates) != 1:
        raise ConfigError(
            f"--lr: --lr-scheduler {SCHEDULE} needs one peak rate, {len(rates)} are given; "
            "give one, and the encoder's as --encoder-lr"
        )
    if cfg.encoder_lr is None:
        raise ConfigError(
            f"--encoder-lr: --lr-scheduler {SCHEDULE} needs the encoder's peak rate, none is "
            "given; add --encoder-lr, or use inverse_sqrt with --optimizer adam"
        )
    peaks = {REST: float(rates[0]), ENCODER: cfg.encoder_lr}
    warmup = {REST: cfg.warmup_updates, ENCODER: cfg.warmup_updates}
    if cfg.encoder_warmup_updates is not None:
        warmup[ENCODER] = cfg.encoder_warmup_updates
    if min(warmup.values()) < 1:
        flag = "--warmup-updates" if cfg.warmup_updates < 1 else "--encoder-warmup-updates"
        raise ConfigError(
            f"{flag}: --lr-scheduler {SCHEDULE} needs at least 1 update, "
            f"{min(warmup.values())} given; give the number after which the rate is highest"
        )
    return {
        name: InverseSquareRootLRScheduleConfig(
            warmup_updates=warmup[name], warmup_init_lr=cfg.warmup_init_lr, lr=[peaks[name]]
        )
        for name in (REST, ENCODER)
    }

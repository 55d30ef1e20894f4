"""Optimizer `grouped_adam`: fairseq's Adam with one group for the encoder and one for the rest.

Bai et al. (2021), ACL 2021, section 5.2: the pretrained encoder and the decoder are trained at
different rates. fairseq's composite optimizer can do this, but cannot be given on its command line.
Which parameter belongs where, the task has marked (`modules.parameter_groups`); the rates are the
schedule's (`optim.grouped_inverse_sqrt`). The numbers are those of fairseq's Adam, betas, epsilon
and decay are the same for both groups.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Optional

from fairseq.optim import register_optimizer
from fairseq.optim.adam import FairseqAdam, FairseqAdamConfig
from torch import nn

from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.modules.parameter_groups import ENCODER, REST, are_marked, group_of

logger = logging.getLogger(__name__)

NAME = "grouped_adam"
SCHEDULE = "grouped_inverse_sqrt"

# The key of torch's parameter groups under which the schedule finds its group; it is saved with
# the optimizer's state.
GROUP_KEY = "name"

NEEDS_THEM_APART = (
    f"--optimizer {NAME}: it needs the parameters apart to give them their rates, --fp16 joins "
    "them to one; add --fp16-no-flatten-grads, or use bf16"
)


@dataclass
class GroupedAdamConfig(FairseqAdamConfig):
    """fairseq's options of Adam."""


@register_optimizer(NAME, dataclass=GroupedAdamConfig)
class GroupedAdam(FairseqAdam):
    """fairseq's Adam on the groups "rest" and "encoder", in this order.

    The first group's rate is what fairseq takes for the optimizer's.
    """

    def __init__(self, cfg: GroupedAdamConfig, params: Sequence[nn.Parameter]):
        """Sort parameters into groups.

        Raises:
            ConfigError: --fp16 has joined the parameters to one; no task of ours has marked them;
                one of the groups is empty.
        """
        if len(params) == 1:
            raise ConfigError(NEEDS_THEM_APART)
        if not are_marked(params):
            raise ConfigError(
                f"--optimizer {NAME}: it needs parameters that a task has marked as the encoder's "
                "or not, none is; add --task cross_lingual_summarization, or use --optimizer adam"
            )
        groups = {
            name: [parameter for parameter in params if group_of(parameter) == name]
            for name in (REST, ENCODER)
        }
        for name, members in groups.items():
            if not members:
                raise ConfigError(
                    f"--optimizer {NAME}: both groups must have parameters to train, group "
                    f"{name!r} has none; use --optimizer adam"
                )
        super().__init__(
            cfg, [{"params": members, GROUP_KEY: name} for name, members in groups.items()]
        )
        self._in_order = list(params)
        sizes = {name: sum(p.numel() for p in members) for name, members in groups.items()}
        logger.info("parameters in groups: encoder %d, rest %d", sizes[ENCODER], sizes[REST])

    @property
    def params(self) -> Iterator[nn.Parameter]:
        """The parameters in the model's order, so that the gradient's norm is fairseq's own."""
        yield from self._in_order

    @property
    def supports_flat_params(self) -> bool:
        """No: a flat parameter has no groups."""
        return False

    def set_lr(self, lr: float) -> NoReturn:
        """Refuse one rate for all.

        Raises:
            ConfigError: always; only schedules of a single rate call this.
        """
        raise ConfigError(
            f"--optimizer {NAME}: it needs a schedule that gives each group its rate, the one given"
            f" has a single rate; add --lr-scheduler {SCHEDULE}, or use --optimizer adam"
        )

    def load_state_dict(
        self, state_dict: dict[str, Any], optimizer_overrides: Optional[dict[str, Any]] = None
    ) -> None:
        """Load moments and step counts of both groups.

        Raises:
            CheckpointError: the state is that of an optimizer with other groups.
        """
        own = _shape(self.param_groups)
        found = _shape(state_dict["param_groups"])
        if found != own:
            raise CheckpointError(
                f"checkpoint: its optimizer's groups must be {_words(own)} parameters, they are "
                f"{_words(found)}; train on with the --optimizer and the frozen parts it was "
                "trained with, or add --reset-optimizer"
            )
        super().load_state_dict(state_dict, optimizer_overrides)


def _shape(groups: Sequence[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(str(group.get(GROUP_KEY, "all")), len(group["params"])) for group in groups]


def _words(shape: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name} of {size}" for name, size in shape)

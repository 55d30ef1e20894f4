"""Every change that the plugin makes to the program around it, in one list with its reason.

fairseq's functions are wrapped (none is rewritten) when the plugin is registered, for this process;
nothing outside this folder changes anything of fairseq's. docs/overview.md shows this list.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Union

import torch
from fairseq import checkpoint_utils, modules, scoring, tasks
from fairseq.distributed import utils as distributed_utils
from fairseq.file_io import PathManager
from fairseq.optim import FP16Optimizer

from mclas_fairseq.checkpoints.safe_loading import fairseq_types
from mclas_fairseq.host.atomic_copies import atomic
from mclas_fairseq.host.broadcast import in_plain_containers
from mclas_fairseq.host.clear_errors import with_checked_settings, with_clear_errors
from mclas_fairseq.host.cpu_activation import without_a_copy_on_a_cpu
from mclas_fairseq.host.cpu_attention import in_fp32_where_bf16_trains_on_a_cpu
from mclas_fairseq.host.cpu_products import with_even_rows
from mclas_fairseq.host.flat_parameters import refusing_flat_parameters
from mclas_fairseq.host.foreign_tasks import refusing_our_data_bins
from mclas_fairseq.host.generation_log import logging_where_it_prints, modules_of_generate
from mclas_fairseq.host.missing_files import found_for_decoding
from mclas_fairseq.host.one_line_errors import in_one_line
from mclas_fairseq.host.scorer_feed import with_dictionary
from mclas_fairseq.host.training_start import alone_and_unfinished
from mclas_fairseq.host.unneeded_parts import UNNEEDED, UNUSED, USED
from mclas_fairseq.host.wrapping import wrap_once


@dataclass(frozen=True)
class Wrapped:
    """A function of the host's with one of ours around it.

    Attributes:
        owner: the module or class that holds it.
        name: its name there.
        wrap: takes the host's function, returns ours, which calls it.
        reason: what would happen without.
    """

    owner: Any
    name: str
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
    reason: str

    @property
    def what(self) -> str:
        """What is changed, as in "fairseq.file_io.PathManager.copy"."""
        if isinstance(self.owner, type):
            return f"{self.owner.__module__}.{self.owner.__qualname__}.{self.name}"
        return f"{self.owner.__name__}.{self.name}"

    def make(self) -> None:
        """Make the change; done twice, it does no more."""
        wrap_once(self.owner, self.name, self.wrap)


@dataclass(frozen=True)
class Allowed:
    """Types that torch's safe loader may build from a checkpoint.

    Attributes:
        what: what they are.
        types: the types, or pairs of one and the name that it was stored under.
        reason: what would happen without.
    """

    what: str
    types: Iterable[Any]
    reason: str

    def make(self) -> None:
        """Make the change; done twice, it does no more."""
        torch.serialization.add_safe_globals(list(self.types))


@dataclass(frozen=True)
class LeftOut:
    """Modules that are not imported with fairseq.

    Attributes:
        what: which.
        reason: what would happen without.
    """

    what: str
    reason: str

    def make(self) -> None:
        """Nothing: `mclas_fairseq.register` did it while it imported fairseq, if it did."""


def _used() -> str:
    return ", ".join(f"{package} ({', '.join(sorted(parts))})" for package, parts in USED.items())


CHANGES: tuple[Union[LeftOut, Wrapped, Allowed], ...] = (
    LeftOut(
        f"for load() alone: {', '.join(UNNEEDED)}",
        "load() would import scikit-learn, scipy and pandas before it begins",
    ),
    LeftOut(
        f"for mclas alone: what is not named here of {_used()}; {' and '.join(UNUSED)}",
        "the same, and each command would import models for speech before it begins",
    ),
    Allowed(
        "types of torch.load: what fairseq stores",
        fairseq_types(),
        "torch's safe loader would refuse each checkpoint of fairseq-train",
    ),
    Allowed(
        "types of torch.load: a tensor's placeholder",
        [distributed_utils._TensorPlaceholder],  # an integer, while the tensor is sent apart
        "a checkpoint could not be handed to the other processes of a training",
    ),
    Wrapped(
        distributed_utils,
        "broadcast_object",
        in_plain_containers,
        "the other processes would be sent omegaconf objects, which torch's safe loader refuses",
    ),
    Wrapped(
        checkpoint_utils,
        "load_checkpoint_to_cpu",
        with_checked_settings,
        "a damaged or unsafe checkpoint would end in sixty lines of traceback, and fairseq would"
        " evaluate what its settings say",
    ),
    Wrapped(
        checkpoint_utils,
        "load_ema_from_checkpoint",
        with_clear_errors,
        "the same, for averaged weights",
    ),
    Wrapped(
        checkpoint_utils,
        "load_model_ensemble_and_task",
        found_for_decoding,
        "a missing checkpoint would end in a traceback",
    ),
    Wrapped(
        checkpoint_utils,
        "load_checkpoint",
        alone_and_unfinished,
        "training would silently start from scratch where --restore-file is missing, go on after"
        " --max-update, and mix its checkpoints with those of another training",
    ),
    Wrapped(
        PathManager,
        "copy",
        atomic,
        "a training killed while it copies checkpoint_last.pt could not be started again",
    ),
    Wrapped(
        tasks,
        "setup_task",
        refusing_our_data_bins,
        "without --task, a data-bin of ours would be said to lack dict.document.txt",
    ),
    Wrapped(
        scoring,
        "build_scorer",
        with_dictionary,
        "the scorer rouge would see two strings a document, and not all references",
    ),
    Wrapped(
        FP16Optimizer,
        "build_fp32_params",
        refusing_flat_parameters,
        "with --fp16, grouped_adam would find one flat parameter, without its groups",
    ),
    Wrapped(
        torch.nn.functional,
        "scaled_dot_product_attention",
        in_fp32_where_bf16_trains_on_a_cpu,
        "training by --bf16 on a CPU would wait for attention, whose backward pass torch computes"
        " more slowly in bf16 than in fp32 there",
    ),
    Wrapped(
        torch.nn.functional,
        "linear",
        with_even_rows,
        "in bf16 on a CPU a kernel would be compiled and kept for each number of rows",
    ),
    Wrapped(
        modules,
        "gelu",
        without_a_copy_on_a_cpu,
        "in bf16 on a CPU the widest states would be kept in fp32 as well for the backward pass",
    ),
    *(
        Wrapped(
            torch,
            name,
            in_fp32_where_bf16_trains_on_a_cpu,
            "in a training by --bf16 on a CPU a kernel would be compiled and kept for each shape",
        )
        for name in ("bmm", "baddbmm")
    ),
    *(
        Wrapped(
            module,
            "_main",
            logging_where_it_prints,
            "fairseq-generate would log to standard error, apart from its hypotheses",
        )
        for module in modules_of_generate()
    ),
    Wrapped(
        sys,
        "excepthook",
        in_one_line,
        "an error of the user's would end fairseq's commands with sixty lines of traceback",
    ),
)


def make_changes() -> None:
    """Make all of them, in this process; done twice, it does no more."""
    for change in CHANGES:
        change.make()

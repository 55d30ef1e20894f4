"""What fairseq asks every task, the same for all of ours: dictionary, batches, updates."""

import argparse
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from fairseq.data import Dictionary
from fairseq.tasks import TASK_REGISTRY, FairseqTask

from mclas_fairseq.data.batch_limits import within_limits
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.indexed_dictionary import load_dictionary
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.task_options import set_search_defaults
from mclas_fairseq.modules.emulated_bf16 import warn_of_emulated_bf16
from mclas_fairseq.modules.frozen_updates import drop_frozen_gradients
from mclas_fairseq.modules.heap import close_holes


class OneDictionaryTask(FairseqTask):
    """A task on a data-bin, whose sides have one dictionary.

    Attributes:
        prepared_by: the command that makes its data-bins.
        kind: what opens them.
        data_bin: texts, dictionary and tokenizer.
        dictionary: of all sides.
        dictionary_sha256: its fingerprint, which models keep.
    """

    prepared_by: ClassVar[str] = "mclas prepare"
    kind: ClassVar[type[DataBin]] = DataBin

    def __init__(self, cfg: Any, data_bin: DataBin):
        super().__init__(cfg)
        self.data_bin = data_bin
        self.dictionary = data_bin.dictionary
        self.dictionary_sha256 = data_bin.manifest.dictionary_sha256

    @classmethod
    def setup_task(cls, cfg: Any, **kwargs: Any) -> Self:
        """Open the data-bin that `data` names.

        Raises:
            ConfigError: it names none.
        """
        if not cfg.data:
            names = [name for name, task in TASK_REGISTRY.items() if task is cls]
            raise ConfigError(
                f"task {(*names, cls.__name__)[0]}: it needs a data-bin, none was given; name the"
                f" folder that {cls.prepared_by} wrote"
            )
        return cls(cfg, cls.kind.open(Path(cfg.data)))

    @classmethod
    def add_args(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the task's options; those of fairseq's search get the defaults that ours have."""
        super().add_args(parser)
        set_search_defaults(parser)

    @classmethod
    def load_dictionary(cls, filename: str) -> Dictionary:
        """Read a `dict.txt` for fairseq-preprocess, also one in a pretrained vocabulary's order."""
        return load_dictionary(Path(filename))

    @property
    def source_dictionary(self) -> Dictionary:
        """The one dictionary."""
        return self.dictionary

    @property
    def target_dictionary(self) -> Dictionary:
        """The one dictionary."""
        return self.dictionary

    def filter_indices_by_size(
        self,
        indices: np.ndarray,
        dataset: Any,
        max_positions: Any = None,
        ignore_invalid_inputs: bool = False,
    ) -> np.ndarray:
        """Refuse documents that no batch can hold; fairseq would leave them out of training.

        Raises:
            ConfigError: naming one, and the flags that help.
        """
        # Of training fairseq always says that they may be ignored.
        leave_out = ignore_invalid_inputs and dataset is not self.datasets.get("train")
        return within_limits(dataset, indices, max_positions, leave_out=leave_out)

    def begin_epoch(self, epoch: int, model: Any) -> None:
        """Look at the model about to be trained: its precision may not suit the processor."""
        super().begin_epoch(epoch, model)
        warn_of_emulated_bf16(model.parameters())

    def optimizer_step(self, optimizer: Any, model: torch.nn.Module, update_num: int) -> None:
        """Update the parameters, but those that are still frozen (--freeze-encoder-updates)."""
        drop_frozen_gradients(optimizer, model)
        super().optimizer_step(optimizer, model, update_num)
        close_holes(model, update_num)

"""A trained labeller: its checkpoint with a data-bin, ready to label."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from fairseq import checkpoint_utils
from torch import nn

from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.labelling.task import SequenceLabellingTask

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedLabeller:
    """A model and the task that it was trained on.

    Attributes:
        model: in evaluation mode.
        task: with the labels of the checkpoint, its languages all those of the data-bin.
    """

    model: nn.Module
    task: SequenceLabellingTask


def load_labeller(checkpoint: Path, data: Path, languages: Optional[str] = None) -> LoadedLabeller:
    """Load a checkpoint with the data-bin of its training, or one of the same dictionary and tags.

    Args:
        checkpoint: file.
        data: data-bin.
        languages: of validation and test sentences, as in en,de; None: all that there are.

    Raises:
        CheckpointError: the checkpoint is missing, unsafe, of another task, dictionary or tags.
        DataError: `data` is no data-bin of labelled sentences.
    """
    if not checkpoint.is_file():
        raise CheckpointError(f"checkpoint {checkpoint}: the file does not exist")
    changes: dict[str, Any] = {
        "data": str(data),
        # what is validated is chosen by its caller, and nothing is trained
        "train_langs": None,
        "valid_langs": languages,
        "train_folds": "",
    }
    models, _, task = checkpoint_utils.load_model_ensemble_and_task(
        [str(checkpoint)], arg_overrides=changes
    )
    if not isinstance(task, SequenceLabellingTask):
        raise CheckpointError(
            f"checkpoint {checkpoint}: must be of --task sequence_labelling, but is of"
            f" {type(task).__name__}; give one of that task"
        )
    logger.info("loaded %s", checkpoint)
    return LoadedLabeller(models[0].eval(), task)

"""A checkpoint whose heads are looked at: of a summarizer, or of a labeller."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from mclas_fairseq.errors import ConfigError

LABELLING = "sequence_labelling"
SUMMARIZATION = "cross_lingual_summarization"


def task_of(state: Mapping[str, Any]) -> str:
    """Name of the task by which a stored checkpoint's heads are judged."""
    cfg = state.get("cfg")
    task: Any = cfg.get("task") if isinstance(cfg, Mapping) else None
    values = task if isinstance(task, Mapping) else vars(task) if task is not None else {}
    name = values.get("_name") or values.get("task")
    return LABELLING if name == LABELLING else SUMMARIZATION


def load_system(checkpoint: Path, data: Path, languages: Optional[str] = None) -> tuple[Any, Any]:
    """Task and model of a checkpoint with the data-bin of its training.

    Args:
        checkpoint: file.
        data: data-bin.
        languages: of a labeller's sentences, as in en,de; None: all that there are.

    Raises:
        ConfigError: languages are chosen of a summarizer.
        CheckpointError: it is missing, unsafe, of another task or dictionary.
        DataError: `data` is no data-bin of its kind.
    """
    from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
    from mclas_fairseq.inference.loading import load_checkpoints
    from mclas_fairseq.labelling.loading import load_labeller

    if checkpoint.is_file() and task_of(load_checkpoint(checkpoint, mmap=True)) == LABELLING:
        labeller = load_labeller(checkpoint, data, languages)
        return labeller.task, labeller.model
    if languages is not None:
        raise ConfigError(
            f"--langs {languages}: chooses sentences of a labeller (--task sequence_labelling), but"
            f" {checkpoint} is none; leave it out"
        )
    system = load_checkpoints([checkpoint], data)
    return system.task, system.models[0]

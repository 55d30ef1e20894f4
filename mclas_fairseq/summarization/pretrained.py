"""Which pretrained encoder a training that goes on from a checkpoint has: the checkpoint's.

fairseq builds a model before it looks for a checkpoint to go on from. The weights come from that
checkpoint, and it carries the encoder's settings, so that the folder or the hub that the encoder
was taken from in the beginning is not asked again.
"""

import logging
from argparse import Namespace
from pathlib import Path
from typing import Any, Optional

from omegaconf import OmegaConf, open_dict

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.checkpoints.settings import UnfitSetting, check_encoder
from mclas_fairseq.errors import CheckpointError

logger = logging.getLogger(__name__)

_OPTION = "pretrained_config"
_LAST = "checkpoint_last.pt"  # fairseq's default of --restore-file


def recall_pretrained(model_options: Any, save_dir: str) -> None:
    """Take an encoder's settings over from the checkpoint that the training will go on from.

    Args:
        model_options: options of the model; on the command line those of everything.
        save_dir: folder of the checkpoints.

    Raises:
        CheckpointError: its settings are not those of an encoder, or of other weights than it has.
    """
    if getattr(model_options, _OPTION, None):
        return
    path = _starting_point(model_options, Path(save_dir))
    if path is None:
        return
    settings = _stored(path)
    if settings is None:
        return
    logger.info("the pretrained encoder is that of %s", path)
    if OmegaConf.is_config(model_options):
        with open_dict(model_options):
            model_options[_OPTION] = settings
    else:
        setattr(model_options, _OPTION, settings)


def _starting_point(options: Any, save_dir: Path) -> Optional[Path]:
    """The file that fairseq will load, as fairseq.checkpoint_utils.load_checkpoint chooses it."""
    restored = getattr(options, "restore_file", None) or _LAST
    if restored != _LAST:
        return Path(restored) if Path(restored).is_file() else None
    if (save_dir / _LAST).is_file():
        return save_dir / _LAST
    tuned = getattr(options, "finetune_from_model", None)
    return Path(tuned) if tuned and Path(tuned).is_file() else None


def _stored(path: Path) -> Optional[str]:
    state = load_checkpoint(path, mmap=True)
    cfg = state.get("cfg")
    options: Any = cfg.get("model") if isinstance(cfg, dict) else None
    values = vars(options) if isinstance(options, Namespace) else options
    stored = values.get(_OPTION) if isinstance(values, dict) else None
    weights = state.get("model")
    if stored is None or not isinstance(weights, dict):
        return None  # what else is wrong is said when all of it is loaded
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    try:
        return check_encoder(stored, shapes)
    except UnfitSetting as error:
        raise CheckpointError(
            f"checkpoint {path}: must be as fairseq-train wrote it, but among its settings {error};"
            " get it again from its maker"
        ) from error

"""What a training that goes on from a checkpoint has of it: pretrained encoder, missing heads.

fairseq builds a model before it looks for a checkpoint to go on from. The weights come from that
checkpoint, and it carries the encoder's settings, so that the folder or the hub that the encoder
was taken from in the beginning is not asked again. Heads that were taken out of it
(`mclas heads prune`) are none of the model's that goes on from it, either.
"""

import logging
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from fairseq.models import ARCH_MODEL_REGISTRY
from omegaconf import OmegaConf, open_dict

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.checkpoints.settings import UnfitSetting, check_encoder, check_heads
from mclas_fairseq.errors import CheckpointError

logger = logging.getLogger(__name__)

_ENCODER = "pretrained_config"
_HEADS = "pruned_heads"
_LAST = "checkpoint_last.pt"  # fairseq's default of --restore-file


def recall_pretrained(model_options: Any, save_dir: str) -> None:
    """Take an encoder's settings over from the checkpoint that the training will go on from.

    Args:
        model_options: options of the model; on the command line those of everything.
        save_dir: folder of the checkpoints.

    Raises:
        CheckpointError: its settings are not those of an encoder, or of other weights than it has.
    """
    if getattr(model_options, _ENCODER, None) and getattr(model_options, _HEADS, None):
        return
    path = _starting_point(model_options, Path(save_dir))
    if path is None:
        return
    stored, shapes = _stored(path)
    if stored.get(_ENCODER) is not None and not getattr(model_options, _ENCODER, None):
        settings = _checked(path, lambda: check_encoder(stored[_ENCODER], shapes))
        logger.info("the pretrained encoder is that of %s", path)
        _set(model_options, _ENCODER, settings)
    if stored.get(_HEADS) is not None and not getattr(model_options, _HEADS, None):
        heads = _checked(path, lambda: check_heads(stored[_HEADS]))
        if _has_two(model_options) and not any(name.startswith("ms_decoder.") for name in shapes):
            heads = _of_both(heads)
        logger.info("without heads, as %s: %s", path, heads)
        _set(model_options, _HEADS, heads)


def _set(model_options: Any, name: str, value: str) -> None:
    if OmegaConf.is_config(model_options):
        with open_dict(model_options):
            model_options[name] = value
    else:
        setattr(model_options, name, value)


def _has_two(model_options: Any) -> bool:
    name = getattr(model_options, "_name", None) or getattr(model_options, "arch", None)
    return bool(getattr(ARCH_MODEL_REGISTRY.get(name), "two_decoders", False))


def _of_both(heads: str) -> str:
    """Heads of one decoder as those of the two that start from it."""
    names = heads.split(",")
    return ",".join([*names, *(f"ms_{name}" for name in names if name.startswith("decoder."))])


def _starting_point(options: Any, save_dir: Path) -> Optional[Path]:
    """The file that fairseq will load, as fairseq.checkpoint_utils.load_checkpoint chooses it."""
    restored = getattr(options, "restore_file", None) or _LAST
    if restored != _LAST:
        return Path(restored) if Path(restored).is_file() else None
    if (save_dir / _LAST).is_file():
        return save_dir / _LAST
    tuned = getattr(options, "finetune_from_model", None)
    return Path(tuned) if tuned and Path(tuned).is_file() else None


def _stored(path: Path) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """Settings of a checkpoint's model and shapes of its weights; none where there are none."""
    state = load_checkpoint(path, mmap=True)
    cfg = state.get("cfg")
    options: Any = cfg.get("model") if isinstance(cfg, dict) else None
    values = vars(options) if isinstance(options, Namespace) else options
    weights = state.get("model")
    if not isinstance(values, dict) or not isinstance(weights, dict):
        return {}, {}  # what else is wrong is said when all of it is loaded
    return values, {name: tuple(value.shape) for name, value in weights.items()}


def _checked(path: Path, check: Callable[[], str]) -> str:
    try:
        return check()
    except UnfitSetting as error:
        raise CheckpointError(
            f"checkpoint {path}: must be as fairseq-train wrote it, but among its settings {error};"
            " get it again from its maker"
        ) from error

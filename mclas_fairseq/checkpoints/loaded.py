"""A checkpoint that was read: its parts are what they must be, its settings what they may be.

torch's safe loader lets plain values through, whatever they say. What is built and opened because
of them is decided by fairseq, so they are looked at before it goes on.
"""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from fairseq import checkpoint_utils
from fairseq.tasks import TASK_REGISTRY
from omegaconf import DictConfig, OmegaConf, flag_override

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.checkpoints.settings import UnfitSetting, check_sizes, is_known, settle
from mclas_fairseq.errors import CheckpointError

_FAIRSEQ_TASK = "translation"
# Of the task: files and models of a training, which nobody needs who only decodes.
_TASK_FILES = ("mt_data", "ms_data", "rouge_tokenizer")
# Scores at validation: fairseq's builds tokenizers by name, ours may need the file that is dropped.
_TASK_SCORES = ("eval_rouge", "eval_bleu")
_ANOTHER = (
    "give another checkpoint (if you trust its maker, fairseq's own commands read it without this"
    " package)"
)
_AGAIN = "get it again from its maker, or give another checkpoint of the same run"


def load_mapped(path: Union[str, Path], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What `checkpoint_utils.load_checkpoint_to_cpu` returns, its tensors mapped from the file.

    fairseq's function reads all of them, those of the optimizer as well; here a tensor is in memory
    when it is used. A checkpoint of fairseq before 0.10, which has `args`, is read by that
    function.

    Raises:
        CheckpointError: as `load_checkpoint` and `check_loaded`.
    """
    state = load_checkpoint(path, mmap=True)
    if state.get("cfg") is None:
        loaded: dict[str, Any] = checkpoint_utils.load_checkpoint_to_cpu(str(path), dict(overrides))
        return loaded
    state["cfg"] = OmegaConf.create(state["cfg"], flags={"allow_objects": True})
    checkpoint_utils.overwrite_args_by_name(state["cfg"], overrides)
    return check_loaded(path, checkpoint_utils._upgrade_state_dict(state))


def check_loaded(path: Union[str, Path], state: Any) -> dict[str, Any]:
    """Check what fairseq's loader made of a checkpoint; its settings are replaced by checked ones.

    Args:
        path: the file, for messages.
        state: what `checkpoint_utils.load_checkpoint_to_cpu` returns; its `cfg` is changed.

    Raises:
        CheckpointError: a part is missing or of another kind, the architecture or the task is one
            that is not built from a checkpoint, or a setting is not of its type and range.
    """
    problem = _wrong_part(state)
    if problem:
        raise _damaged(path, problem)
    cfg = state.get("cfg")
    if isinstance(cfg, DictConfig):
        _replace_model(path, cfg, state["model"])
        _strip_task(path, cfg)
        # From the namespace of an old checkpoint fairseq has made cfg, and would make it once more.
        state["args"] = None
    found: dict[str, Any] = state
    return found


def _wrong_part(state: Any) -> Optional[str]:
    """The first part that is not as fairseq-train writes it."""
    if not isinstance(state, dict):
        return f"it holds a {type(state).__name__}"
    weights = state.get("model")
    if not isinstance(weights, Mapping) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in weights.items()
    ):
        return "its weights (model) are no named tensors"
    history = state.get("optimizer_history")
    if not isinstance(history, list) or not history or not isinstance(history[-1], dict):
        return "its optimizer_history is no list of updates"
    if type(history[-1].get("num_updates", 0)) is not int:
        return "its number of updates (num_updates) is no whole number"
    extra = state.get("extra_state")
    if not isinstance(extra, dict) or not isinstance(extra.get("train_iterator"), dict):
        return "its extra_state has no place in the data (train_iterator)"
    place = extra["train_iterator"]
    if type(place.get("epoch")) is not int or type(place.get("iterations_in_epoch", 0)) is not int:
        return "its place in the data (train_iterator) is no number of epochs and updates"
    for name in ("best", "val_loss", "previous_training_time"):
        if not _is_number(extra.get(name)):
            return f"its {name} is no number"
    if not isinstance(state.get("task_state", {}), dict):
        return "its task_state is no dictionary"
    cfg = state.get("cfg")
    if cfg is not None and (not isinstance(cfg, DictConfig) or "model" not in cfg):
        return "its settings (cfg) have no model"
    return None


def _replace_model(path: Union[str, Path], cfg: DictConfig, weights: Mapping[str, Any]) -> None:
    given = _plain(cfg["model"])
    if given is None:
        raise _damaged(path, "the settings of its model (cfg.model) are none")
    architecture: Any = given.get("_name") or given.get("arch")
    if not is_known(architecture):
        raise CheckpointError(
            f"checkpoint {path}: its architecture must be one of this package or fairseq's"
            f" transformer, as settings of others can run programs, but is {architecture!r:.100};"
            f" {_ANOTHER}"
        )
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    try:
        settled = settle(architecture, given)
        check_sizes(settled, shapes)
    except UnfitSetting as error:
        raise _damaged(path, f"among its settings {error}") from error
    model = Namespace(**settled, _name=architecture, arch=architecture)
    with flag_override(cfg, ["struct", "readonly", "allow_objects"], [False, False, True]):
        cfg["model"] = model


def _strip_task(path: Union[str, Path], cfg: DictConfig) -> None:
    task = _plain(cfg.get("task"))
    if task is None:
        raise _damaged(path, "the settings of its task (cfg.task) are none")
    name = task.get("_name") or task.get("task")
    known = TASK_REGISTRY.get(name) if isinstance(name, str) else None
    ours = known is not None and known.__module__.partition(".")[0] == "mclas_fairseq"
    if not ours and name != _FAIRSEQ_TASK:
        raise CheckpointError(
            f"checkpoint {path}: its task must be one of this package or fairseq's {_FAIRSEQ_TASK},"
            f" but is {name!r:.100}; {_ANOTHER}"
        )
    # With the protocol's tokenizer goes what needs it; `fairseq-validate` scores by the others.
    scores = _TASK_SCORES if not ours or task.get("rouge_tokenizer") else ()
    node = cfg["task"]
    if isinstance(node, DictConfig):
        with flag_override(node, ["struct", "readonly"], [False, False]):
            for option in (*_TASK_FILES, *scores):
                if option in node:
                    node[option] = None if option in _TASK_FILES else False


def _is_number(value: Any) -> bool:
    """Whether it is a number or absent; of several processes fairseq adds times up in a tensor."""
    if isinstance(value, torch.Tensor):
        return value.numel() == 1
    return isinstance(value, (int, float, np.number, type(None)))


def _plain(node: Any) -> Optional[dict[str, Any]]:
    """Settings as a dictionary, nothing in them looked up (`${...}`); None where they are none."""
    if isinstance(node, Namespace):
        return vars(node)
    if isinstance(node, DictConfig):
        content: Any = OmegaConf.to_container(node, resolve=False)
        return content if isinstance(content, dict) else None
    return None


def _damaged(path: Union[str, Path], problem: str) -> CheckpointError:
    return CheckpointError(
        f"checkpoint {path}: must be as fairseq-train wrote it, but {problem}; {_AGAIN}"
    )

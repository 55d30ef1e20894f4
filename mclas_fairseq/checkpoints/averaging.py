"""Averaging the weights of several checkpoints of one training.

The mean of the last few checkpoints, or of the best ones, often decodes better than any of them
(Popel and Bojar 2018, "Training Tips for the Transformer Model", section 4.10): it smooths out what
the last updates happened to see. fairseq has a script for it that its package does not install, and
that reads checkpoints without care.

Here checkpoints pass through the safe loader one at a time; weights are added up in float64 and
stored in their own type. Everything else is taken from the checkpoint with the most updates, but
for what is not true of an average: state of the optimizer, scores, meters.

Place in the pipeline: between fairseq-train and fairseq-generate or `mclas summarize`; also
`fairseq-train --finetune-from-model`.
"""

import logging
import os
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import torch
from torch import Tensor

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.corpus.unfinished import unfinished_file
from mclas_fairseq.errors import CheckpointError

logger = logging.getLogger(__name__)

PROVENANCE = "averaged_from"  # in extra_state: what the average was made of
# fairseq's marks of a module's format: numbers, but not weights.
_FORMAT_MARK = "version"
_SETTINGS = (
    *("arch", "_name", "task", "activation_fn", "copy_attention", "layernorm_embedding"),
    "translated_copying",
    *("no_token_positional_embeddings", "no_scale_embedding", "no_cross_attention"),
    *("cross_self_attention", "max_source_positions", "max_target_positions"),
    *("pretrained_config", "sentence_segments", "pruned_heads"),
)
_SETTINGS_OF_SIDES = ("encoder_", "decoder_", "share_")
_NOT_ARCHITECTURE = ("drop", "path", "freeze")  # of the settings of sides: how it is trained
_KEPT_EXTRA = ("train_iterator",)  # all that fairseq needs to load a checkpoint


def average_checkpoints(paths: Sequence[Path]) -> dict[str, Any]:
    """Make the checkpoint whose weights are the mean of those of `paths`.

    Args:
        paths: checkpoints of one training, at least one, in any order.

    Returns:
        A checkpoint as fairseq stores it, without the state of an optimizer; its
        `extra_state["averaged_from"]` lists files and numbers of updates.

    Raises:
        CheckpointError: one cannot be read, is of another architecture or dictionary than the
            first, has other weights by name, shape or type, or weights that are not finite.
    """
    assert paths, "nothing to average"
    first: Optional[dict[str, Any]] = None
    newest: dict[str, Any] = {}
    sums: dict[str, Tensor] = {}
    made_of = []
    for path in paths:
        state = load_checkpoint(path, mmap=True)
        _check_parts(path, state)
        state.pop("last_optimizer_state", None)  # twice the size of the weights
        if first is None:
            first = newest = state
            sums = {name: _as_sum(value) for name, value in state["model"].items()}
        else:
            _check_same(paths[0], first, path, state)
            _add(sums, state["model"])
        _check_finite(path, sums)
        made_of.append({"file": path.name, "num_updates": updates_of(state)})
        if updates_of(state) > updates_of(newest):
            newest = state
        logger.info("read %s (%d updates)", path, made_of[-1]["num_updates"])
    return _assemble(newest, _means(sums, newest["model"], len(paths)), made_of)


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint that appears at `path` only once it is complete and on disk."""
    with unfinished_file(path) as temporary:
        with temporary.open("wb") as stream:
            torch.save(state, stream)  # to a stream: the bytes do not depend on the file's name
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)


def updates_of(state: Mapping[str, Any]) -> int:
    """The number of updates after which a checkpoint was saved."""
    history = state.get("optimizer_history") or [{}]
    return int(history[-1].get("num_updates", 0))


def _check_parts(path: Path, state: Mapping[str, Any]) -> None:
    lacking = [name for name in ("model", "optimizer_history", "extra_state") if name not in state]
    if lacking or not isinstance(state["model"], dict):
        raise CheckpointError(
            f"checkpoint {path}: must be one that fairseq-train wrote, but lacks"
            f" {', '.join(lacking) or 'its weights'}; give a checkpoint of fairseq's"
        )


def _check_same(first_path: Path, first: dict[str, Any], path: Path, other: dict[str, Any]) -> None:
    """Name the first thing in which two checkpoints differ though an average needs it equal."""
    for what, ours, theirs in _differences(first, other):
        raise CheckpointError(
            f"checkpoint {path}: must have the same {what} as {first_path} to be averaged with it,"
            f" but has {_shorten(theirs)} where that has {_shorten(ours)}; average checkpoints of"
            " one training only"
        )


def _differences(
    first: Mapping[str, Any], other: Mapping[str, Any]
) -> Iterator[tuple[str, object, object]]:
    yield from _unequal("", _task_state(first), _task_state(other))
    yield from _unequal("setting ", _settings(first), _settings(other))
    weights, others = first["model"], other["model"]
    for name in dict.fromkeys([*weights, *others]):
        ours = _describe(weights.get(name))
        theirs = _describe(others.get(name))
        if ours != theirs:
            yield f"weights {name}", ours, theirs
        elif not _is_averaged(name, weights[name]) and not torch.equal(weights[name], others[name]):
            yield f"values of {name}", "other ones", "ones of its own"


def _unequal(
    kind: str, first: Mapping[str, object], other: Mapping[str, object]
) -> Iterator[tuple[str, object, object]]:
    for name in dict.fromkeys([*first, *other]):
        if first.get(name) != other.get(name):
            yield f"{kind}{name}", first.get(name), other.get(name)


def _task_state(state: Mapping[str, Any]) -> Mapping[str, object]:
    """The dictionary's fingerprint first: where it differs, the rest does so as well."""
    task_state = dict(state.get("task_state") or {})
    sha256 = task_state.pop("dictionary_sha256", None)
    return {"dictionary (SHA-256)": sha256, **task_state}


def _settings(state: Mapping[str, Any]) -> dict[str, object]:
    """What defines the architecture beside the shapes of its weights."""
    cfg = state.get("cfg") or {}
    model: Any = cfg.get("model") or state.get("args") or {}
    values: Mapping[str, object] = vars(model) if isinstance(model, Namespace) else model
    return {name: value for name, value in values.items() if _is_setting(name)}


def _is_setting(name: str) -> bool:
    of_a_side = name.startswith(_SETTINGS_OF_SIDES)
    return name in _SETTINGS or (of_a_side and not any(part in name for part in _NOT_ARCHITECTURE))


def _describe(value: Optional[Tensor]) -> str:
    if value is None:
        return "none of that name"
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def _shorten(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _is_averaged(name: str, value: Tensor) -> bool:
    """Whole numbers (fingerprints, counts) and marks of a format must be equal instead."""
    return value.is_floating_point() and name.split(".")[-1] != _FORMAT_MARK


def _as_sum(value: Tensor) -> Tensor:
    return value.to(torch.float64) if value.is_floating_point() else value.clone()


def _add(sums: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    for name, value in weights.items():
        if _is_averaged(name, value):
            sums[name].add_(value)


def _check_finite(path: Path, sums: Mapping[str, Tensor]) -> None:
    for name, value in sums.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError(
                f"checkpoint {path}: its weights must be finite to be averaged, but {name} holds"
                " infinities or not-a-number; leave it out: its training has diverged"
            )


def _means(sums: Mapping[str, Tensor], like: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """Divide, in the types of `like`; tensors that are one there (tied) are one here again."""
    means: dict[str, Tensor] = {}
    by_storage: dict[tuple[int, tuple[int, ...]], str] = {}
    for name, value in like.items():
        mean = sums[name]
        if _is_averaged(name, value):
            mean = mean.div(count)
        mean = mean.to(value.dtype)
        tied_to = by_storage.setdefault((value.data_ptr(), tuple(value.shape)), name)
        is_tied = tied_to != name and torch.equal(mean, means[tied_to])
        means[name] = means[tied_to] if is_tied else mean
    return means


def _assemble(
    newest: Mapping[str, Any], weights: dict[str, Tensor], made_of: list[dict[str, Any]]
) -> dict[str, Any]:
    dropped = ("model", "last_optimizer_state", "extra_state", "fsdp_metadata")
    state = {name: value for name, value in newest.items() if name not in dropped}
    extra = {
        name: newest["extra_state"][name] for name in _KEPT_EXTRA if name in newest["extra_state"]
    }
    return {**state, "model": weights, "extra_state": {**extra, PROVENANCE: made_of}}

"""A checkpoint without the embedding rows of dictionary entries that were dropped.

Which tensors have a row an entry is found by building the model for the smaller dictionary, as
`extending.py` does for a larger one: tied and untied embeddings, one decoder or two. The rows that
stay are the same bits.

Under the restriction to language vocabularies (`--restrict-vocab both`) a trimmed model writes what
it wrote: probabilities are taken over the entries that a summary may hold, and all of those stay.
A model that copies from the document (`--copy-attention`) mixes probabilities over the whole
dictionary before the restriction, so that dropping entries shifts the mixture a little.

Place in the pipeline: `mclas trim`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mclas_fairseq.checkpoints.extending import (
    build_model_for,
    stamp,
    tensors_with_rows,
    without_training,
)
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.trimming import Trimming
from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.modules.fingerprint import BUFFER
from mclas_fairseq.modules.lexicon_weights import trim_lexicons

PROVENANCE = "trimmed_from"  # in extra_state: what was trimmed


def read_state(path: Path, data_bin: DataBin) -> dict[str, Any]:
    """Read a checkpoint that was trained with the dictionary of a data-bin.

    Raises:
        CheckpointError: it cannot be read, or has another dictionary or none.
    """
    state = load_checkpoint(path)
    task_state = state.get("task_state") or {}
    sha256 = task_state.get("dictionary_sha256")
    weights = state.get("model") or {}
    if BUFFER not in weights or not isinstance(task_state.get("vocabularies"), dict):
        raise CheckpointError(
            f"checkpoint {path}: must carry the fingerprint of its dictionary and its language"
            " vocabularies, but does not; give one that fairseq-train wrote with a task and an"
            " architecture of this plugin"
        )
    if sha256 != data_bin.manifest.dictionary_sha256:
        raise CheckpointError(
            f"checkpoint {path}: was trained with another dictionary ({str(sha256)[:12]}) than that"
            f" of {data_bin.folder} ({data_bin.manifest.dictionary_sha256[:12]}); give the data-bin"
            " that it was trained on, or one made with mclas prepare --like"
        )
    return state


def trim_state(
    path: Path, state: Mapping[str, Any], trimming: Trimming, trimmed: DataBin
) -> dict[str, Any]:
    """Take the rows of dropped entries out of a checkpoint.

    Args:
        path: of the checkpoint, for messages and to build its architecture.
        state: what `read_state` gave.
        trimming: which entries stay.
        trimmed: the data-bin that has those alone.

    Returns:
        As fairseq stores it, without the state of an optimizer.

    Raises:
        CheckpointError: its weights do not fit its architecture.
    """
    model = build_model_for(path, trimmed)
    entries = len(trimming.places)
    names = tensors_with_rows(path, state["model"], model.state_dict(), entries, len(trimming.kept))
    kept, places = map(torch.from_numpy, (trimming.kept, trimming.places))
    weights = _take_rows(state["model"], names, kept)
    weights.update(trim_lexicons(state["model"], kept, places))
    sha256 = trimmed.manifest.dictionary_sha256
    stamp(path, model, weights, sha256)
    vocabularies = state["task_state"]["vocabularies"]
    return {
        **without_training(state, {PROVENANCE: {"file": path.name, "entries": entries}}),
        "model": weights,
        "task_state": {
            **state["task_state"],
            "dictionary_sha256": sha256,
            "vocabularies": {code: trimming.move(ids) for code, ids in vocabularies.items()},
        },
    }


def weights_size(weights: Mapping[str, Tensor]) -> int:
    """Bytes of a checkpoint's weights; tensors that are one count once."""
    sizes = {(one.data_ptr(), tuple(one.shape)): one.nbytes for one in weights.values()}
    return sum(sizes.values())


def _take_rows(weights: Mapping[str, Tensor], names: list[str], kept: Tensor) -> dict[str, Tensor]:
    """Choose rows of the named tensors; tensors that are one (tied) are one afterwards."""
    taken: dict[str, Tensor] = {}
    by_storage: dict[tuple[int, tuple[int, ...]], Tensor] = {}
    for name, value in weights.items():
        if name not in names:
            taken[name] = value
            continue
        storage = (value.data_ptr(), tuple(value.shape))
        if storage not in by_storage:
            by_storage[storage] = value.index_select(0, kept)
        taken[name] = by_storage[storage]
    return taken

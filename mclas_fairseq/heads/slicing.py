"""A checkpoint without some of its attention heads, that loads as any other does.

The rows and columns of those heads are gone from its weights, and its settings say which they were
(`pruned_heads`): whoever builds the model builds it without them. Weights that stay are the same
bits. See `modules/attention_heads.py` for what a head's rows and columns are.

Place in the pipeline: `mclas heads prune`; then fairseq-train --finetune-from-model and all that
reads checkpoints.
"""

import hashlib
import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mclas_fairseq.checkpoints.extending import without_training
from mclas_fairseq.checkpoints.settings import UnfitSetting, check_heads
from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.modules.attention_heads import choose, place_of_weight, rows_of, split_name

OPTION = "pruned_heads"
_OF_TRAINING = "masked_heads"  # says what a training did, of a model that had those heads
PROVENANCE = "pruned_from"  # in extra_state: what heads were taken out of
_INPUTS = {
    "out_proj": ("q_proj", "k_proj", "v_proj"),
    "output.dense": ("self.query", "self.key", "self.value"),
}


@dataclass(frozen=True)
class StoredAttention:
    """An attention as a checkpoint holds it.

    Attributes:
        path: of its module.
        output: name of the output projection in it.
        kept: numbers of its heads, as the model had them at first.
        head_dim: size of a head's context.
    """

    path: str
    output: str
    kept: tuple[int, ...]
    head_dim: int


def stored_attentions(path: Path, state: Mapping[str, Any]) -> dict[str, StoredAttention]:
    """The attentions of a checkpoint by place, in the order of its weights.

    Raises:
        CheckpointError: it has none, or other weights than its settings say.
    """
    settings = _settings(path, state)
    weights: Mapping[str, Tensor] = state["model"]
    gone: dict[str, set[int]] = {}
    for name in _gone(path, settings):
        place, number = split_name(name)
        gone.setdefault(place, set()).add(number)
    found = {}
    for name, bias in weights.items():
        known = place_of_weight(name)
        if known is None:
            continue
        place, at = known
        heads = _heads(path, settings, place, len(bias))
        kept = tuple(number for number in range(heads) if number not in gone.get(place, ()))
        output = name.removeprefix(f"{at}.").removesuffix(".bias")
        found[place] = StoredAttention(at, output, kept, len(bias) // heads)
        _check(path, weights, place, found[place])
    if not found:
        raise CheckpointError(
            f"checkpoint {path}: must have attention heads of fairseq's Transformer or of a"
            " pretrained encoder, but has none; give one of a model of this package"
        )
    return found


def pointing_places(state: Mapping[str, Any], found: Mapping[str, StoredAttention]) -> set[str]:
    """Places whose first head says what is copied, as in `modules/attention_heads.py`."""
    decoders = {
        name.partition(".copy_gate.")[0] for name in state["model"] if ".copy_gate." in name
    }
    last: dict[str, int] = {}
    for place in found:
        owner, layer, kind = place.rsplit(".", 2)
        if owner in decoders and kind == "cross":
            last[owner] = max(int(layer), last.get(owner, 0))
    return {f"{owner}.{layer}.cross" for owner, layer in last.items()}


def prunable_heads(path: Path, state: Mapping[str, Any]) -> list[str]:
    """Names of the heads that can be taken out of a checkpoint."""
    found = stored_attentions(path, state)
    pointing = pointing_places(state, found)
    return [
        f"{place}.{number}"
        for place, attention in found.items()
        for number in attention.kept
        if place not in pointing or number != attention.kept[0]
    ]


def prune_state(path: Path, state: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Take heads out of a checkpoint.

    Args:
        path: of the checkpoint, for messages.
        state: as `load_checkpoint` gives it.
        names: of the heads, in any order.

    Returns:
        As fairseq stores it, without the state of an optimizer.

    Raises:
        CheckpointError: see `stored_attentions`.
        ConfigError: it has no such head, one is named twice, or is needed for copying.
    """
    found = stored_attentions(path, state)
    have = {place: attention.kept for place, attention in found.items()}
    lost = choose(have, names, pointing_places(state, found))
    weights = dict(state["model"])
    for place, numbers in lost.items():
        _slice(weights, found[place], numbers)
    before = _gone(path, _settings(path, state))
    provenance = {"file": path.name, "heads": list(names)}
    pruned = {**without_training(state, {PROVENANCE: provenance}), "model": weights}
    return _with_heads(pruned, ",".join([*before, *names]))


def weights_fingerprint(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and values of a checkpoint's weights, 64 hex digits."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        if value.numel():
            digest.update(value.view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _settings(path: Path, state: Mapping[str, Any]) -> Mapping[str, Any]:
    cfg = state.get("cfg")
    model: Any = cfg.get("model") if isinstance(cfg, Mapping) else None
    values = vars(model) if isinstance(model, Namespace) else model
    if not isinstance(values, Mapping) or not isinstance(state.get("model"), Mapping):
        raise CheckpointError(
            f"checkpoint {path}: must have weights and the settings of its model (cfg.model), but"
            " lacks one of them; give one that fairseq-train wrote"
        )
    return values


def _gone(path: Path, settings: Mapping[str, Any]) -> list[str]:
    stored = settings.get(OPTION)
    if not stored:
        return []
    try:
        return check_heads(stored).split(",")
    except UnfitSetting as error:
        raise CheckpointError(
            f"checkpoint {path}: must be as fairseq-train wrote it, but among its settings {error};"
            " get it again from its maker"
        ) from error


def _heads(path: Path, settings: Mapping[str, Any], place: str, width: int) -> int:
    """Heads that an attention of so many channels had at first."""
    side = "encoder" if place.startswith("encoder.") else "decoder"
    heads: Any = settings.get(f"{side}_attention_heads")
    if side == "encoder" and settings.get("pretrained_config"):
        heads = json.loads(settings["pretrained_config"]).get("num_attention_heads")
    if not isinstance(heads, int) or heads < 1 or width % heads:
        raise CheckpointError(
            f"checkpoint {path}: its number of heads ({side}_attention_heads) must divide its"
            f" {width} channels, but is {heads!r:.40}; get it again from its maker"
        )
    return heads


def _check(
    path: Path, weights: Mapping[str, Tensor], place: str, attention: StoredAttention
) -> None:
    """Compare the width of an attention with the heads that its settings leave it."""
    output = weights.get(f"{attention.path}.{attention.output}.weight")
    width = 0 if output is None else output.size(1)
    if width != len(attention.kept) * attention.head_dim:
        raise CheckpointError(
            f"checkpoint {path}: {place} must have {len(attention.kept)} heads of"
            f" {attention.head_dim}, as its settings say, but is {width} wide; get it again from"
            " its maker"
        )


def _slice(weights: dict[str, Tensor], attention: StoredAttention, lost: set[int]) -> None:
    """Take heads out of weights, in place."""
    stay = [at for at, number in enumerate(attention.kept) if number not in lost]
    rows = rows_of(stay, attention.head_dim)
    for layer in _INPUTS[attention.output]:
        for name in (f"{attention.path}.{layer}.weight", f"{attention.path}.{layer}.bias"):
            if name in weights and stay:
                weights[name] = weights[name].index_select(0, rows)
            else:
                weights.pop(name, None)
    name = f"{attention.path}.{attention.output}.weight"
    if not stay and attention.output == "out_proj":
        del weights[name]  # see HeadlessAttention
    else:
        weights[name] = weights[name].index_select(1, rows)


def _with_heads(state: dict[str, Any], names: str) -> dict[str, Any]:
    """A state whose settings say which heads its model does without."""
    cfg = dict(state["cfg"])
    of_namespace = isinstance(cfg["model"], Namespace)
    options = dict(vars(cfg["model"]) if of_namespace else cfg["model"])
    options.pop(_OF_TRAINING, None)
    options[OPTION] = names
    cfg["model"] = Namespace(**options) if of_namespace else options
    return {**state, "cfg": cfg}

"""Bundles with linear layers in 8 bits: rounded one by one at export, and never in memory twice.

`--precision int8` rounds a model when it has been loaded; such a bundle holds the rounded numbers,
and decodes the same. A model of a billion weights so needs neither at export nor afterwards memory
for all of them in full: checkpoints and bundles are mapped, and a model that can be is built
without numbers (`builds_without_weights`).
"""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import safetensors
import torch
from fairseq.models import ARCH_MODEL_REGISTRY
from torch import Tensor, nn

from mclas_fairseq.bundles.config import BundleConfig
from mclas_fairseq.bundles.format import INT8_FILE
from mclas_fairseq.bundles.streaming import read_one_by_one, read_shapes, write_one_by_one
from mclas_fairseq.bundles.weights import check_kind, not_safetensors
from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.modules.int8_linear import Int8Linear, Place, Rounded, places
from mclas_fairseq.summarization.base_task import SummarizationTask

_SCALES = "_scales"  # behind the name of a weight in 8 bits: that of its scales


def build_model(task: SummarizationTask, args: Any) -> Any:
    """A model that is to be filled with weights; without numbers where its architecture can be.

    Args:
        task: of the model.
        args: its options, `arch` among them.
    """
    kind = ARCH_MODEL_REGISTRY[args.arch]
    empty = getattr(kind, "builds_without_weights", False)
    with torch.device("meta") if empty else nullcontext():
        return task.build_model(args, from_checkpoint=True)


def write_int8(folder: Path, model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Write a model with its linear layers in 8 bits.

    Args:
        folder: the bundle that is being written.
        model: with its weights, which may be mapped from a file.
        weights: the same, each once, in the types in which the others are to be stored.
    """
    layers = {f"{place.path}.weight": place for place in places(model)}
    biases = {f"{place.path}.bias" for place in layers.values()}
    shapes = {}
    for name, value in weights.items():
        dtype = torch.int8 if name in layers else torch.float32 if name in biases else value.dtype
        shapes[name] = torch.empty(value.shape, dtype=dtype, device="meta")
        if name in layers:
            shapes[name + _SCALES] = torch.empty(value.size(0), device="meta")
    write_one_by_one(folder / INT8_FILE, shapes, _rounded(weights, layers, biases))


def _rounded(
    weights: Mapping[str, Tensor], layers: Mapping[str, Place], biases: set[str]
) -> Iterator[tuple[str, Tensor]]:
    for name, value in weights.items():
        if name in layers:
            full = nn.Linear(1, 1, bias=False, device="meta")
            full.weight = nn.Parameter(value.float(), requires_grad=False)
            full.out_features, full.in_features = value.shape
            stored = Int8Linear.rounding(full).stored
            yield name, stored.weight
            yield name + _SCALES, stored.scales
        else:
            yield name, value.float() if name in biases else value


def read_int8(folder: Path, config: BundleConfig, task: SummarizationTask) -> nn.Module:
    """The model of a bundle that was checked, with its linear layers in 8 bits.

    Raises:
        CheckpointError: the file is no safetensors file, or not of the model that the bundle's
            configuration describes.
        RuntimeError: as those of torch, for numbers of other shapes.
    """
    path = folder / INT8_FILE
    check_kind(folder, path)
    try:
        shapes = read_shapes(path)
    except (safetensors.SafetensorError, KeyError) as error:
        raise not_safetensors(folder, str(error), INT8_FILE) from error
    tied = config.tied_weights
    known = {**shapes, **{name: shapes[one] for name, one in tied.items() if one in shapes}}
    model: nn.Module = build_model(task, config.model_args(known))
    layers = list(places(model))
    in_layers = {f"{place.path}.{part}" for place in layers for part in ("weight", "bias")}
    others = [name for name in shapes if name.removesuffix(_SCALES) not in in_layers]
    _fill(model, _in_full(path, others), tied, in_layers)
    for place in layers:
        setattr(place.parent, place.name, Int8Linear.of(_stored(path, place, shapes)))
    return model


def _in_full(path: Path, names: list[str]) -> dict[str, Tensor]:
    """Tensors out of the map, so that it can go; numbers that are no whole ones in fp32."""
    return {
        name: value.float() if value.is_floating_point() and value.dtype != torch.float32
        else value.clone()
        for name, value in read_one_by_one(path, names)
    }  # fmt: skip


def _fill(
    model: Any, weights: dict[str, Tensor], tied: Mapping[str, str], elsewhere: set[str]
) -> None:
    """Make tensors a model's own, without copying them."""
    for name, one in tied.items():
        if one not in weights:
            raise CheckpointError(f"it has no {one}, which {name} is tied to")
    model.check_fingerprint(weights)
    whole = {**weights, **{name: weights[one] for name, one in tied.items()}}
    missing, unknown = nn.Module.load_state_dict(model, whole, strict=False, assign=True)
    wrong = sorted({*missing} - elsewhere) or unknown
    if wrong:
        raise CheckpointError(f"{wrong[0]} is {'unknown' if wrong is unknown else 'missing'}")
    for name, one in tied.items():
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, model.get_parameter(one))


def _stored(path: Path, place: Place, shapes: Mapping[str, Tensor]) -> Rounded:
    weight, bias = f"{place.path}.weight", f"{place.path}.bias"
    own = place.layer.state_dict(keep_vars=True)
    names = [weight, weight + _SCALES, *([bias] if "bias" in own else [])]
    for name in names:
        if name not in shapes:
            raise CheckpointError(f"{name} is missing")
    if shapes[weight].dtype != torch.int8 or shapes[weight].shape != place.layer.weight.shape:
        raise CheckpointError(f"{weight} has other numbers")
    found = dict(read_one_by_one(path, names))
    return Rounded(found[weight], found[weight + _SCALES], found.get(bias))

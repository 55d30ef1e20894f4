"""The weights of a bundle: a safetensors file, in which tensors that are one stand once.

safetensors holds names, shapes and numbers and nothing that could be run. A file of another kind
under its name (a checkpoint of torch's, a pickle) is told apart by its first bytes and refused
without being opened any further.
"""

from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from mclas_fairseq.bundles.format import WEIGHTS_FILE
from mclas_fairseq.errors import CheckpointError

_HEADER_LENGTH = 8  # bytes: a safetensors file begins with the length of its JSON header
_METADATA = {"format": "pt"}  # one key only: with more, their order would differ between runs


def untie(
    model: nn.Module, dtypes: Mapping[str, torch.dtype]
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Weights and buffers of a model, each once.

    Args:
        model: with its weights loaded.
        dtypes: name -> type in which the checkpoint stores the weight, which is kept.

    Returns:
        Name -> tensor, and for each further name of a tensor the one under which it is there.
    """
    weights: dict[str, Tensor] = {}
    tied: dict[str, str] = {}
    first: dict[int, str] = {}
    for name, value in model.state_dict(keep_vars=True).items():
        known = first.setdefault(id(value), name)
        if known != name:
            tied[name] = known
            continue
        dtype = dtypes.get(name, value.dtype)
        weights[name] = value.detach().to(device="cpu", dtype=dtype).contiguous()
    return weights, tied


def count_numbers(weights: Mapping[str, Tensor]) -> int:
    """How many numbers a model learned: its parameters."""
    return sum(value.numel() for value in weights.values() if value.is_floating_point())


def write_weights(folder: Path, weights: Mapping[str, Tensor]) -> None:
    """Write `model.safetensors`; the same weights give the same bytes."""
    path = folder / WEIGHTS_FILE
    # Not save_file, whose files only their owner may read: a bundle is to be handed on.
    path.write_bytes(safetensors.torch.save(dict(sorted(weights.items())), metadata=_METADATA))


def read_weights(folder: Path, tied: Mapping[str, str]) -> dict[str, Tensor]:
    """Read `model.safetensors` and give tied weights all their names again.

    Raises:
        CheckpointError: it is no safetensors file, or lacks a weight that others are tied to.
    """
    path = folder / WEIGHTS_FILE
    check_kind(folder, path)
    try:
        weights: dict[str, Tensor] = safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise not_safetensors(folder, str(error)) from error
    for name, known in tied.items():
        if known not in weights:
            raise not_safetensors(folder, f"it has no {known}, which {name} is tied to")
        weights[name] = weights[known]
    return weights


def check_kind(folder: Path, path: Path) -> None:
    """Tell by its first bytes that a file of a bundle is no pickle.

    Raises:
        CheckpointError: it does not begin as safetensors files do.
    """
    with path.open("rb") as stream:
        start = stream.read(_HEADER_LENGTH + 1)
    if start[_HEADER_LENGTH:] == b"{":
        return
    kind = "a file of another kind"
    if start.startswith(b"PK"):
        kind = "a zip file, as torch.save writes pickles"
    elif start[:1] == b"\x80":
        kind = "a pickle"
    raise CheckpointError(
        f"bundle {folder}: {path.name} must be a safetensors file, but is {kind}, which could"
        " run programs; it was refused and nothing was run: ask the maker for a bundle that mclas"
        " export wrote"
    )


def not_safetensors(folder: Path, problem: str, name: str = WEIGHTS_FILE) -> CheckpointError:
    """The error for a file of weights that cannot be read."""
    return CheckpointError(
        f"bundle {folder}: {name} must be a safetensors file with the model's weights, but"
        f" {problem}; get it again from its maker, or make it with mclas export"
    )

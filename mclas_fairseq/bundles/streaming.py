"""Tensors to a safetensors file and from it one by one: a model need not fit into memory twice.

The library writes what it is handed as a whole. Here shapes are known before the numbers are, so
that the file's header comes first, and each tensor goes to its place when it has been made. The
library reads the file as any other.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_DTYPES = {name: dtype for dtype, name in _NAMES.items()}
_ALIGNED = 8  # bytes: the header is filled up with spaces to a multiple, as the library does


def write_one_by_one(
    path: Path, shapes: Mapping[str, Tensor], made: Iterable[tuple[str, Tensor]]
) -> None:
    """Write a safetensors file.

    Args:
        path: the file.
        shapes: all tensors by name, without numbers (on the device "meta").
        made: each of them once, in any order, with its numbers.
    """
    header, starts = _plan(shapes)
    missing = set(shapes)
    with path.open("wb") as stream:
        stream.write(len(header).to_bytes(_ALIGNED, "little") + header)
        for name, tensor in made:
            expected = shapes[name]
            assert (tensor.shape, tensor.dtype) == (expected.shape, expected.dtype), name
            missing.remove(name)
            stream.seek(_ALIGNED + len(header) + starts[name])
            numbers: Any = tensor.detach().contiguous().view(-1).view(torch.uint8).numpy()
            stream.write(memoryview(numbers))
    assert not missing, sorted(missing)


def _plan(shapes: Mapping[str, Tensor]) -> tuple[bytes, dict[str, int]]:
    """The header, and where behind it each tensor begins."""
    starts, entries, end = {}, {}, 0
    # The largest numbers first, so that all are aligned.
    for name in sorted(shapes, key=lambda name: (-shapes[name].element_size(), name)):
        one = shapes[name]
        starts[name], end = end, end + one.numel() * one.element_size()
        entries[name] = {
            "dtype": _NAMES[one.dtype],
            "shape": list(one.shape),
            "data_offsets": [starts[name], end],
        }
    text = json.dumps({"__metadata__": {"format": "pt"}, **entries}, separators=(",", ":"))
    header = text.encode()
    return header + b" " * (-len(header) % _ALIGNED), starts


def read_shapes(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file by name, without numbers (on the device "meta").

    Raises:
        safetensors.SafetensorError: it is no such file.
        KeyError: it has numbers of a kind that bundles do not have.
    """
    with _opened(path) as file:
        pieces = {name: file.get_slice(name) for name in sorted(file.keys())}
        return {
            name: torch.empty(piece.get_shape(), dtype=_DTYPES[piece.get_dtype()], device="meta")
            for name, piece in pieces.items()
        }


def read_one_by_one(path: Path, names: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
    """Tensors of a safetensors file, in the order of their names.

    Each lies in a memory map of its own, which goes when the tensor does.
    """
    for name in names:
        with _opened(path) as file:
            tensor = file.get_tensor(name)
        yield name, tensor
        del tensor


def _opened(path: Path) -> Any:
    return safetensors.safe_open(path, framework="pt")

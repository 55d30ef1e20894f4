"""Whether the files of a data-bin are those that it was made with.

The manifest holds size and SHA-256 of each. Sizes are compared when a data-bin is opened, which
costs nothing; the SHA-256 of a side when it is first read in a process (fairseq reads the whole
side then anyway), of all files by `mclas doctor --data`. A side of another data-bin, or one that a
copy left half done, is found so before it is trained on.

A data-bin of version 0.1 has no checksums. Of its sides is checked what can be told without: that
the index fits the data, that there are as many rows and texts as the manifest counts, and that all
numbers are entries of the dictionary.
"""

import hashlib
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.data.manifest import MANIFEST_FILE, Manifest
from mclas_fairseq.errors import DataError

REMEDY = "copy the data-bin again, or prepare it again"

# fairseq's index (MMapIndexedDataset): magic, version, code of the number type, number of rows;
# then sizes of the rows in numbers (int32), then where they begin in bytes (int64).
_MAGIC = b"MMIDIDX\x00\x00"
_HEADER = struct.Struct("<QBQ")
_TYPES: dict[int, Any] = {3: np.int16, 4: np.int32, 5: np.int64, 8: np.uint16}
_ROW_BYTES = 12
_START = len(_MAGIC) + _HEADER.size
_BLOCK = 1 << 24  # numbers looked at together


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file of a data-bin but its manifest, by path."""
    return {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": _digest(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path != folder / MANIFEST_FILE
    }


def check_sizes(folder: Path, manifest: Manifest) -> None:
    """Compare the sizes of all files with the manifest.

    Raises:
        DataError: a file is missing or has another size.
    """
    for name, said in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"data-bin {folder}: must have {name}, but has not; {REMEDY}")
        if path.stat().st_size != said["bytes"]:
            raise DataError(
                f"data-bin {folder}: {name} must have the {said['bytes']:,} bytes that it was made"
                f" with, but has {path.stat().st_size:,}; {REMEDY}"
            )


def check_content(folder: Path, manifest: Manifest, names: Mapping[str, Any]) -> Iterator[str]:
    """Compare the content of named files with the manifest, one after the other.

    Yields:
        Each name, once the file was compared.

    Raises:
        DataError: a file is not the one that the data-bin was made with.
    """
    for name in names:
        said = manifest.files.get(name)
        if said is None:
            raise DataError(
                f"data-bin {folder}: its {MANIFEST_FILE} must list {name}, but does not: the file"
                f" is of another data-bin; {REMEDY}"
            )
        found = _digest(folder / name)
        if found != said["sha256"]:
            raise DataError(
                f"data-bin {folder}: {name} must be the file that it was made with (SHA-256"
                f" {said['sha256'][:12]}), but is another ({found[:12]}); {REMEDY}"
            )
        yield name


def check_side(
    folder: Path, manifest: Manifest, split: str, side: str, prefix: str, *, entries: int
) -> None:
    """Check one side before fairseq reads it.

    Args:
        folder: of the data-bin.
        manifest: of the data-bin.
        split: train, valid or test.
        side: its name.
        prefix: name of its files, without suffix.
        entries: of the dictionary.

    Raises:
        DataError: it is damaged or of another data-bin.
    """
    index, data = folder / f"{prefix}.idx", folder / f"{prefix}.bin"
    kind, sizes = _read_index(index, data)
    _check_counts(manifest, split, side, index, sizes)
    if manifest.files:
        for _ in check_content(folder, manifest, dict.fromkeys((index.name, data.name))):
            pass
    elif len(sizes) and _largest(data, kind) >= entries:
        raise _damaged(data, f"all its numbers must be below {entries}, the size of the dictionary")


def index_header(kind: Any, rows: int) -> bytes:
    """How an index begins, of so many rows of numbers of a numpy type."""
    code = next(code for code, known in _TYPES.items() if known is kind)
    return _MAGIC + _HEADER.pack(1, code, rows)


def read_header(index: Path) -> tuple[Any, int, int]:
    """Number type of an index, number of rows, and where their sizes begin.

    Raises:
        DataError: it cannot be read, or is no index of so many rows.
    """
    try:
        with index.open("rb") as stream:
            content = stream.read(_START)
            found = index.stat().st_size
    except OSError as error:
        raise _damaged(index, f"it must be readable ({error.strerror})") from error
    if len(content) < _START or not content.startswith(_MAGIC):
        raise _damaged(index, "it must be an index as fairseq-preprocess writes it")
    version, code, rows = _HEADER.unpack_from(content, len(_MAGIC))
    if version != 1 or code not in _TYPES or found != _START + rows * _ROW_BYTES:
        raise _damaged(index, f"it must be whole, but its {found:,} bytes are no {rows} rows")
    return _TYPES[code], rows, _START


def _read_index(index: Path, data: Path) -> tuple[Any, NDArray[np.int32]]:
    """Number type and sizes of the rows (N,), once index and data are known to fit."""
    kind, rows, start = read_header(index)
    try:
        content = index.read_bytes()
        found = data.stat().st_size
    except OSError as error:
        raise _damaged(index, f"it and {data.name} must be readable ({error.strerror})") from error
    sizes = np.frombuffer(content, np.int32, rows, start)
    begins = np.frombuffer(content, np.int64, rows, start + sizes.nbytes)
    width = np.dtype(kind).itemsize
    ends = np.cumsum(sizes, dtype=np.int64) * width
    if (sizes < 1).any() or not np.array_equal(begins[1:], ends[:-1]) or (begins[:1] != 0).any():
        raise _damaged(index, "its rows must follow one another, each with one number at least")
    expected = int(ends[-1]) if rows else 0
    if found != expected:
        raise _damaged(
            data, f"it must have the {expected:,} bytes that {index.name} tells, but has {found:,}"
        )
    return kind, sizes


def _check_counts(
    manifest: Manifest, split: str, side: str, index: Path, sizes: NDArray[np.int32]
) -> None:
    counts = manifest.counts.get(split, {})
    there = int((sizes > 1).sum())  # a lone EOS stands for an absent text
    for what, said, found in (
        ("rows", counts.get("documents"), len(sizes)),
        ("texts", counts.get(side), there),
    ):
        if said is not None and said != found:
            raise _damaged(index, f"{MANIFEST_FILE} counts {said:,} {what}, but here are {found:,}")


def _largest(data: Path, kind: Any) -> int:
    numbers = np.memmap(data, kind, "r")
    blocks = range(0, len(numbers), _BLOCK)
    return max(int(numbers[start : start + _BLOCK].max()) for start in blocks)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _damaged(path, f"it must be readable ({error.strerror})") from error


def _damaged(path: Path, rule: str) -> DataError:
    return DataError(f"{path}: is damaged or of another data-bin: {rule}; {REMEDY}")

"""Plain text of one language in a data-bin: written document by document, read from memory maps.

The files are those of fairseq's memory-mapped data sets (`SPLIT.text-LANG-None.text-LANG.bin` and
`.idx`), which fairseq reads as well. fairseq's own classes keep sizes and places of all rows as
Python's numbers while they write; here neither writing nor drawing grows with the text: 12 bytes a
document are written at the end, and a draw looks at a few pages of the maps.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Optional, Self

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.data.data_bin import DataBin, side_prefix
from mclas_fairseq.data.integrity import REMEDY, check_content, index_header, read_header
from mclas_fairseq.errors import DataError

Ids = NDArray[np.int64]

_SIDE = "text-"
_CHUNK = 1 << 16  # rows of the index that are made at a time


def text_side(language: str) -> str:
    """Name of the side that holds plain text of a language."""
    return _SIDE + language


def text_languages(data_bin: DataBin, split: str) -> tuple[str, ...]:
    """Languages of which a data-bin has plain text in a split, in the order of its manifest."""
    manifest = data_bin.manifest
    counts = manifest.counts.get(split, {})
    every = (manifest.source_lang, *manifest.target_langs)
    return tuple(language for language in every if text_side(language) in counts)


def id_type(entries: int) -> Any:
    """The type of numbers that a dictionary of so many entries needs."""
    return np.uint16 if entries <= np.iinfo(np.uint16).max else np.int32


def closed(ids: Iterable[int], eos: int, kind: Any) -> NDArray[Any]:
    """A document with the mark of its end, (T + 1,)."""
    return np.fromiter((*ids, eos), dtype=kind)


class TextWriter:
    """Writes documents of a side into a data-bin, one after another.

    Use it as a context; the index is written when the context ends without an exception.

    Args:
        folder: of the data-bin.
        split: train or valid.
        side: name of the side, see `text_side`.
        entries: V, of the dictionary; it decides how many bytes a number takes.
        eos: what closes each document.

    Attributes:
        counts: occurrences of each entry, int64, (V,).
    """

    def __init__(self, folder: Path, split: str, side: str, *, entries: int, eos: int):
        self._prefix = folder / side_prefix(split, side)
        self._kind = id_type(entries)
        self._eos = eos
        self._sizes = array("i")
        self._open = ExitStack()
        self.counts = np.zeros(entries, dtype=np.int64)

    def __enter__(self) -> Self:
        path = self._prefix.with_name(f"{self._prefix.name}.bin")
        self._data = self._open.enter_context(path.open("wb"))
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._open.close()
        if kind is None:
            self._write_index()

    @property
    def documents(self) -> int:
        """Documents that were written."""
        return len(self._sizes)

    @property
    def tokens(self) -> int:
        """Tokens that were written, the marks of ends included."""
        return int(self.counts.sum())

    def add(self, ids: Iterable[int]) -> None:
        """Write a document, without the mark of its end, which is added."""
        row = closed(ids, self._eos, self._kind)
        self._data.write(row.tobytes())
        self._sizes.append(len(row))
        np.add.at(self.counts, row, 1)

    def add_rows(self, ids: NDArray[Any], sizes: NDArray[np.int32]) -> None:
        """Write documents that are closed already.

        Args:
            ids: of all of them, one behind another, (tokens,).
            sizes: tokens of each, (documents,).
        """
        self._data.write(ids.astype(self._kind, copy=False).tobytes())
        self._sizes.frombytes(sizes.astype(np.int32, copy=False).tobytes())
        self.counts += np.bincount(ids, minlength=len(self.counts))

    def _write_index(self) -> None:
        sizes = np.frombuffer(self._sizes, dtype=np.int32)
        path = self._prefix.with_name(f"{self._prefix.name}.idx")
        width = np.dtype(self._kind).itemsize
        with path.open("wb") as stream:
            stream.write(index_header(self._kind, len(sizes)))
            stream.write(sizes.tobytes())
            begin = 0
            for start in range(0, len(sizes), _CHUNK):
                ends = begin + np.cumsum(sizes[start : start + _CHUNK], dtype=np.int64) * width
                begins = np.concatenate([[begin], ends[:-1]]).astype(np.int64)
                stream.write(begins.tobytes())
                begin = int(ends[-1])


@dataclass(frozen=True)
class TextSide:
    """Documents of a language, each closed by the mark of its end.

    Attributes:
        language: of the text.
        ids: all documents, one behind another, (tokens,); a map of the file.
        begins: where each document begins, in tokens' bytes, (documents,); a map of the index.
    """

    language: str
    ids: NDArray[Any]
    begins: NDArray[np.int64]

    @property
    def tokens(self) -> int:
        """Tokens, the marks of ends included."""
        return len(self.ids)

    def __len__(self) -> int:
        return len(self.begins)

    def document(self, row: int) -> Ids:
        """Ids of a document without the mark of its end, (T,)."""
        width = self.ids.dtype.itemsize
        begin = int(self.begins[row]) // width
        end = int(self.begins[row + 1]) // width if row + 1 < len(self) else len(self.ids)
        return np.asarray(self.ids[begin : end - 1], dtype=np.int64)

    def draw(self, generator: np.random.Generator) -> Ids:
        """A random document, its probability in proportion to its length; see `document`."""
        place = int(generator.integers(len(self.ids))) * self.ids.dtype.itemsize
        # numpy would copy the whole map for its search, as its numbers do not begin at a multiple
        # of 8 bytes.
        return self.document(bisect_right(self.begins, place) - 1)


def open_text(data_bin: DataBin, split: str, language: str) -> TextSide:
    """Map the plain text of a language in a split.

    Raises:
        DataError: there is none, or it is damaged or of another data-bin.
    """
    if language not in text_languages(data_bin, split):
        have = ", ".join(text_languages(data_bin, split)) or "none"
        raise DataError(
            f"data-bin {data_bin.folder}: split {split!r} must have plain text in {language!r}, but"
            f" has {have}; make it with mclas prepare-text"
        )
    return open_side(data_bin, split, text_side(language), language)


def open_side(data_bin: DataBin, split: str, side: str, language: str) -> TextSide:
    """Map a side of a split that is known to be there.

    Raises:
        DataError: it is damaged or of another data-bin.
    """
    prefix = side_prefix(split, side)
    names = dict.fromkeys((f"{prefix}.idx", f"{prefix}.bin"))
    for _ in check_content(data_bin.folder, data_bin.manifest, names):
        pass
    index, data = (data_bin.folder / name for name in names)
    kind, rows, start = read_header(index)
    if not rows:
        raise DataError(f"{index}: must tell of one document at least, but does not; {REMEDY}")
    begins = np.memmap(index, np.int64, "r", offset=start + 4 * rows, shape=(rows,))
    return TextSide(language, np.memmap(data, kind, "r"), begins)

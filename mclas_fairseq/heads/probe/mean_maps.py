"""The mean of maps of documents of many lengths: each part is brought to a number of bins.

Rows: `S^A`, `[LSEP]`, `S^B`, as they are read. Columns of self-attention: the start symbol and the
same; of cross-attention: the document in tenths of a quarter, special symbols included where they
stand. The weight of a bin of columns is the sum over it, that of a bin of rows the mean: rows of a
mean map sum to 1, too.
"""

from collections.abc import Sequence

import numpy as np

from mclas_fairseq.heads.probe.documents import Document
from mclas_fairseq.heads.probe.statistics import Floats

SUMMARY_BINS = 12
DOCUMENT_BINS = 40
Part = tuple[str, int, int]  # its name, its positions, its bins


def parts_of(document: Document, place: str) -> tuple[list[Part], list[Part]]:
    """The parts of rows and of columns of a document's map."""
    first = ("A", len(document.first.pieces), SUMMARY_BINS)
    second = ("B", len(document.second.pieces), SUMMARY_BINS)
    start = ("BOS", 1, 1)
    if place.startswith("ms_decoder."):
        rows = [start, first]
    elif len(document.maps[place][0]) == 1 + second[1]:
        rows = [start, second]
    else:
        rows = [start, first, ("LSEP", 1, 1), second]
    if place.endswith(".self"):
        return rows, rows
    return rows, [("document", len(document.source.pieces), DOCUMENT_BINS)]


def pooled(maps: Floats, rows: Sequence[Part], columns: Sequence[Part]) -> Floats:
    """Maps (H, T, S) in bins, (H, bins of rows, bins of columns); nan in bins of no row."""
    down, across = _shares(rows), _shares(columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = down / down.sum(1, keepdims=True)
    found: Floats = means @ maps @ across.T
    return found


def names(parts: Sequence[Part]) -> list[str]:
    """The name of each bin: that of its part in the first, else none."""
    return [name if number == 0 else "" for name, _, bins in parts for number in range(bins)]


def _shares(parts: Sequence[Part]) -> Floats:
    """Which share of each position is in each bin, (bins, positions): position p covers p to p+1.

    A part of fewer positions than bins spreads each of them evenly.
    """
    blocks = []
    for _, size, bins in parts:
        edges = np.linspace(0, size, bins + 1)
        at = np.arange(size)
        low = np.maximum(edges[:-1, None], at[None])
        high = np.minimum(edges[1:, None], at[None] + 1)
        blocks.append(np.maximum(high - low, 0.0))
    found = np.zeros((sum(len(one) for one in blocks), sum(one.shape[1] for one in blocks)))
    row = column = 0
    for one in blocks:
        found[row : row + len(one), column : column + one.shape[1]] = one
        row, column = row + len(one), column + one.shape[1]
    return found


class MeanMaps:
    """Adds up the maps of documents, by attention."""

    def __init__(self) -> None:
        self._sums: dict[str, Floats] = {}
        self._counts: dict[str, Floats] = {}
        self.rows: dict[str, list[str]] = {}
        self.columns: dict[str, list[str]] = {}

    def add(self, document: Document) -> None:
        """Count a document in."""
        for place, maps in document.maps.items():
            rows, columns = parts_of(document, place)
            own = pooled(maps, rows, columns)
            known = np.isfinite(own)
            if place not in self._sums:
                self._sums[place], self._counts[place] = np.zeros_like(own), np.zeros_like(own)
                self.rows[place], self.columns[place] = names(rows), names(columns)
            self._sums[place] += np.where(known, own, 0.0)
            self._counts[place] += known

    def means(self) -> dict[str, Floats]:
        """By attention, mean maps (H, bins, bins)."""
        return {
            place: sums / np.maximum(self._counts[place], 1) for place, sums in self._sums.items()
        }

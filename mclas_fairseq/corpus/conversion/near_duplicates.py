"""Which documents are versions of one another, found with memory for a few numbers a document.

Broder (1997), "On the resemblance and containment of documents": the share of random orders in
which two sets have the same smallest element is their Jaccard similarity. A document keeps its
smallest elements in 256 orders; in 128 pairs of them (bands) equal pairs make candidates, which are
compared set by set. Two documents with similarity s meet with probability 1 - (1 - s^2)^128:
0.9946 at 0.2, above 0.99999 from 0.3. Groups are what such pairs connect (union-find).

Sets and bands lie in files; memory holds about 50 bytes a document.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.corpus.conversion.shingles import digest, hash_sequences

SIMILARITY = 0.2  # chosen on xscitldr: see docs, and the tests
LEAST_SIMILARITY = 0.2  # below it too many pairs would be missed
BANDS = 128
_SEED = 1  # a constant: the same documents must always give the same groups
_BLOCK = 256  # documents handled at once
_NEIGHBOURS = 50  # of a document among those with an equal band, which it is compared with


@dataclass
class NearDuplicates:
    """Takes documents one by one; says at the end which belong together.

    Args:
        folder: an existing folder for its files.
        similarity: from which two documents belong together, `LEAST_SIMILARITY` to 1.
    """

    folder: Path
    similarity: float = SIMILARITY
    digests: "array[int]" = field(default_factory=lambda: array("Q"))
    _starts: "array[int]" = field(default_factory=lambda: array("q", [0]))
    _waiting: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Take the next document."""
        self.digests.append(digest(text))
        self._waiting.append(text)
        if len(self._waiting) == _BLOCK:
            self._write_block()

    def groups(self) -> NDArray[np.int64]:
        """The group of each document (N,): the position of the group's first document."""
        if self._waiting:
            self._write_block()
        size = len(self.digests)
        if not size:
            return np.zeros(0, np.int64)
        groups = _Groups(size)
        for first, second in _neighbours(np.asarray(self.digests, np.uint64)):
            groups.join(first, second)
        if self.similarity < 1:
            self._join_alike(groups)
        return groups.labels()

    def _write_block(self) -> None:
        hashes, starts = hash_sequences(self._waiting)
        keys = np.zeros((BANDS, _BLOCK), np.uint64)
        keys[:, : len(self._waiting)] = _bands(hashes, starts[:-1])
        with (self.folder / "sets").open("ab") as sets:
            sets.write(hashes.tobytes())
        with (self.folder / "bands").open("ab") as bands:
            bands.write(keys.tobytes())
        self._starts.extend((starts[1:] + self._starts[-1]).tolist())
        self._waiting.clear()

    def _join_alike(self, groups: "_Groups") -> None:
        size = len(self.digests)
        sets = np.memmap(self.folder / "sets", np.uint32, "r")
        bands = np.memmap(self.folder / "bands", np.uint64, "r").reshape(-1, BANDS, _BLOCK)
        starts = self._starts
        for band in range(BANDS):
            keys = np.ascontiguousarray(bands[:, band, :]).reshape(-1)[:size]
            for first, second in _neighbours(keys):
                if groups.find(first) != groups.find(second):
                    a = sets[starts[first] : starts[first + 1]]
                    b = sets[starts[second] : starts[second + 1]]
                    if jaccard(a, b) >= self.similarity:
                        groups.join(first, second)


def jaccard(first: NDArray[np.uint32], second: NDArray[np.uint32]) -> float:
    """Shared elements by all elements of two non-empty sets, given as sorted distinct arrays."""
    shared = np.intersect1d(first, second, assume_unique=True).size
    return shared / (first.size + second.size - shared)


def _bands(hashes: NDArray[np.uint32], starts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Pairs of smallest elements, (BANDS, N), each pair as one number.

    An order is that of (a x + b) mod 2^64, of which the upper half is kept (multiply-shift).
    """
    random = np.random.default_rng(_SEED)
    factors = random.integers(0, 2**63, 2 * BANDS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    shifts = random.integers(0, 2**63, 2 * BANDS, dtype=np.uint64)
    elements = hashes.astype(np.uint64)
    half = np.uint64(32)
    smallest = np.empty((2 * BANDS, len(starts)), np.uint64)
    for order in range(2 * BANDS):
        ranks = (elements * factors[order] + shifts[order]) >> half
        smallest[order] = np.minimum.reduceat(ranks, starts)
    return (smallest[0::2] << half) | smallest[1::2]


def _neighbours(keys: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Pairs of positions with equal keys; in a large group each with those just before it."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    changes = np.flatnonzero(ranked[1:] != ranked[:-1]) + 1
    begins = np.concatenate(([0], changes))
    ends = np.concatenate((changes, [len(keys)]))
    for run in np.flatnonzero(ends - begins > 1):
        members = order[begins[run] : ends[run]].tolist()
        for place, member in enumerate(members):
            for other in members[max(0, place - _NEIGHBOURS) : place]:
                yield other, member


class _Groups:
    """Union-find over positions; the root of a group is its smallest position."""

    def __init__(self, size: int):
        self._parents = array("q", range(size))

    def find(self, position: int) -> int:
        parents = self._parents
        while parents[position] != position:
            parents[position] = parents[parents[position]]
            position = parents[position]
        return position

    def join(self, first: int, second: int) -> None:
        low, high = sorted((self.find(first), self.find(second)))
        self._parents[high] = low

    def labels(self) -> NDArray[np.int64]:
        roots = [self.find(position) for position in range(len(self._parents))]
        return np.array(roots, np.int64)

"""Which entries of a dictionary stay when it is trimmed, and where they then stand.

Made by `binarize/trimming.py`; data-bins, checkpoints and hypotheses are moved by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trimming:
    """Which entries stay.

    Attributes:
        kept: their numbers in the earlier dictionary, ascending, shape (K,).
        places: new number of each earlier entry, -1 for what is dropped, shape (V,).
    """

    kept: Numbers
    places: Numbers

    @classmethod
    def of(cls, kept: Mask) -> "Trimming":
        """The trimming that keeps what a mask (V,) says."""
        places = np.full(len(kept), -1, dtype=np.int64)
        places[kept] = np.arange(int(kept.sum()))
        return cls(np.flatnonzero(kept), places)

    def move(self, numbers: Iterable[int]) -> list[int]:
        """New numbers of earlier entries, none of which may be dropped."""
        moved = self.places[np.asarray(list(numbers), dtype=np.int64)]
        assert (moved >= 0).all(), "a needed entry is dropped"
        return [int(number) for number in moved]

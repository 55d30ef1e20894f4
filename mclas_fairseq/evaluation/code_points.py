"""Characters of many texts counted at once, by numpy over their code points.

A call for each text, or for each word, takes longer than counting does: a million summaries are
looked at in seconds when they are joined to long blocks first. Used by the checks that stand
between reading and scoring (`evaluation/scripts.py`, `RougeProtocol.lost_share`).
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import numpy as np
import regex
from numpy.typing import NDArray

# Characters of a block: bounds the memory (some 20 MB).
_BLOCK = 500_000
_LETTER = regex.compile(r"\p{L}")


def blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts in their order, in lists of half a million characters or little more."""
    block: list[str] = []
    size = 0
    for text in texts:
        block.append(text)
        size += len(text) + 1
        if size >= _BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def code_points(text: str) -> NDArray[np.uint32]:
    """The code points of a text of C characters, shape (C,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def classify(points: NDArray[np.uint32], kind_of: Callable[[str], int]) -> NDArray[np.uint8]:
    """What `kind_of` says of each character, shape (C,); it is asked once for each that occurs."""
    if not len(points):
        return np.zeros(0, dtype=np.uint8)
    counts = np.bincount(points)
    table = np.zeros(len(counts), dtype=np.uint8)
    for point in np.flatnonzero(counts).tolist():
        table[point] = kind_of(chr(point))
    return table[points]


def count_letters(text: str) -> int:
    """How many characters of a text are letters, as Unicode calls them (category L)."""
    if not text:
        return 0
    counts = np.bincount(code_points(text))
    return sum(
        int(counts[point]) for point in np.flatnonzero(counts).tolist() if _is_letter(chr(point))
    )


@lru_cache(maxsize=1 << 16)
def _is_letter(character: str) -> bool:
    return _LETTER.match(character) is not None

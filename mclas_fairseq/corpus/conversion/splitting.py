"""Training, validation and test: which split a document goes to.

A hash of the document's words decides, so a document goes to the same split whenever and with
whatever others it is converted, and adding documents moves none (but for those that turn out to be
versions of one another). Groups of near-duplicates go as one: by the smallest hash among them. The
shares are therefore met about, not exactly.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.corpus.conversion.near_duplicates import LEAST_SIMILARITY, SIMILARITY
from mclas_fairseq.errors import ConfigError

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class SplitOptions:
    """How to split.

    Attributes:
        shares: the shares of training, validation and test; they sum to 1.
        seed: which of the many such splits.
        similarity: from which two documents go to the same split.
    """

    shares: tuple[float, float, float]
    seed: int = 1
    similarity: float = SIMILARITY

    def __post_init__(self) -> None:
        if not LEAST_SIMILARITY <= self.similarity <= 1:
            raise ConfigError(
                f"--similarity: must lie between {LEAST_SIMILARITY} (below it too many pairs would"
                f" be missed) and 1 (the same words only), but is {self.similarity}; correct it"
            )

    def used(self) -> list[str]:
        """The splits with a share above 0."""
        return [split for split, share in zip(SPLITS, self.shares, strict=True) if share > 0]


def parse_shares(text: str) -> tuple[float, float, float]:
    """Read "80/10/10" as shares that sum to 1.

    Raises:
        ConfigError: these are not three numbers, or there is nothing for training.
    """
    try:
        numbers = [float(part) for part in text.split("/")]
    except ValueError:
        numbers = []
    usable = len(numbers) == len(SPLITS) and all(0 <= x < math.inf for x in numbers)
    if not usable or numbers[0] == 0 or numbers[1] + numbers[2] == 0:
        raise ConfigError(
            "--split: must be three numbers for training, validation and test, training and one of"
            f" the others above 0, such as 80/10/10, but is {text!r}; correct it"
        )
    train, valid, test = (number / sum(numbers) for number in numbers)
    return train, valid, test


def assign_splits(
    digests: Sequence[int], groups: NDArray[np.int64], options: SplitOptions
) -> list[str]:
    """Choose a split for each document.

    Args:
        digests: the hash of each document's words, (N,).
        groups: the group of each document, (N,): the position of its first member.
        options: shares and seed.

    Returns:
        The names of the splits, (N,).
    """
    keys = np.full(len(groups), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(keys, groups, np.asarray(digests, np.uint64))
    return [_choose(int(keys[group]), options) for group in groups]


def _choose(key: int, options: SplitOptions) -> str:
    content = f"{options.seed}:{key}".encode()
    place = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") / 2**64
    bounds = np.cumsum(options.shares)
    used = options.used()
    for split, bound in zip(SPLITS, bounds, strict=True):
        if place < bound and split in used:
            return split
    return used[-1]  # the shares sum to a little less than 1 where they were rounded

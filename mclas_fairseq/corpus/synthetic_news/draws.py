"""Random draws that are the same on every machine and for every Python version.

Only `random.Random.random` is promised to give the same numbers in all versions of Python, so all
draws are made from it. Seeding by text makes an item depend on its own key alone, not on how many
were drawn before. Place in the pipeline: under `documents`.
"""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """A stream of random choices that belongs to one key."""

    def __init__(self, key: str) -> None:
        self._random = random.Random(key)

    def chance(self, probability: float) -> bool:
        """True with the given probability, in [0, 1]."""
        return self._random.random() < probability

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def choice(self, items: Sequence[T]) -> T:
        """One of the items, all equally likely."""
        return items[int(self._random.random() * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in random order (Fisher and Yates)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = int(self._random.random() * (last + 1))
            order[last], order[other] = order[other], order[last]
        return order

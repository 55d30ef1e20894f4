"""Seeded random subsets of a corpus, for low-resource training (MCLAS, ACL 2021, Table 1).

The released code of the paper takes the first shards of the corpus; here a subset depends on ids
and seed alone, so every system, file order and machine draws the same documents.
"""

import hashlib
from collections.abc import Sequence

from mclas_fairseq.errors import DataError


def draw_subset(ids: Sequence[str], size: int, seed: int) -> list[str]:
    """Draw `size` of the ids: those whose SHA-256 of "seed:id" is smallest.

    The choice does not depend on the order of `ids`, and a smaller subset of the same seed is
    contained in a larger one.

    Args:
        ids: unique ids to draw from.
        size: how many to draw, at least 1.
        seed: selects one of the random orders.

    Returns:
        The drawn ids in the order of `ids`.

    Raises:
        DataError: `size` is not between 1 and the number of ids, or an id occurs twice.
    """
    if not 1 <= size <= len(ids):
        raise DataError(
            f"subset: its size must lie between 1 and the number of documents to draw from,"
            f" {len(ids)}, but is {size}; ask for a size in this range"
        )
    if len(set(ids)) < len(ids):
        raise DataError("subset: the ids to draw from must be unique, but some occur twice")
    chosen = set(sorted(ids, key=lambda item: (_rank(item, seed), item))[:size])
    return [item for item in ids if item in chosen]


def _rank(item: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{item}".encode()).digest()

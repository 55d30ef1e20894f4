"""N-grams of vectors and the cost of moving one text's mass onto another's: MoverScore's numbers.

Kusner et al., "From Word Embeddings To Document Distances" (2015), with n-grams in the place of
words as in MoverScore (Zhao et al., 2019, section 3).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# Steps of the network simplex: far more than texts of some hundred pieces need.
_MAX_STEPS = 10_000_000


@dataclass(frozen=True)
class Mass:
    """G things to move.

    Attributes:
        vectors: where they are, (G, C), each of length 1.
        masses: how much there is of each, (G,), above 0 and 1 in all.
    """

    vectors: Matrix
    masses: Matrix


def n_grams(vectors: Matrix, weights: Matrix, n: int) -> Mass:
    """The n-grams of a text of T pieces.

    An n-gram's vector is the weighted mean of its pieces' vectors, brought to length 1; its mass is
    proportional to the sum of their weights. One without weight is left out.

    Args:
        vectors: of the pieces, (T, C).
        weights: of the pieces, (T,), not negative and not all 0.
        n: pieces in an n-gram; more than T: all pieces are one.
    """
    windows = np.lib.stride_tricks.sliding_window_view(
        np.arange(len(weights)), min(n, len(weights))
    )
    inside = weights[windows]  # (G, n)
    sums = inside.sum(axis=1)
    kept = sums > 0
    shares = inside[kept] / sums[kept, None]
    means = np.einsum("gn,gnc->gc", shares, vectors[windows[kept]])
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return Mass(means / np.maximum(lengths, 1e-12), sums[kept] / sums.sum())


def movers_distance(first: Mass, second: Mass, solve: Callable[..., Any]) -> float:
    """The smallest cost of moving the mass of one text onto the other, in [0, 2].

    Args:
        first: one text.
        second: the other; the distance is the same the other way round.
        solve: POT's `emd2`, or what takes and gives the same.
    """
    # Differences, not products of vectors: the distance of a vector from itself is exactly 0.
    costs = np.linalg.norm(first.vectors[:, None, :] - second.vectors[None, :, :], axis=2)
    return float(solve(first.masses, second.masses, costs, numItermax=_MAX_STEPS))

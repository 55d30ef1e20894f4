"""IBM model 1: every target token comes from one source token, wherever that stands.

Brown, Della Pietra, Della Pietra and Mercer (1993), "The Mathematics of Statistical Machine
Translation: Parameter Estimation" (Computational Linguistics 19:2), section 4.1; EM as it stands
there, with the empty word as one more source token.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.lexicon.bitext import Bitext, Floats, Group

SMALLEST = 1e-12  # no probability is smaller, so that single precision can hold their products


def posteriors(group: Group, table: Floats) -> tuple[Floats, Floats]:
    """Probability of each link under model 1.

    Args:
        group: N sentence pairs.
        table: P(target word | source word) of every token pair, shape (P,).

    Returns:
        Of target token j with source token i, shape (J, N, I), and with the empty word, (J, N);
        of a target token they sum to 1, of padding they are 0.
    """
    own = group.of_table(table)
    links, null = own[group.cells], own[group.null]
    scale = group.mask / (links.sum(2) + null)
    return links * scale[:, :, None], null * scale


def expected_counts(group: Group, links: Floats, null: Floats) -> Floats:
    """Sum of posteriors by token pair of a group, shape (U,)."""
    size = len(group.pairs) + 1  # the last is padding's
    linked: NDArray[Any] = np.bincount(group.cells.ravel(), links.ravel(), size)
    empty: NDArray[Any] = np.bincount(group.null.ravel(), null.ravel(), size)
    counts: Floats = (linked + empty)[:-1]
    return counts


def estimate(bitext: Bitext, table: Floats, iterations: int) -> Floats:
    """Estimate P(target word | source word) by EM, shape (P,).

    Args:
        bitext: the sentence pairs.
        table: where to start.
        iterations: how often; 0 returns the start.
    """
    for _ in range(iterations):
        counts = np.zeros(len(table))
        for group in bitext.groups:
            counts[group.pairs] += expected_counts(group, *posteriors(group, table))
        table = np.maximum(bitext.normalise(counts), SMALLEST)
    return table

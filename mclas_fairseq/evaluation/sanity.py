"""Whether a system's summaries have to do with their documents.

Two cheap signs of a model that learnt to write summaries but not to read: it writes the same few
for all documents, and it scores as well against the references of other documents. The second is a
measure of its own, **matched minus shuffled**: a summary's ROUGE-1 against its document's
references minus the mean over ten other documents'. What a stock phrase matches everywhere
cancels out; a constant summary has 0. Place in the pipeline: beside ROUGE, by way of
`evaluation/content.py`, in studies and in the demo.
"""

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.overlap import Counted, Places, Values, gaps

DERANGEMENTS = 10

Order = NDArray[np.int32]


def distinct_share(hypotheses: Sequence[str]) -> float:
    """The share of different texts among the hypotheses, in [0, 1].

    Raises:
        DataError: there are no hypotheses.
    """
    if not hypotheses:
        raise DataError(
            "distinct share: there must be at least one summary, but there is none;"
            " check that the file with the summaries is not empty"
        )
    return len(set(hypotheses)) / len(hypotheses)


def derangement(size: int, seed: int | str) -> Order:
    """A seeded permutation of range(size) that leaves nothing in its place, shape (size,).

    It is one long cycle, so it exists for every size from two on.

    Raises:
        DataError: `size` is below two.
    """
    if size < 2:
        raise DataError(
            f"shuffled references: there must be at least two documents, but there are {size};"
            " score more documents"
        )
    drawn = list(range(size))
    random.Random(seed).shuffle(drawn)
    cycle = np.array(drawn, dtype=np.int32)
    other = np.empty(size, dtype=np.int32)
    other[cycle] = np.roll(cycle, -1)
    return other


def derangements(size: int, seed: int, rounds: int = DERANGEMENTS) -> list[Order]:
    """`rounds` derangements of range(size), drawn by one seed; errors as `derangement`."""
    return [derangement(size, f"{seed}:{number}") for number in range(rounds)]


def matched_minus_shuffled(
    counted: Counted, places: Sequence[Places], *, multi_reference: str = "max"
) -> Values:
    """F1 of each summary against its references, minus the mean F1 against those of others: (N,).

    Args:
        counted: N summaries and their references.
        places: for each round, whose references each summary is scored against: `derangements`.
        multi_reference: "max" or "mean", see `overlap_scores`.
    """
    return gaps(counted, places, multi_reference=multi_reference)

"""Paired approximate randomisation: the test for two systems beside the paired bootstrap.

If two systems were equally good, either could have written either summary of a document: exchanging
their values on any of the documents would change nothing. So the labels are exchanged at random,
each document on its own with probability one half, and the p value is the share of such rounds
whose difference is at least as large as the observed one (Noreen, "Computer-Intensive Methods for
Testing Hypotheses", 1989; Riezler and Maxwell, "On Some Pitfalls in Automatic Evaluation and
Significance Testing for MT", 2005, ACL W05-0908, who find it the more careful of the two tests).
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.evaluation.intervals import SEED

ROUNDS = 10_000
# Labels drawn at once: bounds the memory (32 MB, twice).
_CHUNK = 4_000_000


def paired_randomisation(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    rounds: int = ROUNDS,
    seed: int = SEED,
) -> float:
    """Two-sided p value of the difference between two systems on the same N documents.

    p = (hits + 1) / (rounds + 1): the observed difference counts as one of the rounds, so that p is
    never 0.

    Args:
        first: the values of system A, (N,), or (S, N) for S training runs.
        second: those of system B; its number of runs may be another one.
        rounds: how often labels are exchanged.
        seed: of the exchanges.

    Values of several runs are averaged for each document first, and the labels of the averages are
    exchanged: the test is then about these runs, with documents as its only source of chance. (The
    paired bootstrap resamples runs too.)

    Raises:
        ValueError: the numbers of documents differ, there are none, or there is no round.
    """
    return paired_randomisations([(first, second)], rounds=rounds, seed=seed)[0]


def paired_randomisations(
    pairs: Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]],
    *,
    rounds: int = ROUNDS,
    seed: int = SEED,
) -> list[float]:
    """Two-sided p values of two systems under several measures of the same N documents.

    Labels are exchanged once for all; each p value is what `paired_randomisation` gives alone.
    """
    by_measure = [_gaps(first, second, rounds) for first, second in pairs]
    if not by_measure:
        return []
    gaps = np.stack(by_measure, axis=1)  # (N, measures)
    count, measures = gaps.shape
    generator = np.random.default_rng(seed)
    total = gaps.sum(axis=0)
    # Sums of the same numbers in another order differ by rounding, which must not decide on ties.
    threshold = np.abs(total) - 1e-12 * np.abs(gaps).sum(axis=0)
    hits = np.zeros(measures, dtype=np.int64)
    rows = max(1, _CHUNK // count)
    for start in range(0, rounds, rows):
        kept = generator.integers(0, 2, size=(min(rows, rounds - start), count))
        # Kept gaps add, exchanged ones subtract: kept - (total - kept).
        sums = 2.0 * (kept.astype(np.float64) @ gaps) - total
        hits += (np.abs(sums) >= threshold).sum(axis=0)
    return [(found + 1.0) / (rounds + 1.0) for found in hits.tolist()]


def _gaps(
    first: NDArray[np.float64], second: NDArray[np.float64], rounds: int
) -> NDArray[np.float64]:
    """Differences by document, (N,), of the means over runs."""
    if not _is_paired(first, second) or rounds < 1:
        raise ValueError(
            "paired randomisation: needs values of the same documents, (N,) or (S, N), and one"
            f" round or more, but got shapes {first.shape} and {second.shape} and {rounds} rounds"
        )
    gaps: NDArray[np.float64] = np.atleast_2d(first).mean(axis=0) - np.atleast_2d(second).mean(
        axis=0
    )
    return gaps


def _is_paired(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    has_values = first.size > 0 and second.size > 0
    return (
        has_values and {first.ndim, second.ndim} <= {1, 2} and first.shape[-1] == second.shape[-1]
    )

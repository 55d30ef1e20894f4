"""Sampling error of a mean over documents, and of the difference between two systems.

Efron's percentile bootstrap, and its paired form for two systems on the same documents (Koehn,
"Statistical Significance Tests for Machine Translation Evaluation", 2004). Documents are drawn with
replacement; all resamples are drawn and averaged by numpy at once. The same seed gives the same
draws for every system and metric with the same number of documents.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 12345
_CONFIDENCE = 0.95
# Indices drawn at once: bounds the memory (32 MB) whatever the number of documents.
_CHUNK = 4_000_000


@dataclass(frozen=True)
class PairedComparison:
    """System A against system B on the same documents; in the units of the values compared.

    Attributes:
        difference: mean of A minus mean of B.
        low: lower end of the 95 % interval of the difference.
        high: upper end of it.
        p_value: two-sided; how often a difference at least as large would come up by chance if the
            systems were equally good.
        win_rate: share of the resamples in which A is better; a tie counts half.
    """

    difference: float
    low: float
    high: float
    p_value: float
    win_rate: float


def bootstrap_means(
    values: NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = SEED
) -> NDArray[np.float64]:
    """Means of samples of N drawn with replacement from `values` (N,): shape (resamples,)."""
    if values.ndim != 1 or not len(values) or resamples < 1:
        raise ValueError(
            f"bootstrap: needs one value or more in one dimension and one resample or more, but got"
            f" shape {values.shape} and {resamples} resamples"
        )
    return np.concatenate(
        [values[index].mean(axis=1) for index in _draws(len(values), resamples, seed)]
    )


def bootstrap_interval(
    values: NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float]:
    """Ends of the bootstrap 95 % interval of the mean of `values` (N,)."""
    return _percentiles(bootstrap_means(values, resamples=resamples, seed=seed))


def paired_bootstrap(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> PairedComparison:
    """Compare two systems by their values on the same N documents, each of shape (N,).

    Raises:
        ValueError: the shapes differ.
    """
    if first.shape != second.shape:
        raise ValueError(
            f"paired bootstrap: both systems need the same documents, but have shapes {first.shape}"
            f" and {second.shape}"
        )
    # The mean of the differences is the difference of the means.
    gaps = first - second
    difference = float(gaps.mean())
    means = bootstrap_means(gaps, resamples=resamples, seed=seed)
    low, high = _percentiles(means)
    # Moved to 0, the resampled differences show what chance alone does. The observed one counts as
    # one of them, so that p is never 0; the tolerance keeps rounding from deciding about ties.
    as_large = np.abs(means - difference) >= abs(difference) - 1e-12
    return PairedComparison(
        difference=difference,
        low=low,
        high=high,
        p_value=(float(as_large.sum()) + 1.0) / (resamples + 1.0),
        win_rate=float((means > 0).mean() + 0.5 * (means == 0).mean()),
    )


def _draws(count: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Indices into `count` documents, some resamples (rows) at a time."""
    generator = np.random.default_rng(seed)
    rows = max(1, _CHUNK // count)
    for start in range(0, resamples, rows):
        yield generator.integers(0, count, size=(min(rows, resamples - start), count))


def _percentiles(means: NDArray[np.float64]) -> tuple[float, float]:
    tail = 50.0 * (1.0 - _CONFIDENCE)
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return float(low), float(high)

"""Sampling error of a mean over documents, and of the difference between two systems.

Efron's percentile bootstrap, and its paired form for two systems on the same documents (Koehn,
"Statistical Significance Tests for Machine Translation Evaluation", 2004, ACL W04-3250). Documents
are drawn with replacement (`evaluation/resampling.py`). The same seed
gives the same draws for every system and metric with the same number of documents.

Values of several training runs ("seeds" of a system: shape (S, N)) are resampled in both
directions, S runs and N documents, each drawn with replacement (Owen, "The pigeonhole bootstrap",
2007): the interval then says what another training run and another test set would give. Drawing
from few runs understates their spread (by the factor (S - 1) / S in the variance): with fewer than
five, read the interval as a lower bound of the error.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.evaluation.resampling import paired_gaps, resampled_means

RESAMPLES = 1000
SEED = 12345
_CONFIDENCE = 0.95


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
    """Means of samples drawn with replacement from `values`: shape (resamples,).

    Args:
        values: one value for each document (N,), or for each run and document (S, N). Of (S, N),
            each sample holds S runs and N documents, the same documents in each of its runs.
        resamples: how many samples.
        seed: of the draws; the documents drawn depend on it and on N alone.

    Raises:
        ValueError: there are no values, or they have other dimensions.
    """
    means: NDArray[np.float64] = resampled_means(
        [[_by_run(values)]], resamples=resamples, seed=seed
    )[0]
    return means


def bootstrap_interval(
    values: NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float]:
    """Ends of the bootstrap 95 % interval of the mean of `values` (N,) or (S, N)."""
    return bootstrap_intervals([values], resamples=resamples, seed=seed)[0]


def bootstrap_intervals(
    measures: Iterable[NDArray[np.float64]], *, resamples: int = RESAMPLES, seed: int = SEED
) -> list[tuple[float, float]]:
    """The intervals of several measures of the same N documents, from samples that they share.

    Each is what `bootstrap_interval` gives for it alone.
    """
    statistics = [[_by_run(values)] for values in measures]
    if not statistics:
        return []
    means = resampled_means(statistics, resamples=resamples, seed=seed)
    return [percentile_interval(row) for row in means]


def paired_bootstrap(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> PairedComparison:
    """Compare two systems by their values on the same N documents, each (N,) or (S, N).

    A resample holds the same documents for both systems. Runs are drawn for each system on its
    own, as they have nothing in common: the systems may have different numbers of them.

    Raises:
        ValueError: the numbers of documents differ, or the values are not as said.
    """
    return paired_bootstraps([(first, second)], resamples=resamples, seed=seed)[0]


def paired_bootstraps(
    pairs: Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> list[PairedComparison]:
    """Two systems under several measures of the same N documents, from samples that they share.

    Each is what `paired_bootstrap` gives for it alone.
    """
    statistics = []
    for first, second in pairs:
        if first.shape[-1:] != second.shape[-1:]:
            raise ValueError(
                "paired bootstrap: both systems need the same documents, but have shapes"
                f" {first.shape} and {second.shape}"
            )
        statistics.append(list(paired_gaps(_by_run(first), _by_run(second))))
    if not statistics:
        return []
    means = resampled_means(statistics, resamples=resamples, seed=seed)
    return [_comparison(*both) for both in zip(statistics, means, strict=True)]


def _comparison(
    systems: Sequence[NDArray[np.float64]], means: NDArray[np.float64]
) -> PairedComparison:
    """What resampled differences (resamples,) say of the observed one."""
    difference = float(systems[0].mean())
    if len(systems) > 1:
        difference = float(systems[0].mean() - systems[1].mean())
    low, high = percentile_interval(means)
    # Moved to 0, the resampled differences show what chance alone does. The observed one counts as
    # one of them, so that p is never 0; the tolerance keeps rounding from deciding about ties.
    as_large = np.abs(means - difference) >= abs(difference) - 1e-12
    return PairedComparison(
        difference=difference,
        low=low,
        high=high,
        p_value=(float(as_large.sum()) + 1.0) / (len(means) + 1.0),
        win_rate=float((means > 0).mean() + 0.5 * (means == 0).mean()),
    )


def _by_run(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` as (S, N); those of one run, (N,), become (1, N)."""
    if values.ndim not in (1, 2) or not values.size:
        raise ValueError(
            f"bootstrap: needs one value or more, by document (N,) or by run and document (S, N),"
            f" but got shape {values.shape}"
        )
    return np.atleast_2d(values)


def percentile_interval(means: NDArray[np.float64]) -> tuple[float, float]:
    """Ends of the 95 % interval of a statistic, from its resampled values (resamples,)."""
    tail = 50.0 * (1.0 - _CONFIDENCE)
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return float(low), float(high)

"""Sampling error of a mean over documents, and of the difference between two systems.

Efron's percentile bootstrap, and its paired form for two systems on the same documents (Koehn,
"Statistical Significance Tests for Machine Translation Evaluation", 2004, ACL W04-3250). Documents
are drawn with replacement; all resamples are drawn and averaged by numpy at once. The same seed
gives the same draws for every system and metric with the same number of documents.

Values of several training runs ("seeds" of a system: shape (S, N)) are resampled in both
directions, S runs and N documents, each drawn with replacement (Owen, "The pigeonhole bootstrap",
2007): the interval then says what another training run and another test set would give. Drawing
from few runs understates their spread (by the factor (S - 1) / S in the variance): with fewer than
five, read the interval as a lower bound of the error.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 12345
_CONFIDENCE = 0.95
# Indices drawn at once: bounds the memory (32 MB, a few times) whatever the number of documents.
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
    """Means of samples drawn with replacement from `values`: shape (resamples,).

    Args:
        values: one value for each document (N,), or for each run and document (S, N). Of (S, N),
            each sample holds S runs and N documents, the same documents in each of its runs.
        resamples: how many samples.
        seed: of the draws; the documents drawn depend on it and on N alone.

    Raises:
        ValueError: there are no values, or they have other dimensions.
    """
    return _resampled_means([_by_run(values)], resamples, seed)


def bootstrap_interval(
    values: NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float]:
    """Ends of the bootstrap 95 % interval of the mean of `values` (N,) or (S, N)."""
    return percentile_interval(bootstrap_means(values, resamples=resamples, seed=seed))


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
    if first.shape[-1:] != second.shape[-1:]:
        raise ValueError(
            f"paired bootstrap: both systems need the same documents, but have shapes {first.shape}"
            f" and {second.shape}"
        )
    systems = [_by_run(first), _by_run(second)]
    if len(systems[0]) == len(systems[1]) == 1:
        # The mean of the differences is the difference of the means.
        systems = [systems[0] - systems[1]]
        difference = float(systems[0].mean())
    else:
        difference = float(systems[0].mean() - systems[1].mean())
    means = _resampled_means(systems, resamples, seed)
    low, high = percentile_interval(means)
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


def _by_run(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` as (S, N); those of one run, (N,), become (1, N)."""
    if values.ndim not in (1, 2) or not values.size:
        raise ValueError(
            f"bootstrap: needs one value or more, by document (N,) or by run and document (S, N),"
            f" but got shape {values.shape}"
        )
    return np.atleast_2d(values)


def _resampled_means(
    systems: Sequence[NDArray[np.float64]], resamples: int, seed: int
) -> NDArray[np.float64]:
    """Resampled means of the first system (S, N), minus those of the second if there is one."""
    if resamples < 1:
        raise ValueError(f"bootstrap: needs one resample or more, but got {resamples}")
    # Runs are drawn from streams of their own: the documents are those of a single run.
    streams = [np.random.default_rng([seed, number]) for number in range(1, len(systems) + 1)]
    means = []
    for index in _draws(systems[0].shape[1], resamples, seed):
        mixed = [
            _mix_runs(values, len(index), stream)
            for values, stream in zip(systems, streams, strict=True)
        ]
        values = mixed[0] if len(mixed) == 1 else mixed[0] - mixed[1]
        means.append(np.take_along_axis(values, index, axis=1).mean(axis=1))
    return np.concatenate(means)


def _mix_runs(
    values: NDArray[np.float64], rows: int, stream: np.random.Generator
) -> NDArray[np.float64]:
    """Each document's mean over S drawn runs, for `rows` draws: (S, N) -> (rows, N), S = 1 as is.

    A sample's runs have the same documents, so averaging over its runs may come first.
    """
    runs = len(values)
    if runs == 1:
        return values
    drawn = stream.integers(0, runs, size=(rows, runs))
    shares: NDArray[np.float64] = (drawn[:, :, None] == np.arange(runs)).mean(axis=1)
    return shares @ values


def _draws(count: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Indices into `count` documents, some resamples (rows) at a time."""
    generator = np.random.default_rng(seed)
    rows = max(1, _CHUNK // count)
    for start in range(0, resamples, rows):
        yield generator.integers(0, count, size=(min(rows, resamples - start), count))


def percentile_interval(means: NDArray[np.float64]) -> tuple[float, float]:
    """Ends of the 95 % interval of a statistic, from its resampled values (resamples,)."""
    tail = 50.0 * (1.0 - _CONFIDENCE)
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return float(low), float(high)

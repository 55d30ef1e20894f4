"""Means of samples that are drawn with replacement, for several measures from the same draws.

What `evaluation/intervals.py` rests on. The samples depend on the seed, the number of documents and
the number of resamples alone, so that all measures of a system, and the differences between two
systems, share them: drawing takes longer than averaging does.

With few documents the values themselves are gathered in the order of the draws. With many, where
gathering would wait for memory, each sample becomes counts (how often each document is in it),
which are multiplied with the values of all measures at once: the same means but for the order in
which floating point adds up.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

# Indices drawn at once: bounds the memory (32 MB, a few times) whatever the number of documents.
_CHUNK = 4_000_000
# From so many documents on, their values no longer fit in a processor's nearer caches.
_MANY = 100_000

Values = NDArray[np.float64]


def resampled_means(statistics: Sequence[Sequence[Values]], *, resamples: int, seed: int) -> Values:
    """Resampled means of each statistic, shape (statistics, resamples).

    Args:
        statistics: each is one system's values by run and document (S, N), or two systems', whose
            difference is meant. N is the same for all, S need not be. Each sample holds S runs and
            N documents, the same documents in all of its runs and for both systems; runs are drawn
            for each system on its own.
        resamples: how many samples.
        seed: of the draws.

    Raises:
        ValueError: there is no resample.
    """
    if resamples < 1:
        raise ValueError(f"bootstrap: needs one resample or more, but got {resamples}")
    count = statistics[0][0].shape[1]
    shares = [
        [_run_shares(len(values), resamples, [seed, at]) for at, values in enumerate(systems, 1)]
        for systems in statistics
    ]
    means = np.empty((len(statistics), resamples))
    fill = _fill_by_counts if count >= _MANY else _fill_in_order
    generator = np.random.default_rng(seed)
    size = max(1, _CHUNK // count)
    for start in range(0, resamples, size):
        rows = slice(start, min(start + size, resamples))
        index = generator.integers(0, count, size=(rows.stop - start, count))
        fill(means, rows, index, statistics, shares)
    return means


def _run_shares(runs: int, resamples: int, stream: Sequence[int]) -> Values:
    """Each run's share of each sample, shape (resamples, S).

    Runs are drawn from streams of their own: the documents are those of a single run.
    """
    if runs == 1:
        return np.ones((resamples, 1))
    drawn = np.random.default_rng(stream).integers(0, runs, size=(resamples, runs))
    shares: Values = (drawn[:, :, None] == np.arange(runs)).mean(axis=1)
    return shares


def _fill_in_order(
    means: Values,
    rows: slice,
    index: NDArray[np.int64],
    statistics: Sequence[Sequence[Values]],
    shares: Sequence[Sequence[Values]],
) -> None:
    """Average the values in the order of `index` (rows, N), for these rows of the samples.

    A sample's runs have the same documents, so averaging over its runs may come first.
    """
    for place, (systems, drawn) in enumerate(zip(statistics, shares, strict=True)):
        mixed = [
            values if len(values) == 1 else share[rows] @ values
            for values, share in zip(systems, drawn, strict=True)
        ]
        values = mixed[0] if len(mixed) == 1 else mixed[0] - mixed[1]
        gathered = (
            values[0].take(index) if len(values) == 1 else np.take_along_axis(values, index, axis=1)
        )
        means[place, rows] = gathered.mean(axis=1)


def _fill_by_counts(
    means: Values,
    rows: slice,
    index: NDArray[np.int64],
    statistics: Sequence[Sequence[Values]],
    shares: Sequence[Sequence[Values]],
) -> None:
    """The same means from how often each document is in a sample."""
    count = index.shape[1]
    for row, drawn_documents in zip(range(rows.start, rows.stop), index, strict=True):
        counts = np.bincount(drawn_documents, minlength=count).astype(np.float64)
        for place, (systems, drawn) in enumerate(zip(statistics, shares, strict=True)):
            by_system = [
                float(share[row] @ (values @ counts)) / count
                for values, share in zip(systems, drawn, strict=True)
            ]
            means[place, row] = by_system[0] - sum(by_system[1:])


def paired_gaps(first: Values, second: Values) -> Iterator[Values]:
    """What is resampled for two systems, each (S, N): one array of gaps where both have one run.

    The mean of the differences is the difference of the means, and rounding then leaves systems
    that are alike exactly alike.
    """
    if len(first) == len(second) == 1:
        yield first - second
    else:
        yield first
        yield second

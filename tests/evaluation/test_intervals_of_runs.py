"""Bootstrap over several training runs: values of shape (S, N)."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mclas_fairseq.evaluation import resampling
from mclas_fairseq.evaluation.intervals import (
    bootstrap_interval,
    bootstrap_means,
    paired_bootstrap,
)

RUNS = np.random.default_rng(7).beta(2, 5, size=(3, 23))
OTHER = np.random.default_rng(8).beta(2, 5, size=(2, 23))


def slow_means(values: NDArray[np.float64], resamples: int, seed: int, stream: int) -> list[float]:
    """The same draws, one after the other, each sample written out."""
    documents = np.random.default_rng(seed)
    runs = np.random.default_rng([seed, stream])
    count: int = values.shape[1]
    means = []
    for _ in range(resamples):
        drawn = documents.integers(0, count, size=count)
        sample = [
            float(values[run, document])
            for run in runs.integers(0, len(values), size=len(values))
            for document in drawn
        ]
        means.append(sum(sample) / len(sample))
    return means


def simulate(
    generator: np.random.Generator, runs: int, documents: int, spread: float
) -> NDArray[np.float64]:
    """Values around 0: an effect of each run, one of each document, and of both together."""
    by_run = generator.normal(0, spread, size=(runs, 1))
    by_document = generator.normal(0, 1, size=documents)
    return by_run + by_document + generator.normal(0, 0.5, size=(runs, documents))


def coverage(values: list[NDArray[np.float64]]) -> float:
    """How often the interval holds the true mean, 0."""
    ends = [bootstrap_interval(sample, resamples=300) for sample in values]
    return sum(low <= 0 <= high for low, high in ends) / len(ends)


def test_runs_and_documents_are_resampled_as_in_a_slow_loop_over_the_same_draws() -> None:
    expected = slow_means(RUNS, 200, seed=3, stream=1)
    np.testing.assert_allclose(bootstrap_means(RUNS, resamples=200, seed=3), expected, atol=1e-12)


def test_two_systems_share_documents_and_draw_their_runs_apart() -> None:
    first = np.array(slow_means(RUNS, 200, seed=3, stream=1))
    gaps = first - np.array(slow_means(OTHER, 200, seed=3, stream=2))
    result = paired_bootstrap(RUNS, OTHER, resamples=200, seed=3)
    assert result.difference == pytest.approx(RUNS.mean() - OTHER.mean())
    assert (result.low, result.high) == pytest.approx(tuple(np.percentile(gaps, [2.5, 97.5])))
    assert result.win_rate == pytest.approx((gaps > 0).mean())
    as_large = np.abs(gaps - result.difference) >= abs(result.difference)
    assert result.p_value == pytest.approx((as_large.sum() + 1) / 201)


def test_one_run_in_two_dimensions_is_exactly_one_run() -> None:
    np.testing.assert_array_equal(bootstrap_means(RUNS[:1]), bootstrap_means(RUNS[0]))
    assert paired_bootstrap(RUNS[:1], OTHER[0]) == paired_bootstrap(RUNS[0], OTHER[0])


def test_equal_runs_give_the_interval_of_one_run() -> None:
    same = np.tile(RUNS[0], (4, 1))
    np.testing.assert_allclose(bootstrap_means(same), bootstrap_means(RUNS[0]), atol=1e-12)


def test_runs_that_differ_widen_the_interval() -> None:
    moved = RUNS[0] + np.array([[-0.2], [0.0], [0.2]])  # the same mean
    low, high = bootstrap_interval(RUNS[0])
    wider_low, wider_high = bootstrap_interval(moved)
    assert wider_low < low - 0.05
    assert wider_high > high + 0.05


def test_documents_only_of_equal_values_leave_the_spread_of_the_runs() -> None:
    # Runs at 0 and 1: a sample of two runs has mean 0, 0.5, 0.5 or 1 with equal chance.
    means = bootstrap_means(np.repeat([[0.0], [1.0]], 5, axis=1), resamples=8000)
    shares = [float((means == value).mean()) for value in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_result_for_runs_does_not_depend_on_how_many_rows_are_drawn_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = bootstrap_means(RUNS)
    monkeypatch.setattr(resampling, "_CHUNK", 100)
    np.testing.assert_allclose(bootstrap_means(RUNS), whole, atol=1e-12)


def test_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    samples = [generator.beta(2, 5, size=80) - 2 / 7 for _ in range(600)]
    # 600 trials of 0.95: standard deviation 0.009.
    assert coverage(samples) == pytest.approx(0.95, abs=0.03)


def test_interval_of_runs_covers_where_that_of_documents_alone_does_not() -> None:
    generator = np.random.default_rng(1)
    samples = [simulate(generator, runs=8, documents=60, spread=0.3) for _ in range(400)]
    assert 0.90 <= coverage(samples) <= 0.98
    assert coverage([sample.mean(axis=0) for sample in samples]) < 0.88


def test_paired_interval_of_runs_covers_the_true_difference() -> None:
    generator = np.random.default_rng(2)
    hits = 0
    for _ in range(300):
        documents = generator.normal(0, 1, size=50)  # shared: hard and easy ones
        first = documents + simulate(generator, 8, 50, spread=0.2) * 0.5
        second = documents + simulate(generator, 6, 50, spread=0.2) * 0.5
        result = paired_bootstrap(first, second, resamples=300)
        hits += result.low <= 0 <= result.high
    assert 0.90 <= hits / 300 <= 0.985


@pytest.mark.parametrize("values", [RUNS[:, 1:], RUNS[0, 1:]])
def test_systems_with_runs_need_the_same_documents(values: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match=r"same documents, but have shapes \(2, 23\) and"):
        paired_bootstrap(OTHER, values)

import random
from statistics import NormalDist

import numpy as np
import pytest

from mclas_fairseq.evaluation import resampling
from mclas_fairseq.evaluation.intervals import (
    bootstrap_interval,
    bootstrap_means,
    paired_bootstrap,
)

VALUES = np.random.default_rng(7).beta(2, 5, size=37)


def test_vectorised_bootstrap_equals_a_slow_loop_over_the_same_draws() -> None:
    generator = np.random.default_rng(3)
    means = []
    for _ in range(200):
        total = 0.0
        for index in generator.integers(0, len(VALUES), size=len(VALUES)):
            total += float(VALUES[index])
        means.append(total / len(VALUES))
    np.testing.assert_allclose(bootstrap_means(VALUES, resamples=200, seed=3), means, atol=1e-12)
    # 95 % of 200 sorted means: positions 0.025 * 199 = 4.975 and 194.025, linearly interpolated.
    means.sort()
    low = means[4] + 0.975 * (means[5] - means[4])
    high = means[194] + 0.025 * (means[195] - means[194])
    assert bootstrap_interval(VALUES, resamples=200, seed=3) == pytest.approx((low, high))


def test_bootstrap_agrees_with_an_independent_generator() -> None:
    draw = random.Random(0)
    values = [float(value) for value in VALUES]
    means = sorted(sum(draw.choices(values, k=37)) / 37 for _ in range(4000))
    low, high = bootstrap_interval(VALUES, resamples=4000)
    # The means have a standard deviation of about 0.026; their percentiles agree far better.
    assert low == pytest.approx(means[100], abs=0.004)
    assert high == pytest.approx(means[3900], abs=0.004)


def test_result_does_not_depend_on_how_many_rows_are_drawn_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = bootstrap_means(VALUES)
    monkeypatch.setattr(resampling, "_CHUNK", 100)
    np.testing.assert_array_equal(bootstrap_means(VALUES), whole)


def test_interval_of_equal_values_has_no_width() -> None:
    assert bootstrap_interval(np.full(5, 0.25)) == (0.25, 0.25)


@pytest.mark.parametrize(
    "values", [np.empty(0), np.empty((0, 3)), np.empty((3, 0)), np.zeros((2, 2, 2)), np.array(1.0)]
)
def test_bootstrap_refuses_other_shapes(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="one value or more"):
        bootstrap_interval(values)


def test_bootstrap_refuses_no_resamples() -> None:
    with pytest.raises(ValueError, match="one resample or more, but got 0"):
        bootstrap_interval(VALUES, resamples=0)


def test_paired_bootstrap_of_a_system_that_always_wins() -> None:
    result = paired_bootstrap(VALUES + 0.1, VALUES)
    assert result.difference == pytest.approx(0.1)
    assert (result.low, result.high) == pytest.approx((0.1, 0.1))
    assert result.win_rate == 1.0
    assert result.p_value == pytest.approx(1 / 1001)


def test_paired_bootstrap_of_a_system_with_itself() -> None:
    result = paired_bootstrap(VALUES, VALUES)
    assert (result.difference, result.low, result.high) == (0.0, 0.0, 0.0)
    assert (result.p_value, result.win_rate) == (1.0, 0.5)


def test_paired_bootstrap_is_the_mirror_image_when_systems_are_swapped() -> None:
    other = np.random.default_rng(8).beta(2, 5, size=37)
    one, two = paired_bootstrap(VALUES, other), paired_bootstrap(other, VALUES)
    assert one.difference == pytest.approx(-two.difference)
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low))
    assert one.p_value == pytest.approx(two.p_value)
    assert one.win_rate == pytest.approx(1 - two.win_rate)


def test_paired_bootstrap_hand_computed_for_two_documents() -> None:
    # Gaps 0 and 1. A resample's mean is 0, 0.5, 0.5 or 1 with equal chance; moved by the observed
    # 0.5 they are -0.5, 0, 0, 0.5: half are as large as 0.5. A is better in three of four cases,
    # and the tie counts half: 0.875.
    result = paired_bootstrap(np.array([0.3, 1.0]), np.array([0.3, 0.0]), resamples=20_000)
    assert result.difference == 0.5
    assert (result.low, result.high) == (0.0, 1.0)
    assert result.p_value == pytest.approx(0.5, abs=0.02)
    assert result.win_rate == pytest.approx(0.875, abs=0.01)


def test_p_value_has_the_size_of_a_t_test_where_that_holds() -> None:
    gaps = np.random.default_rng(5).normal(0.02, 0.1, size=100)
    result = paired_bootstrap(gaps, np.zeros(100), resamples=5000)
    z = float(gaps.mean() / (gaps.std(ddof=1) / 10))  # with 100 documents t is all but normal
    assert result.p_value == pytest.approx(2 * (1 - NormalDist().cdf(abs(z))), abs=0.02)


def test_paired_bootstrap_refuses_different_documents() -> None:
    with pytest.raises(ValueError, match=r"\(37,\) and \(36,\)"):
        paired_bootstrap(VALUES, VALUES[1:])

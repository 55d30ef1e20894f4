"""How differences between systems are judged over seeds."""

import numpy as np
import pytest

from studies.harness.judging import over_seeds


def test_the_interval_is_students_over_the_means_of_seeds() -> None:
    # Differences of the seeds' means: 1, 2, 3; t(0.975, 2) = 4.302653, standard error 1 / sqrt(3).
    ours, theirs = np.array([[2.0, 4.0], [3.0, 5.0], [6.0, 4.0]]), np.array([[2.0, 2.0]] * 3)
    gap = over_seeds(ours, theirs)
    half = 4.302653 / np.sqrt(3)
    assert (gap.mean, gap.low, gap.high) == pytest.approx((2.0, 2 - half, 2 + half), abs=1e-5)
    assert gap.p == pytest.approx(0.074180, abs=1e-5)  # t = 2 sqrt(3), two sides, 2 degrees


@pytest.mark.parametrize(("difference", "p"), [(0.0, 1.0), (100.0, 0.0)])
@pytest.mark.filterwarnings("error")
def test_a_difference_without_spread_is_its_own_interval(difference: float, p: float) -> None:
    ours = np.full((5, 1), difference)
    gap = over_seeds(ours, np.zeros((5, 1)))
    assert (gap.mean, gap.low, gap.high, gap.p) == (difference, difference, difference, p)


@pytest.mark.filterwarnings("error")
def test_what_rounding_adds_is_no_spread() -> None:
    gap = over_seeds(np.array([[0.1 + 0.2], [0.3]]), np.zeros((2, 1)))
    assert gap.low == gap.high == pytest.approx(0.3)
    assert gap.p == 0.0
    assert over_seeds(np.array([[0.1 + 0.2 - 0.3], [0.0]]), np.zeros((2, 1))).p == 1.0


def test_one_seed_is_not_judged() -> None:
    with pytest.raises(ValueError, match="two seeds or more, got 1"):
        over_seeds(np.ones((1, 4)), np.zeros((1, 4)))

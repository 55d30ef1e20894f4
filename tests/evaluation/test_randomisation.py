from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from mclas_fairseq.evaluation import randomisation
from mclas_fairseq.evaluation.randomisation import paired_randomisation

GENERATOR = np.random.default_rng(5)
FIRST = GENERATOR.beta(3, 5, size=9)
SECOND = GENERATOR.beta(2, 5, size=9)


def exact(gaps: NDArray[np.float64]) -> float:
    """The share of all 2^N exchanges with a difference at least as large."""
    observed = abs(gaps.sum()) - 1e-12
    sums = [abs((np.array(signs) * gaps).sum()) for signs in product((1, -1), repeat=len(gaps))]
    return float(np.mean([value >= observed for value in sums]))


def test_p_value_is_that_of_the_exact_permutation_distribution() -> None:
    p = paired_randomisation(FIRST, SECOND, rounds=20_000)
    assert 0.05 < p < 0.95  # a case that tells something
    assert p == pytest.approx(exact(FIRST - SECOND), abs=0.015)


def test_p_value_is_that_of_scipy() -> None:
    generator = np.random.default_rng(6)
    first = generator.beta(2, 5, size=40)
    second = first + generator.normal(-0.03, 0.1, size=40)
    oracle = stats.permutation_test(
        (first, second),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=9999,
        random_state=0,
    )
    assert paired_randomisation(first, second) == pytest.approx(oracle.pvalue, abs=0.015)


def test_p_value_counts_hits_and_the_observed_round() -> None:
    # One document: either exchange gives a difference as large, so all rounds are hits.
    assert paired_randomisation(np.array([1.0]), np.array([0.0]), rounds=99) == 1.0
    # 50 documents that all differ alike: no round but the observed one reaches 50 times the gap.
    assert paired_randomisation(np.ones(50), np.zeros(50), rounds=99) == pytest.approx(0.01)


def test_equal_systems_have_p_one_and_rounding_does_not_decide_ties() -> None:
    assert paired_randomisation(FIRST, FIRST) == 1.0
    # However these are added and subtracted, the sum is an odd multiple of 0.1, as is the observed
    # one, -0.1; as floating-point numbers a quarter of the sums are smaller.
    assert paired_randomisation(np.array([-0.2, 0.3, -0.1, -0.1]), np.zeros(4)) == 1.0


def test_swapping_the_systems_keeps_the_p_value() -> None:
    assert paired_randomisation(FIRST, SECOND) == paired_randomisation(SECOND, FIRST)


def test_runs_are_averaged_for_each_document_first() -> None:
    generator = np.random.default_rng(9)
    first, second = generator.normal(0.3, 1, (3, 20)), generator.normal(0, 1, (2, 20))
    expected = paired_randomisation(first.mean(axis=0), second.mean(axis=0))
    assert paired_randomisation(first, second) == expected
    assert paired_randomisation(first, second[0]) != expected


def test_p_value_does_not_depend_on_how_many_rounds_are_drawn_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = paired_randomisation(FIRST, SECOND)
    monkeypatch.setattr(randomisation, "_CHUNK", 100)
    assert paired_randomisation(FIRST, SECOND) == whole


def test_p_values_of_equally_good_systems_are_spread_evenly() -> None:
    generator = np.random.default_rng(10)
    p_values = [
        paired_randomisation(*generator.normal(0, 1, (2, 30)), rounds=200, seed=trial)
        for trial in range(400)
    ]
    # Standard deviation of a share of 0.05 in 400 trials: 0.011.
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.035)
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("first", "second", "rounds"),
    [
        (FIRST, SECOND[1:], 10),
        (np.empty(0), np.empty(0), 10),
        (FIRST, SECOND, 0),
        (np.zeros((1, 2, 9)), SECOND, 10),
        (np.empty((0, 9)), SECOND, 10),
    ],
)
def test_randomisation_refuses_what_is_not_paired(
    first: NDArray[np.float64], second: NDArray[np.float64], rounds: int
) -> None:
    with pytest.raises(ValueError, match=r"paired randomisation: needs .* but got shapes"):
        paired_randomisation(first, second, rounds=rounds)

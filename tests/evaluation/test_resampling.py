"""Shared draws and counted samples: the numbers of each measure alone, drawn and gathered."""

import numpy as np
import pytest

from mclas_fairseq.evaluation import resampling
from mclas_fairseq.evaluation.intervals import (
    bootstrap_interval,
    bootstrap_intervals,
    paired_bootstrap,
    paired_bootstraps,
)
from mclas_fairseq.evaluation.randomisation import paired_randomisation, paired_randomisations
from mclas_fairseq.evaluation.resampling import resampled_means

DRAW = np.random.default_rng(5)
ONE, OTHER = DRAW.beta(2, 5, size=(2, 1, 41))
RUNS, MORE_RUNS = DRAW.beta(2, 5, size=(3, 41)), DRAW.beta(2, 5, size=(2, 41))
STATISTICS = [[ONE], [RUNS], [ONE, MORE_RUNS], [RUNS, MORE_RUNS], [RUNS, OTHER]]


def test_counted_samples_have_the_means_of_gathered_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    gathered = resampled_means(STATISTICS, resamples=300, seed=3)
    monkeypatch.setattr(resampling, "_MANY", 41)
    monkeypatch.setattr(resampling, "_CHUNK", 100)
    counted = resampled_means(STATISTICS, resamples=300, seed=3)
    assert (counted != gathered).any()  # it went the other way
    np.testing.assert_allclose(counted, gathered, atol=1e-14)


def test_a_measure_among_others_has_the_numbers_that_it_has_alone() -> None:
    measures = [ONE, RUNS, ONE[0]]
    assert bootstrap_intervals(measures) == [bootstrap_interval(one) for one in measures]
    pairs = [(ONE, OTHER), (RUNS, MORE_RUNS), (ONE, RUNS), (ONE[0], OTHER[0])]
    assert paired_bootstraps(pairs) == [paired_bootstrap(*pair) for pair in pairs]
    alone = [paired_randomisation(*pair, rounds=500) for pair in pairs]
    assert paired_randomisations(pairs, rounds=500) == alone
    assert len(set(alone)) == 3  # the first and the last pair are one


def test_without_measures_nothing_is_drawn() -> None:
    assert bootstrap_intervals([]) == []
    assert paired_bootstraps([]) == []
    assert paired_randomisations([]) == []

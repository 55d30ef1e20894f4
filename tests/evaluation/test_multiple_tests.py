import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from mclas_fairseq.evaluation.multiple_tests import holm


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04; never decreasing.
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.7, 0.6]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_holm_agrees_with_statsmodels() -> None:
    generator = np.random.default_rng(0)
    for size in (2, 3, 7, 40):
        p_values = np.round(generator.beta(0.5, 3, size=size), 2)  # rounded: with ties
        expected = multipletests(p_values, method="holm")[1]
        np.testing.assert_allclose(holm(p_values.tolist()), expected, atol=1e-12)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_probability(wrong: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1, but got"):
        holm([0.5, wrong])

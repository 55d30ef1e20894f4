import json
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import ArrayLike
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_kappa

from mclas_fairseq.evaluation.human.answers import Judgements
from mclas_fairseq.evaluation.human.design import ASPECTS
from mclas_fairseq.evaluation.human.report import text_table, to_json
from mclas_fairseq.evaluation.human.scores import (
    ALL,
    Estimate,
    HumanScores,
    agreement_by_item,
    fleiss_kappa,
    score_judgements,
)

# J. L. Fleiss, "Measuring Nominal Scale Agreement among Many Raters", Psychological Bulletin 76
# (1971), Table 1: how many of 6 psychiatrists put each of 30 patients into each of 5 categories
# (depression, personality disorder, schizophrenia, neurosis, other). The paper computes an
# agreement of 0.556, an agreement by chance of 0.220, and kappa = 0.430.
FLEISS = """
    00060 03003 01401 00006 03030 20400 00402 20310 20040 00006
    10050 11040 03300 10050 02031 00501 30012 51000 02040 10203
    00006 01050 02013 20040 10041 05010 40002 02040 10500 00006
"""


def judgements(
    values: ArrayLike,
    *,
    design: str,
    systems: str,
    system: Sequence[int],
    document: Sequence[int],
) -> Judgements:
    """Judgements from (annotators, items), the same for all aspects, or with aspects as well."""
    array = np.array(values)
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    documents = tuple(f"d{number}" for number in range(max(document) + 1))
    return Judgements(
        design, tuple(systems), documents, np.array(system), np.array(document), array
    )


def test_kappa_and_agreement_are_those_of_the_worked_example_of_fleiss() -> None:
    table = np.array([[int(digit) for digit in patient] for patient in FLEISS.split()])
    assert table.shape == (30, 5)
    assert table.sum(axis=0).tolist() == [26, 26, 30, 55, 43]  # 0.144, 0.144, 0.167, 0.306, 0.239
    assert fleiss_kappa(table) == pytest.approx(0.430, abs=0.0005)
    assert agreement_by_item(table).mean() == pytest.approx(0.556, abs=0.0005)


def test_kappas_of_the_mclas_paper_follow_from_its_agreements() -> None:
    # MCLAS, ACL 2021, Table 4: agreement in per cent and kappa. Four summaries, of which each
    # annotator calls one best, one worst and two neither, whatever they say.
    by_chance = 0.25**2 + 0.25**2 + 0.5**2
    for agreement, kappa in ((0.6048, 0.37), (0.5135, 0.22), (0.5016, 0.20)):
        assert (agreement - by_chance) / (1 - by_chance) == pytest.approx(kappa, abs=0.005)
    generator = np.random.default_rng(0)
    values = np.array([[generator.permutation([1, -1, 0, 0]) for _ in range(50)] for _ in range(7)])
    scores = score_judgements(
        judgements(
            values.reshape(7, 200).tolist(),
            design="bws",
            systems="abcd",
            system=np.tile(range(4), 50).tolist(),
            document=np.repeat(range(50), 4).tolist(),
        )
    )
    found = scores.agreement[ALL]
    assert found.kappa is not None
    expected = (found.overall.value - by_chance) / (1 - by_chance)
    assert found.kappa.value == pytest.approx(expected)


def test_best_worst_scores_by_hand() -> None:
    # Two documents, systems a, b, c, two annotators.
    # Annotator 1: d0 best a worst b; d1 best a worst c. Annotator 2: d0 best c worst b; d1 best b
    # worst a. a: 2 best, 1 worst of 4; b: 1 best, 2 worst; c: 1 best, 1 worst.
    scores = score_judgements(
        judgements(
            [[1, -1, 0, 1, 0, -1], [0, -1, 1, -1, 1, 0]],
            design="bws",
            systems="abc",
            system=[0, 1, 2, 0, 1, 2],
            document=[0, 0, 0, 1, 1, 1],
        )
    )
    for aspect in ASPECTS:
        found = {system: scores.systems[system][aspect].value for system in "abc"}
        assert found == {"a": 0.25, "b": -0.25, "c": 0.0}
    # By document, a has 0.5 and 0: a resample's mean is 0, 0.25 or 0.5.
    assert (scores.systems["a"]["fluency"].low, scores.systems["a"]["fluency"].high) == (0.0, 0.5)
    # Only b in d0 is called the same by both annotators: 1 of 6 pairs.
    assert scores.agreement["fluency"].overall.value == pytest.approx(1 / 6)


def test_a_system_shown_more_often_is_scored_by_how_often_it_was_shown() -> None:
    # d0 has two questions with system a (best in one, worst in the other), d1 one (best).
    scores = score_judgements(
        judgements(
            [[1, -1, -1, 1, 1, -1]],
            design="bws",
            systems="ab",
            system=[0, 1, 0, 1, 0, 1],
            document=[0, 0, 0, 0, 1, 1],
        )
    )
    found = scores.systems["a"]["fluency"]
    assert found.value == pytest.approx(1 / 3)
    # Resamples: d0 twice 0/4, both 1/3, d1 twice 1.
    assert (found.low, found.high) == (0.0, 1.0)


def test_mean_ratings_and_their_intervals_by_hand() -> None:
    values = [[[1, 2, 5], [3, 2, 4]], [[2, 2, 5], [5, 2, 4]]]  # annotators, items, aspects
    scores = score_judgements(
        judgements(values, design="rating", systems="a", system=[0, 0], document=[0, 1])
    )
    found = scores.systems["a"]
    assert [found[aspect].value for aspect in ASPECTS] == [2.75, 2.0, 4.5]
    assert (found["informativeness"].low, found["informativeness"].high) == (1.5, 4.0)
    assert (found["conciseness"].low, found["conciseness"].high) == (2.0, 2.0)
    assert scores.agreement["informativeness"].overall.value == 0.0
    assert scores.agreement["fluency"].overall.value == 1.0
    assert scores.agreement[ALL].overall.value == pytest.approx(4 / 6)
    # 5, 5, 4, 4 is agreement beyond chance; 2, 2, 2, 2 cannot be told from it.
    fluency, conciseness = scores.agreement["fluency"].kappa, scores.agreement["conciseness"].kappa
    assert fluency is not None
    assert fluency.value == 1.0
    assert conciseness is None
    assert "undefined" in text_table(scores)
    agreement = to_json(scores)["agreement"]
    assert isinstance(agreement, dict)
    assert agreement["conciseness"]["fleiss_kappa"] is None


def test_kappa_is_resampled_as_in_a_slow_loop_over_the_same_draws() -> None:
    generator = np.random.default_rng(1)
    values = generator.integers(1, 4, size=(3, 24)) + generator.integers(0, 3, size=24)
    subject = judgements(
        values.tolist(),
        design="rating",
        systems="ab",
        system=np.tile(range(2), 12).tolist(),
        document=np.repeat(range(12), 2).tolist(),
    )
    counts = (values[..., None] == np.arange(1, 6)).sum(axis=0).reshape(12, 2, 5)
    draws = np.random.default_rng(5)
    kappas = []
    for _ in range(100):
        drawn = draws.integers(0, 12, size=12)
        kappas.append(statsmodels_kappa(counts[drawn].reshape(24, 5)))
    found = score_judgements(subject, resamples=100, seed=5).agreement["fluency"].kappa
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(kappas, [2.5, 97.5])))


def test_a_single_annotator_has_scores_but_no_agreement() -> None:
    scores = score_judgements(
        judgements([[4, 2]], design="rating", systems="ab", system=[0, 1], document=[0, 0])
    )
    assert scores.agreement == {}
    assert "kappa" not in text_table(scores)
    assert scores.systems["a"]["fluency"].value == 4.0


def test_as_many_best_as_worst_is_zero_without_a_sign() -> None:
    almost = Estimate(-1e-17, -0.3, -4e-4)
    values = {"A": {aspect: almost for aspect in ASPECTS}}
    scores = HumanScores("bws", documents=10, annotators=1, systems=values, agreement={})
    assert text_table(scores).splitlines()[2].split()[1:4] == ["0.000", "[-0.300,", "0.000]"]
    assert '"value": 0.0' in json.dumps(to_json(scores))

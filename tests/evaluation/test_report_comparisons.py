"""Two systems side by side: both tests, Holm's correction, tables and JSON."""

import numpy as np
import pytest

from mclas_fairseq.evaluation.comparison_report import (
    comparison_table,
    comparison_to_json,
    comparisons_to_json,
    format_p,
    resampling_to_json,
)
from mclas_fairseq.evaluation.comparisons import Resampling, compare_systems
from mclas_fairseq.evaluation.intervals import paired_bootstrap
from mclas_fairseq.evaluation.multiple_tests import holm
from mclas_fairseq.evaluation.randomisation import paired_randomisation
from mclas_fairseq.evaluation.systems import Measure, System

SETTINGS = Resampling(resamples=200, rounds=500, seed=3)


def system(name: str, *runs: list[float]) -> System:
    """A system with the given ROUGE-1 values by run and document, and R-2 half of them."""
    values = np.array(runs)
    measures = {
        "rouge1": Measure("rouge1", "R-1", "f1", values, "rouge1.f"),
        "rouge1.recall": Measure("rouge1", "R-1", "recall", values, "rouge1.r"),
        "rouge2": Measure("rouge2", "R-2", "f1", values / 2, "rouge2.f"),
    }
    return System(name, (name,), (), measures, values, values[0], "rouge")


A = system("A", [0.9, 0.8, 0.7, 0.9, 0.4, 0.6])
B = system("B", [0.5, 0.6, 0.7, 0.3, 0.2, 0.7])
C = system("C", [0.8, 0.8, 0.6, 0.9, 0.5, 0.5], [0.9, 0.7, 0.7, 0.8, 0.4, 0.6])


def test_every_f1_is_compared_by_both_tests() -> None:
    (found,) = compare_systems(A, [B], SETTINGS)
    assert list(found.by_metric) == ["rouge1", "rouge2"]
    values = A.measures["rouge1"].values, B.measures["rouge1"].values
    cell = found.by_metric["rouge1"]
    assert cell.bootstrap == paired_bootstrap(*values, resamples=200, seed=3)
    assert cell.randomisation == paired_randomisation(*values, rounds=500, seed=3)
    assert cell.bootstrap.difference == pytest.approx(1.3 / 6)
    assert cell.bootstrap_holm is None


def test_holm_corrects_over_all_metrics_of_all_comparisons() -> None:
    plain = compare_systems(A, [B, C], SETTINGS)
    corrected = compare_systems(A, [B, C], SETTINGS, correct=True)
    cells = [cell for one in plain for cell in one.by_metric.values()]
    expected = holm([cell.randomisation for cell in cells])
    found = [cell.randomisation_holm for one in corrected for cell in one.by_metric.values()]
    assert len(expected) == 4
    assert found == expected
    boot = [cell.bootstrap_holm for one in corrected for cell in one.by_metric.values()]
    assert boot == holm([cell.bootstrap.p_value for cell in cells])


def test_table_is_first_minus_second_in_points() -> None:
    (found,) = compare_systems(A, [B], SETTINGS)
    lines = comparison_table(found).splitlines()
    assert lines[0] == "A minus B, paired bootstrap over documents (boot.)"
    assert lines[2].split()[:2] == ["metric", "difference"]
    assert lines[4].split()[:2] == ["R-1", "+21.67"]
    assert lines[5].split()[:2] == ["R-2", "+10.83"]
    assert "Holm" not in lines[2]


def test_table_with_holm_keeps_to_100_columns() -> None:
    for found in compare_systems(A, [B, C], SETTINGS, correct=True):
        lines = comparison_table(found).splitlines()
        assert "Holm (b.)" in lines[2]
        assert max(map(len, lines[2:])) <= 100


def test_title_says_when_training_runs_were_resampled() -> None:
    assert "over documents and training runs" in comparison_table(
        compare_systems(A, [C], SETTINGS)[0]
    )


def test_markdown_has_the_table_apart_from_its_title_and_names_escaped() -> None:
    (found,) = compare_systems(system("x_y", [0.1, 0.2]), [system("z", [0.1, 0.3])], SETTINGS)
    lines = comparison_table(found, style="github").splitlines()
    assert lines[0].startswith("x\\_y minus z")
    assert lines[2] == ""
    assert lines[3].startswith("| metric ")


def test_json_has_all_p_values_and_how_they_were_made() -> None:
    (found,) = compare_systems(A, [B], SETTINGS, correct=True)
    report = comparisons_to_json(found)
    assert (report["first"], report["second"]) == ("A", "B")
    metrics = report["metrics"]
    assert isinstance(metrics, dict)
    assert metrics["rouge1"]["difference"] == 21.6667
    assert (
        metrics["rouge1"]["p_value_randomisation_holm"]
        >= metrics["rouge1"]["p_value_randomisation"]
    )
    assert resampling_to_json(SETTINGS, runs=True) == {
        "interval": "percentile bootstrap over documents and training runs",
        "confidence": 0.95,
        "resamples": 200,
        "randomisation_rounds": 500,
        "seed": 3,
    }


def test_paired_bootstrap_alone_becomes_json_in_points() -> None:
    gold, noise = np.ones(3), np.zeros(3)
    assert comparison_to_json({"rouge1": paired_bootstrap(gold, noise)})["rouge1"] == {
        "difference": 100.0,
        "interval": [100.0, 100.0],
        "p_value": round(1 / 1001, 6),
        "win_rate": 1.0,
    }


@pytest.mark.parametrize(("value", "text"), [(0.05, "0.050"), (0.0004, "0.0004"), (1.0, "1.000")])
def test_p_values_are_never_shown_as_zero(value: float, text: str) -> None:
    assert format_p(value) == text

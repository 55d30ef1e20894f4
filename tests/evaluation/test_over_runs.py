"""Inference over training runs: Welch's test, the documents' part, and where it is shown."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from mclas_fairseq.cli import main
from mclas_fairseq.evaluation.intervals import paired_bootstrap
from mclas_fairseq.evaluation.over_runs import compare_over_runs


def _runs(means: list[float], documents: int = 50) -> NDArray[np.float64]:
    """Runs with these means whose documents vary alike: (runs, documents)."""
    values: NDArray[np.float64] = np.add.outer(means, np.resize([-0.1, 0.1], documents))
    return values


def test_without_documents_it_is_welchs_test_on_the_means_of_runs() -> None:
    first, second = [0.20, 0.24, 0.22], [0.19, 0.17, 0.23, 0.18, 0.20]
    found = compare_over_runs(_runs(first), _runs(second), documents=False)
    expected = stats.ttest_ind(first, second, equal_var=False)
    low, high = expected.confidence_interval()
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.freedom == pytest.approx(expected.df)
    assert found.runs == (3, 5)


def test_documents_that_differ_widen_the_interval() -> None:
    first, second = _runs([0.20, 0.24, 0.22]), _runs([0.19, 0.17, 0.23])
    same = compare_over_runs(first, second)
    second[:, ::2] += 0.5  # the gap now depends on the document, and its mean is as before
    second -= 0.25
    wider = compare_over_runs(first, second)
    assert same is not None
    assert wider is not None
    assert wider.difference == pytest.approx(same.difference)
    # By hand: gaps of -0.25 and +0.25 around their mean, over 50 documents.
    runs = np.var([0.20, 0.24, 0.22], ddof=1) / 3 + np.var([0.19, 0.17, 0.23], ddof=1) / 3
    documents = 0.25**2 * 50 / 49 / 50
    reach = stats.t.ppf(0.975, wider.freedom) * (runs + documents) ** 0.5
    assert wider.high - wider.difference == pytest.approx(reach)
    assert same.high - same.low < wider.high - wider.low


def test_it_is_wider_than_the_bootstrap_over_three_runs() -> None:
    generator = np.random.default_rng(3)
    first, second = (
        generator.normal(0.2, 0.02, (3, 1)) + generator.normal(0, 0.1, (3, 300)) for _ in range(2)
    )
    found, bootstrap = compare_over_runs(first, second), paired_bootstrap(first, second)
    assert found is not None
    assert found.high - found.low > 1.3 * (bootstrap.high - bootstrap.low)


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    # Two equally good methods with three runs each: an interval of 95 % misses 0 in 5 % of trials.
    generator = np.random.default_rng(7)
    missed = {"t": 0, "bootstrap": 0}
    for _ in range(400):
        documents = generator.normal(0, 0.1, (1, 60))
        first, second = (
            generator.normal(0, 0.03, (3, 1)) + documents + generator.normal(0, 0.05, (3, 60))
            for _ in range(2)
        )
        found = compare_over_runs(first, second)
        assert found is not None
        bootstrap = paired_bootstrap(first, second, resamples=200)
        missed["t"] += not found.low <= 0 <= found.high
        missed["bootstrap"] += not bootstrap.low <= 0 <= bootstrap.high
    assert missed["t"] < 0.07 * 400
    assert missed["bootstrap"] > 0.10 * 400, "this is why the other stands beside it"


def test_a_single_run_says_nothing_of_other_runs() -> None:
    assert compare_over_runs(_runs([0.2]), _runs([0.1, 0.2])) is None


def test_equal_values_leave_no_doubt() -> None:
    equal = np.full((2, 4), 0.5)
    found = compare_over_runs(equal, equal - 0.25)
    assert found is not None
    assert (found.low, found.high, found.p_value) == (0.25, 0.25, 0.0)


def test_other_documents_are_refused() -> None:
    with pytest.raises(ValueError, match="the same documents, but have shapes"):
        compare_over_runs(_runs([0.1, 0.2], 10), _runs([0.1, 0.2], 12))


def test_it_stands_beside_the_bootstrap_in_all_reports(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = "rot blau grün gelb weiß".split()
    Path("ref.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    for name, right in {"a1": 5, "a2": 4, "b1": 1, "b2": 0}.items():
        lines = [word if row < right else "nichts" for row, word in enumerate(words)]
        Path(f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    flags = ["--hyp", "a1.txt", "a2.txt", "--compare", "b1.txt", "b2.txt", "--holm"]
    flags += ["--ref", "ref.txt", "--lang", "de", "--json", "s.json", "--html", "s.html"]
    assert main(["score", *flags]) == 0
    printed = capsys.readouterr().out
    assert "t over training runs (2 and 2) and documents:\nfor claims about methods" in printed
    assert "Holm (t)" in printed
    cell = json.loads(Path("s.json").read_text(encoding="utf-8"))["comparison"]["rouge1"]
    assert cell["over_runs"]["interval"][0] < cell["interval"][0]
    assert cell["over_runs"]["p_value_holm"] >= cell["over_runs"]["p_value"]
    assert "p (t)" in Path("s.html").read_text(encoding="utf-8")
    assert "has 2 runs" in caplog.text
    assert "need 5 training runs" in caplog.text

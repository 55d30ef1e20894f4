"""The study of labellers' heads on made-up rows: cells, choice of k, verdicts, tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mclas_fairseq.corpus.labelled import LabelKind
from studies.harness.judging import FAILS, HOLDS, UNDECIDED
from studies.harness.table import Table
from studies.labelling.cells import (
    DRAWS,
    FEW,
    GRID,
    HIGHEST,
    LOWEST,
    SEEDS,
    WHOLE,
    Cell,
    all_cells,
    languages,
)
from studies.labelling.measuring import NAMES
from studies.labelling.report import report
from studies.labelling.running import order_of, read_ranking
from studies.labelling.verdicts import (
    choose,
    correlations,
    difference,
    verdict,
)

RANKING = {"en": {"encoder.0.self.0": 0.5, "encoder.0.self.1": 0.0, "encoder.1.self.0": 1.0}}


def test_each_cell_has_a_name_of_its_own_and_its_ranking_is_a_cell() -> None:
    cells = all_cells()
    names = {cell.name for cell in cells}
    assert len(names) == len(cells)
    assert all(cell.ranked.name in names for cell in cells)
    random = {cell.order for cell in cells if cell.order.startswith("random")}
    assert len(random) == DRAWS


def test_heads_go_in_the_order_that_the_cell_says() -> None:
    one = Cell("pos", ("en",), LOWEST, 1, 1)
    assert order_of(one, RANKING) == ["encoder.0.self.1", "encoder.0.self.0", "encoder.1.self.0"]
    assert order_of(Cell("pos", ("en",), HIGHEST, 1, 1), RANKING)[0] == "encoder.1.self.0"
    draws = [order_of(Cell("pos", ("en",), f"random-{n}", 1, 1), RANKING) for n in (1, 1, 2, 3, 4)]
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) > 1
    merged = {**RANKING, "all-sum": {name: -value for name, value in RANKING["en"].items()}}
    several = Cell("pos", ("en", "de"), "all-sum", 1, 1, ("en", "de"))
    assert order_of(several, merged)[0] == "encoder.1.self.0"


def test_a_ranking_is_read_by_column(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("# mark\nrank,head,all,en\n1,h.0,0,0.5\n2,h.1,1,0\n", encoding="utf-8")
    assert read_ranking(path) == {"all": {"h.0": 0, "h.1": 1}, "en": {"h.0": 0.5, "h.1": 0}}


def row(valid: float, test: float) -> dict[str, Any]:
    scores = {"valid": {"score": valid}, "test": {"score": test}}
    return {"scores": {"de": scores}}


def test_k_is_chosen_on_validation_and_the_papers_on_test() -> None:
    """By hand: validation means 50, 52, 51 of k = 0, 1, 2; the best tests are 43 and 41."""
    whole = [Cell("pos", ("en",), WHOLE, 0, seed) for seed in SEEDS]
    pruned = {k: [Cell("pos", ("en",), LOWEST, k, seed) for seed in SEEDS] for k in (1, 2)}
    values = {
        0: [(50, 40), (50, 40), (50, 40)],
        1: [(54, 41), (52, 39), (50, 40)],
        2: [(51, 43), (51, 41), (51, 40)],
    }
    rows = {
        cell.name: row(*values[k][at])
        for k, cells in {0: whole, **pruned}.items()
        for at, cell in enumerate(cells)
    }
    found = choose(rows, whole, pruned, "de")
    assert found is not None
    assert found.k == 1
    assert found.gain == pytest.approx(0.0)
    assert found.paper_gain == pytest.approx((43 + 41 + 40) / 3 - 40)
    assert found.cells[0] == (pruned[1][0], whole[0])
    for cell in pruned[1]:  # equals: the smallest k, none pruned
        rows[cell.name] = row(50, 60)
    for cell in pruned[2]:
        rows[cell.name] = row(50, 60)
    again = choose(rows, whole, pruned, "de")
    assert again is not None
    assert (again.k, again.gain) == (0, 0.0)
    del rows[pruned[2][1].name]
    assert choose(rows, whole, pruned, "de") is None


def test_a_difference_has_an_interval_over_sentences_and_runs() -> None:
    draw = np.random.default_rng(1)

    def run(share: float) -> Any:
        right = draw.binomial(10, share, size=200)
        return np.stack([np.full(200, 10), right, right, right, right], axis=1).astype(float)

    better = [run(0.8) for _ in SEEDS]
    worse = [run(0.6) for _ in SEEDS]
    value, low, high = difference([(better, worse)], LabelKind.POS)
    assert low < value < high
    assert value == pytest.approx(20, abs=3)
    assert low > 10
    assert verdict(low, high) == HOLDS
    assert verdict(-high, -low) == FAILS
    assert verdict(-1, 1) == UNDECIDED
    same, low, high = difference([(worse, worse)], LabelKind.POS)
    assert same == 0.0
    assert low < 0 < high  # runs are drawn for each side
    both, *_ = difference([(better, worse), (worse, better)], LabelKind.POS)
    assert both == pytest.approx(0.0)


def test_ranks_correlate_where_every_pair_does() -> None:
    draw = np.random.default_rng(2)
    base = draw.normal(size=48)
    alike = {"en": base, "de": base + 0.1 * draw.normal(size=48), "zh": draw.normal(size=48)}
    told, lines = correlations([alike] * 3, [("en", "de")])
    assert told == HOLDS
    assert lines[0][1] > 0.9
    assert correlations([alike] * 3, [("en", "de"), ("en", "zh")])[0] == UNDECIDED
    assert correlations([alike] * 3, [("en", "zh")])[0] == FAILS


def _row(cell: Cell, base: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A made-up row, better by a point without 4 heads, and its counts."""
    scores: dict[str, Any] = {}
    lines = []
    for language in languages(cell.task):
        score = base + (1.0 if cell.k == 4 else 0.0) + 0.01 * cell.seed
        one = {"score": score, "constant": 20.0}
        scores[language] = {"valid": one, "test": one}
        right = round(score)
        counts = dict.fromkeys(NAMES, " ".join([str(right)] * 20)) | {
            "words": " ".join(["100"] * 20)
        }
        lines.append({"cell": cell.name, "split": "test", "language": language, **counts})
    names = [f"encoder.{layer}.self.{head}" for layer in range(6) for head in range(8)]
    made: dict[str, Any] = {"encoder": {"sha256": "a"}, "scores": scores}
    if not cell.k:
        values = {code: list(range(48)) for code in ("all", *languages(cell.task))}
        made["ranking"] = {"heads": names, **values}
    return made, lines


def test_the_report_has_the_papers_tables_and_judges_what_is_there(tmp_path: Path) -> None:
    table = Table("labelling", tmp_path)
    told = {title: lines for title, lines in report(table)}
    assert any("not judged: cells are missing" in line for line in told[list(told)[-1]])
    wanted = [Cell("pos", ("en",), WHOLE, 0, seed) for seed in SEEDS]
    wanted += [Cell("pos", ("en",), LOWEST, k, seed) for k in FEW for seed in SEEDS]
    documents = []
    rows = {}
    for cell in wanted:
        rows[cell.name], lines = _row(cell, 60.0)
        documents += lines
    table._add_lines(documents)
    table._write_rows(rows)
    told = {title: lines for title, lines in report(table)}
    first, *_, verdicts = told.values()
    assert first[1].split() == ["de", "60.02", "61.02", "(4)", "61.02", "-", "-", "-"]
    assert verdicts[0].startswith("1 pruning helps, pos, cross: holds: +1.00 [+1.00, +1.00]")
    assert "not judged" in verdicts[1]
    (ranks,) = [line for line in verdicts if line.startswith("2 ranks correlate, pos")]
    assert "holds: en-de 1.00" in ranks
    controls = told["Table 5's shape: which heads go, English to one target"]
    assert controls[1].split() == ["lowest", "+1.00", "+1.00", "-", "-"]
    alike = told["Gain against likeness of English and the target, Spearman"]
    assert alike[0] == "pos, multi, de: not judged: cells are missing"
    assert "pos, cross (2 targets): fewer than 3, no correlation" in alike
    assert set(GRID) <= set(FEW)  # so that the lowest first need no cells of their own
    table._write_rows({**rows, "other": {**rows[wanted[0].name], "encoder": {"sha256": "b"}}})
    with pytest.raises(SystemExit, match="all cells must have one encoder, but they have 2"):
        list(report(table))

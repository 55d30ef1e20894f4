"""The rules and the report of the VHM study, on made-up scores."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from studies.harness import judging
from studies.harness.command import choose
from studies.harness.table import Table
from studies.vhm import cells as grid
from studies.vhm import report, verdicts
from studies.vhm.__main__ import Vhm
from tests.studies.conftest import made_up as made_up_scores

Floats = NDArray[np.float64]


def health(kl: float, low: float) -> dict[str, Any]:
    cost = {"nll_cost": [low + 0.1, low, low + 0.2]}
    return {"kl": kl, "choices": {"another document's": cost, "mean of the split": cost}}


class MadeUp:
    """Scores of 60 documents and 3 seeds: a common part, a system's mean, and noise."""

    def __init__(self, corpus: Any, means: dict[tuple[int, str], float]):
        self.corpus = corpus
        rng = np.random.default_rng(7)
        common = rng.normal(30.0, 5.0, size=(1, 60))
        self.values = {
            key: common + mean + rng.normal(0.0, 0.5, size=(3, 60)) for key, mean in means.items()
        }
        self.found = [health(0.5, 0.1)] * 3

    def scores(self, size: int, system: str) -> Floats | None:
        return self.values.get((size, system))

    def health(self, size: int, system: str) -> list[dict[str, Any]]:
        return self.found if (size, system) in self.values else []


def judge(results: MadeUp) -> dict[str, str]:
    parts = [line.partition(": ") for line in verdicts.verdicts(results)]
    return {name: said for name, _, said in parts}


def made_up(last: dict[str, float], few: dict[str, float] | None = None) -> MadeUp:
    means = {(1_983, name): mean for name, mean in last.items()}
    means |= {(200, name): mean for name, mean in (few or {}).items()}
    return MadeUp(grid.XSCITLDR, means)


EQUAL = {"tncls": 0.0, "mt_ms_cls": 0.0, "vhm": 0.0, "vhm-free-bits": 0.0}


@pytest.mark.parametrize(
    ("mean", "said"), [(2.0, "yes ("), (-2.0, "no, it loses ("), (0.0, "undecided (")]
)
def test_each_vhm_is_compared_with_mt_ms_cls(mean: float, said: str) -> None:
    found = judge(made_up(EQUAL | {"vhm-free-bits": mean, "mt_ms_cls": 0.0}))
    assert found["1. VHM with free bits beats MT-MS-CLS"].startswith(said)
    assert found["1. VHM beats MT-MS-CLS"].startswith("undecided (")


def test_two_chances_to_beat_mt_ms_cls_are_corrected_for(monkeypatch: pytest.MonkeyPatch) -> None:
    p = iter((0.03, 0.9, 0.5))
    monkeypatch.setattr(judging, "paired_randomisation", lambda *_: next(p))
    found = judge(made_up(EQUAL | {"vhm": 2.0}))["1. VHM beats MT-MS-CLS"]
    assert found.startswith("undecided (")
    assert found.endswith("p 0.0300, corrected 0.0600).")


@pytest.mark.parametrize(
    ("few", "last", "said"),
    [(3.0, 1.0, "yes ("), (1.0, 3.0, "it shrinks ("), (1.0, 1.0, "undecided (")],
)
def test_the_gap_grows_shrinks_or_nobody_knows(few: float, last: float, said: str) -> None:
    results = made_up(EQUAL | {"vhm": last}, EQUAL | {"vhm": few})
    assert judge(results)["2. The gap of VHM grows as data shrink"].startswith(said)


def test_nothing_is_judged_while_cells_are_missing() -> None:
    found = judge(made_up({}))
    assert {value.rstrip(".") for value in found.values()} == {"not judged: cells are missing"}
    assert "4. Parts of VHM with free bits" in judge(MadeUp(grid.NEWS, {}))


def test_a_part_matters_if_its_ablation_loses() -> None:
    means = dict.fromkeys([*EQUAL, *grid.ABLATIONS], 0.0) | {"vhm-no-cls": -2.0, "vhm-flat": 2.0}
    found = judge(MadeUp(grid.NEWS, {(2_000, name): mean for name, mean in means.items()}))
    of = {
        name: found[f"4. {grid.SYSTEMS[name].label} minus VHM with free bits"]
        for name in grid.ABLATIONS
    }
    assert of["vhm-no-cls"].endswith("this part matters.")
    assert of["vhm-flat"].endswith("undecided."), "better without it: the part does not matter"
    assert of["vhm-no-mt"].endswith("undecided.")


def test_a_latent_variable_is_used_if_another_documents_costs_in_each_seed() -> None:
    results = made_up(EQUAL)
    name = "5. z_cls of VHM is used on 1983"
    assert judge(results)[name].startswith("yes (")
    results.found = [health(0.5, 0.1), health(0.5, 0.1), health(0.5, -0.1)]
    assert judge(results)[name].startswith("not in every seed (")
    results.found = [health(0.001, 0.1)] * 3
    assert judge(results)[name].startswith("no (")
    results.found = [health(0.5, 0.1)] * 2
    assert judge(results)[name] == "not judged: cells are missing."


def test_every_cell_has_a_name_of_its_own_and_trials_among_them() -> None:
    study = Vhm()
    cells = [
        cell
        for corpus in study.corpora
        for cell in [*study.cells(corpus), *study.cells_by_name(corpus)]
    ]
    names = {cell.name for cell in cells}
    assert len(names) == len(cells) == 105
    assert {cell.tuned.name for cell in cells} <= names


def test_ablations_have_free_bits_and_the_rate_of_the_system_that_they_are_taken_from() -> None:
    whole = grid.SYSTEMS["vhm-free-bits"].flags
    for name, system in grid.ABLATIONS.items():
        assert system.flags.startswith(f"{whole} --"), name
        assert grid.Cell(grid.NEWS, 2_000, name, 3).tuned.name == "news_200_vhm-free-bits_seed1"
    for name in grid.REMEDIES:
        assert grid.Cell(grid.NEWS, 2_000, name, 3).tuned.name == "news_200_vhm_seed1"


def test_remedies_are_trained_only_when_they_are_named() -> None:
    study = Vhm()
    assert choose(study, "news", "") == list(grid.cells(grid.NEWS))
    for regex in ("", "vhm", "seed1", "free-bits"):
        systems = {cell.system for cell in choose(study, "news", regex)}
        assert not systems & set(grid.REMEDIES), regex
    named = choose(study, "news", "cyclical|per-dimension")
    assert {cell.system for cell in named} == set(grid.REMEDIES)
    assert {cell.size for cell in named} == {2_000}
    with pytest.raises(SystemExit, match="no cell of xscitldr matches cyclical"):
        choose(study, "xscitldr", "cyclical")


def test_the_report_takes_scores_of_the_split_and_health_of_the_training(tmp_path: Path) -> None:
    table = Table("vhm", tmp_path)
    for cell in [*grid.cells(grid.NEWS), *grid.remedies(grid.NEWS)]:
        latent = health(0.5, 0.1) if grid.SYSTEMS[cell.system].latent else None
        content = {"rate": "2e-3", "health": latent, "valid": {"de": made_up_scores("1000 3000")}}
        if cell.system not in grid.REMEDIES and cell.seed < 3:
            content["test"] = {"de": made_up_scores("5000 7000")}
        table.add(cell.name, content)
    valid, test = (report.Results(grid.NEWS, split, table) for split in ("valid", "test"))
    assert valid.missing == []
    assert {name[-5:] for name in test.missing} == {"seed3"}
    means = [valid.scores(2_000, system) for system in ("vhm", "vhm-cyclical")]
    assert [None if one is None else one.mean() for one in means] == [20.0, 20.0]
    assert test.scores(2_000, "vhm") is None, "a seed is missing"
    assert len(test.health(2_000, "vhm-free-bits")) == 2
    assert len(list(report.table_4(valid))) == 2 + 5 * 4
    report.plot(valid, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")

"""The study of VHM on package descriptions: its cells, what is trained on what, its rules."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studies.ddtp.beside import BASELINES
from studies.harness.judging import MISSING
from studies.harness.study import Work
from studies.harness.table import Table
from studies.vhm_ddtp import cells as grid
from studies.vhm_ddtp import corpora, report, verdicts
from studies.vhm_ddtp.__main__ import VhmOnDescriptions
from studies.vhm_ddtp.cells import ALL, FEW, Cell
from studies.vhm_ddtp.corpora import Material
from tests.studies.test_ddtp import packed

STUDY = VhmOnDescriptions()


def work(folder: Path) -> Work[Material]:
    files = {split: folder / f"{split}.jsonl" for split in ("valid", "test")}
    return Work(
        "it", folder, Table("vhm_ddtp", folder), Material(Path("bin"), files, Path("train"))
    )


def test_cells_are_those_of_the_rules() -> None:
    found = STUDY.cells("it")
    assert len(found) == len({cell.name for cell in found}) == 30 + 5 + 2 + 9

    def count(**wanted: object) -> int:
        return sum(all(getattr(cell, k) == v for k, v in wanted.items()) for cell in found)

    for system in ("vhm", "mt_ms_cls", "control"):
        assert count(system=system, size=ALL) == count(system=system, size=FEW) == 5
    assert (count(system="tncls"), count(system="tncls", size=FEW)) == (5, 0)
    assert count(system="ms_cls") == count(system="mt_cls") == 1
    assert count(system="vhm-cyclical") == count(system="vhm-free-bits") == 3
    assert [cell.seed for cell in found[:7]] == [1] * 7, "a seed of all that decides first"
    assert {cell.tuned.name for cell in found} <= {cell.name for cell in found}
    assert Cell(FEW, "control", 4).tuned == Cell(FEW, "mt_ms_cls", 1)
    assert Cell(ALL, "vhm-free-bits", 2).tuned == Cell(ALL, "vhm", 1)
    optional = {cell.system for cell in found if STUDY.optional(cell)}
    assert optional == {*grid.REMEDIES, *grid.ONCE}


def test_systems_differ_in_what_the_rules_say(tmp_path: Path) -> None:
    def words(system: str, size: int = ALL) -> str:
        return " ".join(STUDY.command(work(tmp_path), Cell(size, system, 2), "1e-3"))

    plain, control = words("mt_ms_cls"), words("control")
    assert control.replace(" --projection-without-latents", "") == plain
    assert words("vhm").replace(" --kl-annealing-updates 2000", "") == plain.replace(
        "mt_ms_cls_small", "vhm_small"
    )
    assert "--max-update 6000" in plain
    assert "--validate-interval-updates 250" in plain
    assert "--cls-subset-size" not in plain
    few = words("vhm", FEW)
    assert "--cls-subset-size 1746 --subset-seed 2" in few
    assert "--max-update 3000" in few
    assert "--kl-annealing-updates 1000" in few
    assert "--free-bits 4 " in words("vhm-free-bits")
    # A training ends after a third of the longest without a gain: not while the weight rises.
    for size, longest in grid.LONGEST.items():
        every = longest // grid.VALIDATIONS
        assert every * grid.PATIENCE == longest // 3
        assert f"--validate-interval-updates {every}" in words("vhm", size)


def test_records_are_translations_of_paragraphs_and_summaries_of_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {}

    def data_bin(out: Path, *flags: object, languages: tuple[str, str]) -> Path:
        made[out.name] = flags
        return out

    def rows(path: Path) -> list[dict[str, Any]]:
        both = {"en": ["One."], "it": ["Uno."]}
        first = {
            "id": f"{path.stem}0",
            "document": {"en": ["A b.", "c " * 81]},
            "summary": both,
            "translation": {"it": ["D e.", "f"]},
        }
        return [first, {"id": "1", "document": {"en": ["x"]}, "summary": {"en": ["y"]}}]

    monkeypatch.setattr(corpora, "data_bin", data_bin)
    monkeypatch.setattr(corpora, "_rows", lambda path: iter(rows(path)))
    monkeypatch.setattr(corpora, "check_count", lambda *_: None)
    material = corpora.build(tmp_path, tmp_path)

    def read(name: str) -> list[dict[str, Any]]:
        text = (tmp_path / "records" / f"{name}.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    assert [list(row["summary"]) for row in read("train")] == [["en", "it"]]
    assert [list(row["summary"]) for row in read("train.en")] == [["en"]]
    (pair,) = read("train.pairs")
    assert (pair["document"], pair["translation"]) == ({"en": "A b."}, {"it": "D e."})
    assert "summary" not in pair, "MT alone learns from it"
    assert "--task-tags" in made["bin"]
    assert material.records["test"].exists()
    with pytest.raises(SystemExit, match="--data"):
        corpora.build(None, tmp_path / "other")


def fill(table: Table, mean: Callable[[Cell], float], kl: float = 3.0, cost: float = 0.5) -> None:
    for kind in BASELINES:
        table.add(f"it_baseline-{kind}", {"valid": {"it": packed(5.0, 9)}})
    for cell in grid.cells():
        row: dict[str, Any] = {"cell": cell.settings, "rate": "1e-3", "rate_interior": True}
        row["best"] = {"cls_bound": 5.0, "update": grid.LONGEST[cell.size] - 250 * (cell.seed > 1)}
        # Apart by a little, as two systems have no scores in common.
        scores = packed(mean(cell) + 0.01 * list(grid.SYSTEMS).index(cell.system), cell.seed)
        row |= {"training": {"cpu_seconds": 90}, "valid": {"it": scores}}
        if grid.SYSTEMS[cell.system].latent:
            value = cost + 0.01 * cell.seed
            choices = ("another document's", "mean of the split", "zero")
            costs = {choice: {"nll_cost": [value, value - 0.1, value + 0.1]} for choice in choices}
            row["health"] = {"kl": kl, "active_units": {"cls": [3, 128]}, "choices": costs}
        table.add(cell.name, row)


def judged(folder: Path, mean: Callable[[Cell], float], **health: float) -> dict[str, str]:
    table = Table("vhm_ddtp", folder)
    fill(table, mean, **health)
    return {line.split(": ")[0]: line for line in verdicts.verdicts(report.Results("valid", table))}


def test_claims_are_judged_over_seeds(tmp_path: Path) -> None:
    gains = {"vhm": 3.0, "control": 1.0, "tncls": -4.0, "vhm-cyclical": 6.0}

    def mean(cell: Cell) -> float:
        few = 2.0 if (cell.size, cell.system) == (FEW, "vhm") else 0.0
        return 20.0 + gains.get(cell.system, 0.0) + few

    found = judged(tmp_path, mean)
    assert ": holds: " in found["1. VHM is above MT-MS-CLS on 1,746"]
    assert "p by Holm" in found["1. VHM is above MT-MS-CLS on 17,464"]
    assert (
        ": VHM is above the control on 17,464: holds: content R-1 +1.98" in found["2. z brings it"]
    )
    assert ": holds: " in found["3. The gap of VHM to MT-MS-CLS grows as data shrink"]
    assert "MT-MS-CLS is above TNCLS on 17,464: holds" in found["4. The other tasks help"]
    assert ": yes: another document's z costs +0.530" in found["5. z of VHM is used on 17,464"]
    remedy = found["6. VHM with cyclical annealing is above MT-MS-CLS on 17,464"]
    assert ": holds: " in remedy
    assert "3 seeds, a wide interval" in remedy


@pytest.mark.parametrize(
    ("health", "word"),
    [({"kl": 0.009}, "no"), ({"cost": -0.03}, "undecided"), ({"cost": -1.0}, "no")],
)
def test_z_is_used_if_it_has_a_kl_and_anothers_costs(
    health: dict[str, float], word: str, tmp_path: Path
) -> None:
    found = judged(tmp_path, lambda cell: 20.0, **health)
    assert f": {word}: another" in found["5. z of VHM is used on 1,746"]


def test_a_report_of_few_rows_says_what_is_missing(tmp_path: Path) -> None:
    table = Table("vhm_ddtp", tmp_path)
    results = report.Results("valid", table)
    shown = [line for _, lines in report.parts(results) for line in lines]
    assert sum(MISSING in line for line in shown) == 14
    assert shown[-2].startswith("46 cells (5 of MT-MS-CLS on 17,464, ")
    fill(table, lambda cell: 20.0)
    results = report.Results("valid", table)
    shown = [line for _, lines in report.parts(results) for line in lines]
    assert any(line.startswith("| 17,464 | VHM | 5 | ") for line in shown)
    assert "VHM, 1,746, seed 2 | 3.000 | cls 3/128 | +0.520 [+0.420, +0.620] |" in "\n".join(shown)
    assert any("| 17,464 | TNCLS | 1e-3 | yes | 6000, 5750" in line for line in shown)
    assert any("5750 | 1 of 5 | 5.000 | 2 |" in line for line in shown)
    assert any(line.startswith("- VHM, 17,464 CLS records: learned (") for line in shown)
    report.plot(results, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
    assert np.isfinite(results.runs(FEW, "vhm").values("rouge1")).all()  # type: ignore[union-attr]

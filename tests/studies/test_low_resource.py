"""The low-resource study: its rules on made-up scores, its rates, and its report."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studies.harness import running
from studies.harness.judging import Runs
from studies.harness.rates import Choice
from studies.harness.study import Work
from studies.harness.table import Table
from studies.low_resource import cells as grid
from studies.low_resource import report, verdicts
from studies.low_resource.__main__ import LowResource
from studies.low_resource.corpora import Material
from tests.studies.conftest import made_up


def packed(mean: float, length: int) -> dict[str, Any]:
    rng = np.random.default_rng(round(100 * mean) + length)
    f1 = (100 * np.clip(rng.normal(mean, 1.0, size=60), 0, 100)).round().astype(int)
    texts = {"rouge1": " ".join(map(str, f1)), "length": " ".join([str(length)] * 60)}
    return {"by_document": texts, "reference_length": 20.0}


def test_the_claims_of_mclas_are_judged_by_scores_and_lengths() -> None:
    means = {"mclas": 30.0, "ncls": 25.0, "ncls_ms": 27.0}
    means |= {"mclas-shuffled": 30.0, "ncls_ms-half": 24.0}
    lengths = dict.fromkeys(means, 21) | {"ncls": 30, "ncls_ms": 10}

    class Results:
        corpus = grid.XSCITLDR
        ms = Runs([packed(29.0, 20)])
        unfinished: tuple[str, ...] = ("ncls_ms-half",)

        def runs(self, size: int, system: str, start: str, language: str = "de") -> Runs:
            lost = 5.0 if start == "scratch" and system != "ncls" else 0.0
            seeds = 2 if system in self.unfinished else 3
            return Runs([packed(means[system] - lost, lengths[system])] * seeds)

    found = dict(line.split(": ", 1) for line in verdicts.verdicts(Results()))
    assert found == {
        "1. MCLAS is better than NCLS and NCLS+MS": "holds.",
        "2. Starting from MS helps every system": "undecided.",
        "3. MCLAS keeps the monolingual summaries": "holds.",
        "4. MCLAS has the better length": "holds.",
        "- Control, the content of `S^A` helps": "undecided.",
        "- Control, half-initialised NCLS+MS fails": "not judged: cells are missing.",
    }
    Results.unfinished = ("mclas",)
    *claims, content, half = verdicts.verdicts(Results())
    assert half == "- Control, half-initialised NCLS+MS fails: holds."
    for line in (*claims, content):
        assert line.endswith(": not judged: cells are missing."), line


def work(folder: Path) -> Work[Material]:
    files = {"valid": folder / "valid.jsonl", "test": folder / "test.jsonl"}
    material = Material(grid.XSCITLDR, Path("all"), Path("triples"), Path("shuffled"), files)
    return Work("xscitldr", folder, Table("low_resource", folder), material)


def test_every_cell_has_a_name_of_its_own_and_trials_among_them() -> None:
    cells = [cell for corpus in LowResource.corpora for cell in LowResource().cells(corpus)]
    names = {cell.name for cell in cells}
    assert len(names) == len(cells) == 120
    assert {cell.tuned.name for cell in cells} <= names


def test_rate_is_taken_from_a_finished_cell_wherever_it_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = grid.Cell(grid.XSCITLDR, 1983, "mclas-shuffled", "ms", 3)
    tried: list[tuple[str, str]] = []
    nll = {"1e-3": 7.0, "2e-3": 6.0}
    study, place = LowResource(), work(tmp_path)
    monkeypatch.setattr(running, "train", lambda *words: tried.append((words[2].name, words[3])))
    monkeypatch.setattr(
        study, "best", lambda log: {"cls_nll_bits_per_token": nll[log.stem.split("_lr")[1]]}
    )
    tuned = "xscitldr_1983_mclas_from-ms_seed1"
    found = running.choose_rate(study, place, cell)
    assert found is not None
    assert found.rate == "2e-3"
    assert tried == [(tuned, "1e-3"), (tuned, "2e-3")]

    trials = {rate: {"cls_nll_bits_per_token": 1.0, "update": 400} for rate in nll}
    place.table.add(f"bf16/{tuned}", {"rate": "2e-3", "trials": trials})
    assert running.choose_rate(study, place, cell) == Choice("2e-3", trials, f"bf16/{tuned}")
    place.table.add(tuned, {"rate": "1e-3", "trials": trials})
    assert running.choose_rate(study, place, cell) == Choice("1e-3", trials, tuned)
    assert len(tried) == 2


def test_systems_differ_in_what_they_are_trained_on(tmp_path: Path) -> None:
    study, place = LowResource(), work(tmp_path)

    def words(system: str, start: str = "ms", size: int = 200) -> str:
        cell = grid.Cell(grid.XSCITLDR, size, system, start, 2)
        return " ".join(study.command(place, cell, "1e-3"))

    assert words("mclas-shuffled").startswith("fairseq-train shuffled ")
    assert words("mclas").startswith("fairseq-train triples ")
    assert "--target-layout ncls_ms --arch ncls_ms_tiny --lr 1e-3" in words("ncls_ms")
    assert words("ncls_ms-half").split("--ncls-ms-init ")[1].startswith("cls-random")
    assert f"--finetune-from-model {tmp_path}/ms/checkpoint_best.pt" in words("ncls")
    assert "--finetune-from-model" not in words("ncls", "scratch")
    assert "--train-subset-size 200 --subset-seed 2" in words("ncls")
    assert "--train-subset-size" not in words("ncls", size=1983)
    both = study.decoding(place, grid.Cell(grid.XSCITLDR, 200, "ncls_ms", "ms", 1), "t", "test")
    assert both.flags[-2:] == ["--summary-decoder", "both"]
    assert both.records == tmp_path / "test.jsonl"


def test_the_report_shows_what_the_verdicts_rest_on(tmp_path: Path) -> None:
    means = {"ncls": 25.0, "ncls_ms": 27.0, "mclas": 30.0, "mclas-shuffled": 29.0}
    table = Table("low_resource", tmp_path)
    for cell in grid.cells(grid.XSCITLDR):
        if cell.system not in means:
            continue
        scores = packed(means[cell.system] + cell.seed, 21)
        scores |= {"length": 21.0, "distinct": 0.5}
        for metric in ("rouge2", "rougeL"):
            scores["by_document"][metric] = scores["by_document"]["rouge1"]
        best = {"cls_nll_bits_per_token": cell.seed + means[cell.system] / 100}
        content = {"best": best, "valid": {"de": scores, "en": scores}}
        table.add(cell.name, content)
    results = report.Results(grid.XSCITLDR, "valid", table)
    assert {name.split("_from")[0] for name in results.missing} == {"xscitldr_1983_ncls_ms-half"}

    _, _, *lengths, references = report.table_5(results)
    assert [row.split(" | ")[1] for row in lengths] == (["MS"] * 3 + ["scratch"] * 3) * 2
    assert all("| 21.00 | +1.00 | 50 % |  |" in row for row in lengths)
    assert all(row.endswith(" | 2.25 |") for row in report.table_2(results) if "| NCLS |" in row)
    assert "references | 20.00" in references
    _, _, *compared = report.comparisons(results)
    assert [row.split(" | ")[1:3] for row in compared] == [["de", "NCLS+MS"], ["en", "NCLS+MS"]] * 2
    assert all(2.5 < float(row.split(" | ")[3].split()[0]) < 3.5 for row in compared)
    _, _, itself, control = report.controls(results)
    assert "| 1.300, 2.300, 3.300 |" in itself
    assert "| 1.290, 2.290, 3.290 |" in control
    assert 0.5 < float(control.split(" | ")[5].split()[0]) < 1.5


def test_the_report_counts_summaries_that_are_cut_off(tmp_path: Path) -> None:
    table = Table("low_resource", tmp_path)
    assert report.Results(grid.NEWS, "test", table).cut_off(100, "ncls", "ms") == ""
    texts = ["Ein Satz.", "Ein Satz, der", "Wirklich? ", "Ja!"]
    for seed in grid.SEEDS:
        name = grid.Cell(grid.NEWS, 100, "ncls", "ms", seed).name
        summaries = [{"id": text, "summary": {"de": text}} for text in texts]
        lines = [{"cell": name, "split": "test", "summaries": summaries}]
        table.add(name, {"test": {"de": made_up("1 2 3 4")}}, lines)
    assert report.Results(grid.NEWS, "test", table).cut_off(100, "ncls", "ms") == "25 %"
    assert report.Results(grid.NEWS, "valid", table).cut_off(100, "ncls", "ms") == ""

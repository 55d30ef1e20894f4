"""The low-resource study: its rules on made-up scores, its rates, and what its cells belong to."""

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.studies.conftest import module, write_cells


@pytest.mark.parametrize(
    ("intervals", "said"),
    [
        ([(0.1, 2.0), (0.2, 3.0)], "holds"),
        ([(0.1, 2.0), (-0.1, 3.0)], "undecided"),
        ([(0.1, 2.0), (-3.0, -0.1)], "does not hold"),
        ([(0.1, 2.0), None], "not judged: cells are missing"),
    ],
)
def test_a_claim_needs_all_of_its_comparisons(intervals: list[Any], said: str) -> None:
    verdicts = module("low_resource.verdicts")
    assert verdicts.judge(intervals, sign=1) == said
    mirrored = [found and (-found[1], -found[0]) for found in intervals]
    assert verdicts.judge(mirrored, sign=-1) == said


def packed(mean: float, length: int) -> dict[str, Any]:
    rng = np.random.default_rng(round(100 * mean) + length)
    f1 = (100 * np.clip(rng.normal(mean, 1.0, size=60), 0, 100)).round().astype(int)
    texts = {"rouge1": " ".join(map(str, f1)), "length": " ".join([str(length)] * 60)}
    return {"by_document": texts, "reference_length": 20.0}


def test_the_claims_of_mclas_are_judged_by_scores_and_lengths() -> None:
    grid, verdicts = module("low_resource.grid"), module("low_resource.verdicts")
    means = {"mclas": 30.0, "ncls": 25.0, "ncls_ms": 27.0}
    means |= {"mclas-shuffled": 30.0, "ncls_ms-half": 24.0}
    lengths = dict.fromkeys(means, 21) | {"ncls": 30, "ncls_ms": 10}

    class Results:
        corpus = grid.XSCITLDR
        ms = {"en": packed(29.0, 20)}
        unfinished = ("ncls_ms-half",)

        def runs(self, size: int, system: str, start: str, language: str = "de") -> Any:
            lost = 5.0 if start == "scratch" and system != "ncls" else 0.0
            seeds = 2 if system in self.unfinished else 3
            return verdicts.Runs([packed(means[system] - lost, lengths[system])] * seeds)

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


def test_rate_is_taken_from_a_finished_cell_wherever_it_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, grid = module("low_resource.run"), module("low_resource.grid")
    cell = grid.Cell(grid.XSCITLDR, 1983, "mclas-shuffled", "ms", 3)
    tried: list[tuple[str, str]] = []

    def train(study: Any, trial: Any, rate: str) -> tuple[str, dict[str, Any]]:
        tried.append((trial.name, rate))
        return f"{trial.name}_lr{rate}", {}

    nll = {"1e-3": 7.0, "2e-3": 6.0}
    monkeypatch.setattr(run, "CELLS", tmp_path)
    monkeypatch.setattr(run, "FIRST", tmp_path / "bf16")
    monkeypatch.setattr(run, "train", train)
    monkeypatch.setattr(
        run, "best", lambda study, name: {"cls_nll_bits_per_token": nll[name.split("_lr")[1]]}
    )
    study = run.Study(tmp_path, None)
    tuned = "xscitldr_1983_mclas_from-ms_seed1"
    assert run.choose_rate(study, cell).rate == "2e-3"
    assert tried == [(tuned, "1e-3"), (tuned, "2e-3")]

    trials = {rate: {"cls_nll_bits_per_token": 1.0, "update": 400} for rate in nll}
    kept = {"rate": "1e-3", "trials": trials}
    (tmp_path / f"{tuned}.json").write_text(json.dumps(kept), encoding="utf-8")
    assert run.choose_rate(study, cell) == run.Choice("1e-3", trials, tuned)
    assert len(tried) == 2


def test_rates_of_the_first_runs_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, grid = module("low_resource.run"), module("low_resource.grid")
    cell = grid.Cell(grid.XSCITLDR, 200, "mclas", "ms", 2)
    monkeypatch.setattr(run, "CELLS", tmp_path)
    monkeypatch.setattr(run, "FIRST", tmp_path / "bf16")
    (tmp_path / "bf16").mkdir()
    kept = {"rate": "1e-3", "trials": {"1e-3": {}}}
    (tmp_path / "bf16" / f"{cell.tuned.name}.json").write_text(json.dumps(kept), encoding="utf-8")
    choice = run.choose_rate(run.Study(tmp_path, None), cell)
    assert choice == run.Choice("1e-3", {"1e-3": {}}, f"bf16/{cell.tuned.name}")


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("gone", ["xscitldr_1983_ncls_ms-half_from-ms_seed3", "xscitldr_ms"])
def test_nothing_of_the_test_split_is_scored_while_a_cell_lacks_its_own_summaries(
    gone: str, others: bool, opening: Callable[[str], list[str]], tmp_path: Path
) -> None:
    write_cells("low_resource", tmp_path / "cells")
    summaries = tmp_path / "cells" / "test" / "summaries" / f"{gone}.jsonl.gz"
    if others:
        summaries.write_text("of another training", encoding="utf-8")
    else:
        summaries.unlink()
    with pytest.raises(SystemExit, match=rf"missing \['{gone}'\]; delete these cells and let run"):
        opening("low_resource")
    assert not list((tmp_path / "cells" / "test").glob("*.json"))


def test_a_training_writes_its_summaries_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, grid = module("low_resource.run"), module("low_resource.grid")
    monkeypatch.setattr(run, "CELLS", tmp_path / "cells")
    written: dict[Path, tuple[str, str]] = {}

    def write(decoding: Any, out: Path, log: Path) -> None:
        written[out] = (decoding.checkpoint.parent.name, decoding.records)

    monkeypatch.setattr(run.Decoding, "write", write)
    records = {"valid": "valid.jsonl", "test": "test.jsonl"}
    material = SimpleNamespace(triples="data", records=records)
    cell = grid.Cell(grid.XSCITLDR, 200, "mclas", "ms", 1)
    old = run.kept_summaries(cell.name)
    old.parent.mkdir(parents=True)
    old.write_text("of an earlier training", encoding="utf-8")
    valid = run.summarize(run.Study(tmp_path, material), f"{cell.name}_lr1e-3", cell)
    assert valid.name == f"{cell.name}_lr1e-3.valid.jsonl", "another rate is another training"
    assert written == {
        valid: (f"{cell.name}_lr1e-3", "valid.jsonl"),
        old: (f"{cell.name}_lr1e-3", "test.jsonl"),
    }


def test_cells_that_started_from_another_monolingual_summarizer_stop_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, grid = module("low_resource.run"), module("low_resource.grid")
    monkeypatch.setattr(run, "CELLS", tmp_path)
    (tmp_path / "ms").mkdir()
    (tmp_path / "ms" / "checkpoint_best.pt").write_bytes(b"this one")
    own = hashlib.sha256(b"this one").hexdigest()
    kept = {"a_from-ms": {"ms": own}, "b_from-scratch": {}, "c_from-ms": {"ms": "another"}}
    for name, sha256 in kept.items():
        text = json.dumps({"sha256": sha256})
        (tmp_path / f"xscitldr_{name}.json").write_text(text, encoding="utf-8")
    study = run.Study(tmp_path, SimpleNamespace(corpus=grid.XSCITLDR))
    with pytest.raises(SystemExit, match=r"but \['xscitldr_c_from-ms'\] started from another"):
        run.check_ms(study)
    (tmp_path / "xscitldr_c_from-ms.json").unlink()
    run.check_ms(study)


def test_the_report_shows_what_the_verdicts_rest_on(tmp_path: Path) -> None:
    grid, report = module("low_resource.grid"), module("low_resource.report")
    means = {"ncls": 25.0, "ncls_ms": 27.0, "mclas": 30.0, "mclas-shuffled": 29.0}
    for cell in grid.cells(grid.XSCITLDR):
        if cell.system not in means:
            continue
        scores = packed(means[cell.system] + cell.seed, 21)
        scores |= {"length": 21.0, "distinct": 0.5}
        for metric in ("rouge2", "rougeL"):
            scores["by_document"][metric] = scores["by_document"]["rouge1"]
        best = {"cls_nll_bits_per_token": cell.seed + means[cell.system] / 100}
        content = {"best": best, "valid": {"de": scores, "en": scores}}
        (tmp_path / f"{cell.name}.json").write_text(json.dumps(content), encoding="utf-8")
    results = report.Results(grid.XSCITLDR, "valid", tmp_path)
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
    grid, report = module("low_resource.grid"), module("low_resource.report")
    results = report.Results(grid.NEWS, "test", tmp_path)
    assert results.cut_off(100, "ncls", "ms") == ""
    texts = ["Ein Satz.", "Ein Satz, der", "Wirklich? ", "Ja!"]
    for seed in grid.SEEDS:
        cell = grid.Cell(grid.NEWS, 100, "ncls", "ms", seed)
        file = tmp_path / "test" / "summaries" / f"{cell.name}.jsonl.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps({"id": text, "summary": {"de": text}}) + "\n" for text in texts)
        file.write_bytes(gzip.compress(lines.encode()))
    assert results.cut_off(100, "ncls", "ms") == "25 %"
    assert report.Results(grid.NEWS, "valid", tmp_path).cut_off(100, "ncls", "ms") == ""

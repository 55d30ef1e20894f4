"""The studies of small data and of two targets, and what recipes keep."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.cli import main as mclas
from studies import many_targets, recipes, small_data
from studies.harness import processes
from studies.harness.study import Work
from studies.harness.table import RESULTS, Table
from tests.studies.conftest import made_up

ROOT = RESULTS.parent.parent


def lines(study: Any, table: Table, corpus: str) -> list[str]:
    return [line for _, part in study.report(table, corpus, "valid") for line in part]


def test_cells_of_small_data_change_one_setting_at_a_time(tmp_path: Path) -> None:
    study = small_data.SmallData()
    cells = [cell for corpus in study.corpora for cell in study.cells(corpus)]
    kept = Table("small_data").rows()
    assert {cell.name for cell in cells} == set(kept)
    bins = {(500, 8000): tmp_path / "triples"}
    material = small_data.Material(bins, tmp_path / "valid", ("--arch", "mclas_small"))
    work = Work("xscitldr", tmp_path, Table("small_data", tmp_path), material)
    words = " ".join(study.command(work, study.cells("xscitldr")[0], ""))
    assert words.startswith(f"mclas train {tmp_path}/triples --preset small-data --lr 4e-4 ")
    assert "--arch mclas_small --train-subset-size 500" in words


def test_small_data_shows_cells_of_the_first_and_of_later_runs(tmp_path: Path) -> None:
    study, table = small_data.SmallData(), Table("small_data", tmp_path)
    first, second, *_ = study.cells("news")
    metric = {"rouge1": {"mean": 19.912, "interval": [18.5, 21.38]}}
    table.add(first.name, {"updates": 600, "valid": {"systems": [{"metrics": metric}]}})
    table.add(second.name, {"updates": 600, "valid": {"de": made_up("2000 2000")}})
    _, _, *rows = lines(study, table, "news")
    assert [row.split(" | ")[-1] for row in rows] == [
        "19.91 [18.50, 21.38] |",
        "20.00 [20.00, 20.00] |",
    ]


def test_two_targets_are_trained_without_the_documents_that_evaluation_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    monkeypatch.setattr(processes, "quietly", lambda *words: called.extend(map(str, words)))
    study = many_targets.ManyTargets()
    with pytest.raises(SystemExit, match="--data: must name the folder"):
        study.prepare("xscitldr", None, tmp_path)
    material = study.prepare("xscitldr", tmp_path / "data", tmp_path)
    assert called[called.index("--exclude-ids") + 1] == str(processes.OVERLAP)
    assert called[called.index("--target-lang") + 1] == "de,zh"
    assert len(processes.OVERLAP.read_text(encoding="utf-8").split()) == 9
    work = Work("xscitldr", tmp_path, Table("many_targets", tmp_path), material)
    cell = many_targets.Cell(many_targets.SYSTEMS[3], 2)
    words = " ".join(study.command(work, cell, ""))
    assert "--target-langs de,zh --max-update 400 --seed 2" in words
    assert study.decoding(work, cell, cell.name, "valid").checkpoint.name == "checkpoint_last.pt"


@pytest.mark.parametrize(("value", "said"), [("5000", "better"), ("1000", "worse")])
def test_two_targets_are_judged_by_language(tmp_path: Path, value: str, said: str) -> None:
    table = Table("many_targets", tmp_path)
    lengths = {"length": 3.0, "reference_length": 4.0}
    for seed in many_targets.SEEDS:
        for name, f1 in (("joint", value), ("de", "3000")):
            scores = made_up(f"{f1} {f1}", "3 3")
            table.add(f"{name}-seed{seed}", {"valid": {"de": {**scores, **lengths}}})
    assert lines(many_targets.ManyTargets(), table, "xscitldr")[-1].endswith(f"| {said} |")


def test_what_was_kept_of_two_targets_says_what_the_results_say() -> None:
    shown = "\n".join(lines(many_targets.ManyTargets(), Table("many_targets"), "xscitldr"))
    assert "| joint-long | de | -2.02 [-3.36, -0.78] | +0.47 [+0.19, +0.82] | worse |" in shown
    assert "| joint | zh | +0.77 [-2.47, +4.55] |" in shown


def test_a_recipe_keeps_a_report_with_what_its_logs_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, log = tmp_path / "report.json", tmp_path / "training.log"
    report.write_text(json.dumps({"file": f"{tmp_path}/x.jsonl", "n": 3}), encoding="utf-8")
    log.write_text(
        "| valid | nll_loss 7.2 | wps 9 | rouge1 13.58 | ms_nll_loss 6.1 | num_updates 200\n"
        "done training in 12.34 seconds\n",
        encoding="utf-8",
    )
    where = ["--results", str(tmp_path)]
    assert recipes.main(["have", "toys", "a", *where]) == 1
    logs = ["--stages", str(log), "--validations", str(log), "--seed", "2"]
    assert recipes.main(["keep", "toys", "a", str(report), *logs, *where]) == 0
    assert recipes.main(["have", "toys", "a", *where]) == 0
    row = Table("toys", tmp_path).rows()["a"]
    assert row["file"] == "x.jsonl", "folders say nothing on another machine"
    assert row["seed"] == 2
    assert row["stages"] == [{"stage": "training", "updates": 200, "seconds_of_last_start": 12.3}]
    wanted = {"nll_loss": 7.2, "rouge1": 13.58, "ms_nll_loss": 6.1, "num_updates": 200.0}
    assert row["validations"] == [wanted]
    assert recipes.main(["report", "toys", *where]) == 0
    assert "- stages/#0/seconds_of_last_start: 12.3" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no row matches 'b'"):
        recipes.main(["names", "toys", "b", *where])


def test_recipes_print_the_numbers_of_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    recipes.main(["report", "xscitldr", "--only", "^test-seed1"])
    assert "| 22.88 [22.25, 23.49] | 5.46 [4.99, 5.90] |" in capsys.readouterr().out
    recipes.main(["report", "roundtrip", "--only", "filter-comp"])
    assert "rouge1 +4.96 [+3.25, +6.58] (randomisation p 0.0001)" in capsys.readouterr().out


def test_recipes_print_what_mclas_report_writes_now(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [f"Hund{number} jagt{number} Katze{number}." for number in range(4)]
    for name in ("train", "ref"):
        rows = [
            {"id": f"{name}{n}", "document": {"en": f"Text {n}."}, "summary": {"de": [text]}}
            for n, text in enumerate(texts if name == "ref" else ["Anton liest.", "Berta singt."])
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    rows = [{"id": f"ref{n}", "summary": {"de": text}} for n, text in enumerate(texts)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "out.jsonl").write_text(lines, encoding="utf-8")
    files = ["--train", str(tmp_path / "train.jsonl"), "--ref", str(tmp_path / "ref.jsonl")]
    system = ["--system", f"best={tmp_path / 'out.jsonl'}", "--json", str(tmp_path / "report.json")]
    mclas(["report", *files, "--source-lang", "en", "--lang", "de", *system])
    where = ["--results", str(tmp_path)]
    recipes.main(["keep", "toys", "a", str(tmp_path / "report.json"), *where])
    capsys.readouterr()
    recipes.main(["report", "toys", *where])
    shown = capsys.readouterr().out
    assert "- best learned; 100 % distinct" in shown
    assert "| best | 100.00 [100.00, 100.00] |" in shown
    assert "R-1 minus shuffled references: +100.00 [" in shown
    assert "minus best constant summary: +" in shown


def test_scripts_reach_the_tables_from_any_folder(tmp_path: Path) -> None:
    script = f". {ROOT}/examples/cells.sh; cells names xscitldr 'from-.*-seed1$'"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "mclas-from-ms-seed1",
        "mclas-from-scratch-seed1",
        "ncls-from-ms-seed1",
        "ncls-from-scratch-seed1",
    ]

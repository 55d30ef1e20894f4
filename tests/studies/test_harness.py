"""What all studies stand on: cells are made once, rates tried, the test split opened once."""

import threading
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.corpus.training_log import read_validations
from studies.harness.command import main
from studies.harness.judging import judge
from studies.harness.processes import best_validation, claimed
from studies.harness.rates import Choice, search
from studies.harness.running import states
from studies.harness.study import Work
from studies.harness.table import Table
from tests.studies.conftest import FromStart, Toy, WithBaseline

LONGEST, VALIDATE = "--max-update", "--validate-interval-updates"
SAVE = "--save-interval-updates"


def work(study: Toy) -> Work[None]:
    """Where the study's commands work."""
    return Work("toys", study.out / "toys", Table(study.name, study.out / "results"), None)


def command(study: Toy, *words: str) -> Table:
    """Run a study's command on its own folders; its table."""
    results = ["--results", str(study.out / "results")]
    out = [] if words[0] == "report" else [str(study.out)]
    main(study, [words[0], *out, *words[1:], *results])
    return Table(study.name, study.out / "results")


def test_a_cell_is_made_once_and_its_row_says_how(tmp_path: Path, decoded: list[str]) -> None:
    table = command(Toy(tmp_path), "run")
    rows = table.rows()
    assert list(rows) == ["toys_a", "toys_b"]
    assert rows["toys_b"]["cell"] == {"name": "toys_b", "seed": 1}
    assert rows["toys_b"]["rate"] == "2e-3", "a text, as it was given"
    assert rows["toys_b"]["rate_from"] == "toys_a"
    assert rows["toys_b"]["trials"]["1e-3"] == {"nll_loss": 1.003, "update": 200}
    assert rows["toys_b"]["rate_interior"] is False, "of two rates the best is at an end"
    assert rows["toys_b"]["valid"]["de"]["means"]["rouge1"]["f"] == pytest.approx(60.0)
    assert rows["toys_b"]["training"].keys() == {"wall_seconds", "cpu_seconds", "peak_memory_mib"}
    assert "de" in rows["toys_b"]["valid"]["de"]["signature"]
    assert decoded == ["toys_a_lr2e-3 valid", "toys_b_lr2e-3 valid"]
    assert (tmp_path / "toys" / "toys_a_lr1e-3" / "done.json").exists()
    command(Toy(tmp_path), "run")
    assert len(decoded) == 2, "a finished cell is skipped"
    assert table.full_rows()["toys_a"]["valid"]["de"]["by_document"]["rouge1"] == "6000 6000"


def test_a_cell_that_another_process_is_at_is_left_to_it(
    tmp_path: Path, decoded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with claimed(tmp_path / "toys" / "toys_b.cell"):
        assert list(command(Toy(tmp_path), "run").rows()) == ["toys_a"]
    assert "left to other commands: toys_b;" in capsys.readouterr().out


def test_work_that_others_need_is_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun, done = threading.Event(), threading.Event()

    def other() -> None:
        begun.set()
        with claimed(tmp_path / "start", wait_for="start") as mine:
            assert mine
            done.set()

    thread = threading.Thread(target=other)
    with claimed(tmp_path / "start") as mine:
        assert mine
        thread.start()
        assert begun.wait(60)
        assert not done.wait(0.2)
    thread.join(60)
    assert done.is_set()
    assert "== start: another command is at it; waiting for that" in capsys.readouterr().out


def test_cells_outside_the_comparison_are_made_only_when_named(
    tmp_path: Path, decoded: list[str]
) -> None:
    assert list(command(Toy(tmp_path), "run", "--only", "beside").rows()) == ["toys_beside"]
    with pytest.raises(SystemExit, match="no cell of toys matches nothing; `list` shows"):
        command(Toy(tmp_path), "run", "--only", "nothing")


def test_a_grid_is_widened_until_its_best_rate_is_inside() -> None:
    def value(rate: str) -> float:
        return abs(float(rate) - 4.1e-3)

    found = search(("1e-3", "2e-3"), value, widen=3)
    assert found is not None
    assert list(found) == ["1e-3", "2e-3", "4e-3", "8e-3"]
    assert Choice("4e-3", found, "a").interior
    assert not Choice("1e-3", {"1e-3": 1, "2e-3": 2}, "a").interior
    assert list(search(("1e-3", "2e-3"), value, widen=1) or ()) == ["1e-3", "2e-3", "4e-3"]
    downwards = search(("8e-4", "1.6e-3"), float, widen=2)
    assert list(downwards or ()) == ["8e-4", "1.6e-3", "4e-4", "2e-4"]
    assert search(("1e-3",), lambda rate: None) is None, "another process is at it"


def test_the_test_split_stays_closed_while_a_cell_is_missing(
    tmp_path: Path, decoded: list[str]
) -> None:
    command(Toy(tmp_path), "run", "--only", "_a$")
    with pytest.raises(SystemExit, match=r"missing \['toys_b'\]; finish them with `run`"):
        command(Toy(tmp_path), "test")
    assert decoded == ["toys_a_lr2e-3 valid"]


def test_the_test_split_is_opened_once(tmp_path: Path, decoded: list[str]) -> None:
    command(Toy(tmp_path), "run")
    decoded.clear()
    table = command(Toy(tmp_path), "test")
    assert decoded == ["toys_a_lr2e-3 test", "toys_b_lr2e-3 test"]
    assert table.rows()["toys_b"]["opened"]["decoding"] == {"cpu_seconds": 1}
    assert table.rows()["toys_b"]["test"]["de"]["documents"] == 2
    assert table.summaries("toys_b", "test") is not None
    before = table.path.read_bytes(), table.documents_path.read_bytes()
    command(Toy(tmp_path), "test")
    assert len(decoded) == 2, "what is there is never made again"
    assert before == (table.path.read_bytes(), table.documents_path.read_bytes())


def test_kept_summaries_of_the_test_split_need_no_checkpoint(
    tmp_path: Path, decoded: list[str]
) -> None:
    study = FromStart(tmp_path)
    table = command(study, "run")
    assert decoded[:4] == ["ms valid", "ms test", "toys_a_lr2e-3 valid", "toys_a_lr2e-3 test"]
    assert "test" not in table.rows()["toys_a"], "nobody looked at it"
    assert table.rows()["toys_a"]["sha256"]["ms"] == table.rows()["toys_ms"]["sha256"]["ms"]
    decoded.clear()
    for checkpoint in tmp_path.glob("toys/*/checkpoint_best.pt"):
        checkpoint.unlink()
    rows = command(study, "test").rows()
    assert decoded == []
    assert all("test" in row for row in rows.values())
    assert len(rows) == 3


@pytest.mark.parametrize("name", ["toys_b", "toys_ms"])
def test_nothing_is_opened_while_a_cell_lacks_its_own_summaries(
    name: str, tmp_path: Path, decoded: list[str]
) -> None:
    table = command(FromStart(tmp_path), "run")
    others = [{"id": "0", "summary": {"de": "of another training"}}]
    table.add(name, {}, [{"cell": name, "split": "test", "summaries": others}])
    with pytest.raises(SystemExit, match=rf"missing \['{name}'\]; delete the rows of these cells"):
        command(FromStart(tmp_path), "test")
    assert not any("test" in row for row in table.rows().values())


def test_rows_beside_the_cells_are_made_and_tested_with_them(
    tmp_path: Path, decoded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    study = WithBaseline(tmp_path)
    table = command(study, "run", "--only", "echo")
    row = table.rows()["toys_echo"]
    assert set(table.rows()) == {"toys_ms", "toys_echo"}
    assert row["cell"] == {"corpus": "toys", "system": "toys_echo"}
    assert (row["made"], row["decoding"]) == (True, {"cpu_seconds": 2})
    assert row["valid"]["de"]["means"]["rouge1"]["f"] == 100.0
    with pytest.raises(SystemExit, match=r"missing \['toys_a', 'toys_b'\]"):
        command(study, "test")
    command(study, "run")
    assert "toys_echo\tfinished" in "\n".join(states(study, work(study)))
    command(study, "test")
    assert all("test" in row for row in table.rows().values())
    assert table.rows()["toys_echo"]["test"]["de"]["means"]["rouge1"]["f"] == 100.0


def test_the_test_split_is_opened_without_cells_that_were_given_up(
    tmp_path: Path, decoded: list[str]
) -> None:
    study = WithBaseline(tmp_path)
    table = command(study, "run", "--only", "_a$|echo")
    command(study, "run", "--only", "echo")
    command(study, "test", "--without", "toys_b")
    assert table.rows()["toys_a"]["opened"]["without"] == "toys_b"
    command(study, "run")
    command(study, "test")
    assert "test" not in table.rows()["toys_b"], "the split was open when it was trained"


def test_what_the_rules_ask_for_is_not_given_up(tmp_path: Path, decoded: list[str]) -> None:
    study = WithBaseline(tmp_path)
    command(study, "run", "--only", "_b$|echo")
    with pytest.raises(SystemExit, match="--without toys: toys_a must be finished before"):
        command(study, "test", "--without", "toys")
    other = FromStart(tmp_path / "other")
    command(other, "run", "--only", "_a$")
    with pytest.raises(SystemExit, match="--without _b: toys_b must be finished"):
        command(other, "test", "--without", "_b")


def test_a_study_is_tried_with_short_trainings_apart_from_its_results(
    tmp_path: Path, decoded: list[str]
) -> None:
    seen = Work("toys", tmp_path, Table("toy", tmp_path), "", smoke=7).training(["train"])
    assert seen == ["train", *f"{LONGEST} 7 {VALIDATE} 7 {SAVE} 7".split()]
    assert Work("toys", tmp_path, Table("toy", tmp_path), "").training(["train"]) == ["train"]
    with pytest.raises(SystemExit, match="--smoke: its rows are no results; give --results"):
        main(Toy(tmp_path), ["run", str(tmp_path), "--smoke", "7"])
    (tmp_path / "toys" / "a").mkdir(parents=True)
    (tmp_path / "toys" / "a" / "checkpoint_last.pt").write_text("whole")
    with pytest.raises(SystemExit, match="--smoke 7: .* was begun without --smoke; take another"):
        command(Toy(tmp_path), "run", "--smoke", "7")
    (tmp_path / "toys" / "smoke.txt").write_text("5\n")
    with pytest.raises(SystemExit, match="--smoke 0: .* was begun with --smoke 5; take another"):
        command(Toy(tmp_path), "run")


def test_cells_that_started_from_another_training_stop_the_study(
    tmp_path: Path, decoded: list[str]
) -> None:
    command(FromStart(tmp_path), "run", "--only", "_a$")
    (tmp_path / "toys" / "ms" / "checkpoint_best.pt").write_text("another one")
    with pytest.raises(SystemExit, match="'toys_a', 'toys_ms'] started from another; delete their"):
        command(FromStart(tmp_path), "run")
    assert "toys_b" not in Table("toy", tmp_path / "results").rows()


def test_a_list_tells_what_is_there_and_what_is_missing(
    tmp_path: Path, decoded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command(Toy(tmp_path), "run", "--only", "_a$")
    (tmp_path / "toys" / "toys_b_lr1e-3").mkdir()
    capsys.readouterr()
    command(Toy(tmp_path), "list")
    assert capsys.readouterr().out.splitlines() == [
        "toys_a\tfinished",
        "toys_b\tbegun",
        "toys_beside\tmissing",
        "3 cells: 1 finished, 1 begun, 1 missing",
    ]
    command(Toy(tmp_path), "report")
    assert capsys.readouterr().out == "Toys\n\ntoys_a 2e-3\n\n"


def test_validations_are_read_from_the_log_of_a_training(tmp_path: Path) -> None:
    log = tmp_path / "training.log"
    log.write_text(
        "... | INFO | train_inner | epoch 001:  50 / 99 loss=9.1, num_updates=50\n"
        "... | valid | epoch 001 | nll_loss 1.2 | cls_nll_loss 1.4 | num_updates 200\n"  # redone
        "... | valid | epoch 001 | loss 8.1 | nll_loss 7.2 | rouge1 13.58 | ms_rougeL 2.1e-05 | "
        "cls_nll_loss 7.4 | num_updates 200\n"
        "... | valid | epoch 002 | loss 7.1 | nll_loss 6.2 | cls_nll_loss 7.9 | num_updates 400 | "
        "best_rouge1 13.58 | best_cls_nll_loss 7.4\n",
        encoding="utf-8",
    )
    first, second = read_validations(log)
    assert first == {
        "epoch": 1.0,
        "loss": 8.1,
        "nll_loss": 7.2,
        "rouge1": 13.58,
        "ms_rougeL": 2.1e-05,
        "cls_nll_loss": 7.4,
        "num_updates": 200.0,
    }
    assert second["best_rouge1"] == 13.58
    assert best_validation(log, "cls_nll_loss")["num_updates"] == 200
    with pytest.raises(SystemExit, match="shows no validation with bound"):
        best_validation(log, "bound")


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
    assert judge(intervals, sign=1) == said
    mirrored = [found and (-found[1], -found[0]) for found in intervals]
    assert judge(mirrored, sign=-1) == said


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    from studies.low_resource.__main__ import LowResource

    with pytest.raises(SystemExit):
        main(LowResource(), ["--help"])
    shown = capsys.readouterr().out
    assert "python -m studies.low_resource run OUT --corpus news" in shown

"""Studies whose OUT was lost: what was finished is not trained again, and the rest goes on."""

import shutil
from pathlib import Path

import pytest

from studies.harness.command import main
from studies.harness.study import Study
from studies.harness.table import Table
from tests.studies.conftest import FromStart, Toy


class Grouped(FromStart):
    """Each cell may have a start of its own."""

    keeps_starts = True

    def start_group(self, name: str) -> str:
        return name


def command(study: Toy, *words: str) -> Table:
    results = study.out / "results"
    main(study, [words[0], str(study.out), *words[1:], "--results", str(results)])
    return Table(study.name, results)


def lose(out: Path) -> None:
    """All of OUT but its tables."""
    shutil.rmtree(out / "toys")


def test_a_trial_leaves_a_row_and_is_not_made_again(tmp_path: Path, decoded: list[str]) -> None:
    table = command(Toy(tmp_path), "run", "--only", "_a$")
    trials = table.trials.rows()
    assert list(trials) == ["toys_a_lr1e-3", "toys_a_lr2e-3"]
    assert trials["toys_a_lr1e-3"]["best"] == {"nll_loss": 1.003, "update": 200}
    assert (trials["toys_a_lr1e-3"]["rate"], trials["toys_a_lr1e-3"]["cell"]["seed"]) == ("1e-3", 1)
    assert "cpu_seconds" in trials["toys_a_lr1e-3"]["training"]
    lose(tmp_path)
    table.path.unlink()  # the cell itself was not finished
    rows = command(Toy(tmp_path), "run", "--only", "_a$").rows()
    assert not (tmp_path / "toys" / "toys_a_lr1e-3").exists(), "its row was enough"
    assert (tmp_path / "toys" / "toys_a_lr2e-3").exists(), "the cell needs its checkpoint"
    assert rows["toys_a"]["trials"].keys() == {"1e-3", "2e-3"}
    assert rows["toys_a"]["rate"] == "2e-3"


def with_another_start(study: FromStart) -> Table:
    """The first cell from one training of the start, the second from another."""
    command(study, "run", "--only", "_a$")
    lose(study.out)
    (study.out / "toys" / "ms").mkdir(parents=True)
    (study.out / "toys" / "ms" / "checkpoint_best.pt").write_text("trained again")
    (study.out / "toys" / "ms" / "done.json").write_text("{}")
    return command(study, "run", "--only", "_b$")


def test_cells_of_other_groups_may_have_another_start(tmp_path: Path, decoded: list[str]) -> None:
    study = Grouped(tmp_path)
    rows = with_another_start(study).rows()
    assert command(study, "run").rows() == rows, "what is finished stands in nobody's way"
    first, second = rows["toys_a"]["sha256"]["ms"], rows["toys_b"]["sha256"]["ms"]
    assert first != second
    assert set(rows) == {"toys_a", "toys_b", "toys_ms", f"toys_ms-{second[:8]}"}
    assert rows["toys_ms"]["sha256"]["ms"] == first
    assert rows[f"toys_ms-{second[:8]}"]["sha256"]["ms"] == second


def test_all_starts_are_opened_with_the_test_split(tmp_path: Path, decoded: list[str]) -> None:
    study = Grouped(tmp_path)
    with_another_start(study)
    lose(tmp_path)
    decoded.clear()
    rows = command(study, "test").rows()
    assert decoded == [], "their summaries were kept"
    assert len(rows) == 4
    assert all("test" in row for row in rows.values())


def test_cells_of_one_group_share_a_start_all_the_same(tmp_path: Path, decoded: list[str]) -> None:
    class Together(Grouped):
        def start_group(self, name: str) -> str:
            return "all"

    with pytest.raises(SystemExit, match=r"but \['toys_a'\] started from another; delete their"):
        with_another_start(Together(tmp_path))


def test_by_default_all_cells_share_one(tmp_path: Path) -> None:
    assert Study.start_group(Toy(tmp_path), "toys_a") == Study.start_group(Toy(tmp_path), "x")
    assert not Study.keeps_starts

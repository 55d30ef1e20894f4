"""How many heads may go: by the loss, and by a sweep of trainings that goes on where it was."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.heads.sweep import Row, Run, Sweep, default_ks, runs
from mclas_fairseq.heads.sweep_report import choose, table
from mclas_fairseq.heads.until_loss import most_within

HEADS = [f"encoder.0.self.{number}" for number in range(8)]


def costs(without: Sequence[str]) -> float:
    return {0: 2.0, 1: 1.99, 2: 2.04, 3: 2.051, 4: 2.0}.get(len(without), 3.0)


@pytest.mark.parametrize(
    ("delta", "k", "after"), [(0.05, 2, 2.04), (0.0, 1, 1.99), (0.06, 4, 2.0), (5.0, 8, 3.0)]
)
def test_heads_go_until_one_costs_too_much(delta: float, k: int, after: float) -> None:
    """The search ends there, though without four heads the loss is as low as at first."""
    assert most_within(HEADS, costs, delta) == (k, 2.0, after)


@pytest.mark.parametrize("delta", [-0.1, float("nan"), float("inf")])
def test_bounds_that_are_none_are_refused(delta: float) -> None:
    with pytest.raises(ConfigError, match="--until-loss .*: must be 0 or more, the rise"):
        most_within(HEADS, costs, delta)


def test_the_grid_has_the_papers_ks_and_goes_to_ninety_percent() -> None:
    assert default_ks(144) == [*range(1, 13), 28, 43, 57, 72, 86, 100, 115, 129]
    assert default_ks(10) == list(range(1, 10))
    assert default_ks(1) == []


def test_runs_are_nested_orders() -> None:
    found = list(runs(HEADS, [1, 3], 20, seed=1))
    assert found[0] == Run("none", 0, ())
    assert found[1:5] == [
        Run("lowest", 1, ("encoder.0.self.0",)),
        Run("lowest", 3, tuple(HEADS[:3])),
        Run("highest", 1, ("encoder.0.self.7",)),
        Run("highest", 3, tuple(HEADS[:-4:-1])),
    ]
    assert len(found) == 5 + 40
    for one, three in zip(found[5::2], found[6::2], strict=True):
        assert three.heads[:1] == one.heads
        assert len(set(three.heads)) == 3
    assert len({run.heads for run in found[6::2]}) > 15
    assert found == list(runs(HEADS, [1, 3], 20, seed=1))
    with pytest.raises(ConfigError, match="--ks 9: must be from 1 to 8, the heads of the ranking"):
        list(runs(HEADS, [9], 1, seed=1))


ROWS = [
    Row("none", 0, 2.0, 2.10),
    Row("lowest", 1, 1.9, 2.05),
    Row("lowest", 2, 2.1, 1.80),
    Row("lowest", 20, 2.2, 1.00),
    Row("highest", 1, 2.3, 2.30),
    Row("highest", 2, 2.4, 2.20),
    Row("random-1", 1, 1.8, 2.00),
    Row("random-2", 1, 2.5, 2.50),
]


def test_k_is_chosen_on_validation_with_none_among_the_choices() -> None:
    found = {one.order: one for one in choose(ROWS)}
    lowest, highest = found["lowest"], found["highest"]
    assert (lowest.k, highest.k) == (1, 0)
    assert [lowest.gain, highest.gain] == pytest.approx([0.05, 0])
    # The paper's: by test, at most 12, never 0.
    assert (lowest.paper_k, highest.paper_k) == (2, 2)
    assert [lowest.paper_gain, highest.paper_gain] == pytest.approx([0.3, -0.1])
    with pytest.raises(DataError, match="needs the row of k = 0"):
        choose(ROWS[1:])


def test_the_table_sets_random_orders_beside() -> None:
    text = "\n".join(table(ROWS))
    assert (
        "lowest first                      1          +0.0500                2          +0.3000"
        in text
    )
    assert "random (2)                      0.5          +0.0500" in text
    assert "from +0.0000 to +0.1000; * -0.4000 to +0.1000" in text
    assert "as good as lowest first: 1 of 2 random orders (p 0.667)" in text


class Trainings:
    """A sweep whose trainings are a program of one line; counts what is pruned and measured."""

    def __init__(self, folder: Path, program: str = "touch"):
        self.pruned: list[tuple[str, ...]] = []
        self.expected = "start data touch"
        self.sweep = Sweep(folder, Path("data"), [program], self.prune, self.evaluate)

    def prune(self, names: Sequence[str], path: Path) -> None:
        self.pruned.append(tuple(names))
        path.write_text("start")

    def evaluate(self, path: Path, without: Sequence[str]) -> dict[str, float]:
        assert path.read_text() == self.expected
        return {"valid": 2.0 + len(self.pruned), "test": 3.0 + len(without)}


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of fairseq-train: the best checkpoint is its start, and what it was told."""
    monkeypatch.setattr(
        "mclas_fairseq.heads.sweep._PROGRAM",
        "import sys; from pathlib import Path; at = sys.argv.index; told = sys.argv;"
        "assert told[2] != 'fail';"
        "start = Path(told[at('--finetune-from-model') + 1]).read_text();"
        "out = Path(told[at('--save-dir') + 1]) / 'checkpoint_best.pt';"
        "masked = told[told.index('--masked-heads'):] if '--masked-heads' in told else [];"
        "out.write_text(' '.join([start, told[1], told[2], *masked]))",
    )


@pytest.mark.usefixtures("program")
def test_runs_that_have_a_row_are_not_made_again(tmp_path: Path) -> None:
    wanted = list(runs(HEADS, [1, 2], 1, seed=1))
    first = Trainings(tmp_path / "sweep")
    settings = {"checkpoint": "abc", "seed": 1}
    first.sweep.check_settings(settings)
    rows = first.sweep.go_on(wanted[:3])
    assert [row.valid for row in rows] == [3.0, 4.0, 5.0]
    again = Trainings(tmp_path / "sweep")
    again.sweep.check_settings(settings)
    rows = again.sweep.go_on(wanted)
    assert again.pruned == [run.heads for run in wanted[3:]]
    assert [(row.order, row.k) for row in rows] == [(run.order, run.k) for run in wanted]
    assert not list((tmp_path / "sweep" / "training").iterdir())  # no checkpoint is kept
    assert Trainings(tmp_path / "sweep").sweep.go_on(wanted) == rows
    with pytest.raises(ConfigError, match="rows of other runs are there, with seed 1, but now it"):
        again.sweep.check_settings({**settings, "seed": 2})
    table_file = tmp_path / "sweep" / "sweep.csv"
    table_file.write_text(table_file.read_text() + "lowest,x")
    with pytest.raises(DataError, match="must be rows as this command wrote them"):
        again.sweep.rows()


@pytest.mark.usefixtures("program")
def test_a_training_that_fails_leaves_no_row(tmp_path: Path) -> None:
    failing = Trainings(tmp_path / "sweep", "fail")
    with pytest.raises(ConfigError, match=r"none-0 ended with exit code 1; see .*none-0.log"):
        failing.sweep.go_on([Run("none", 0, ())])
    assert failing.sweep.rows() == []
    assert "AssertionError" in (tmp_path / "sweep" / "log" / "none-0.log").read_text()


@pytest.mark.usefixtures("program")
def test_the_papers_code_trains_masked_and_evaluates_with_all_heads(tmp_path: Path) -> None:
    """Nothing is taken out; what the models lose without the heads stands beside."""
    made = Trainings(tmp_path / "sweep")
    masking = replace(made.sweep, masked=True)
    whole, less = Run("none", 0, ()), Run("lowest", 2, tuple(HEADS[:2]))
    masking.go_on([whole])
    made.expected = f"start data touch --masked-heads {HEADS[0]},{HEADS[1]}"
    rows = masking.go_on([whole, less])
    assert made.pruned == [(), ()]
    assert rows == [Row("none", 0, 3.0, 3.0, (3.0, 3.0)), Row("lowest", 2, 4.0, 3.0, (4.0, 5.0))]
    text = "\n".join(table(rows))
    assert "All heads were on above" in text
    assert "lowest first: k = 0 +0.0000, k = 2 +2.0000" in text
    assert (
        "lowest first                      0          +0.0000                2          -2.0000"
        in (text.partition("All heads were on above")[2])
    )
    assert "All heads were on above" not in "\n".join(table(ROWS))

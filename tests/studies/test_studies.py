"""The studies of examples/: what is trained, what their cells keep, and the test split."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.studies.conftest import module, write_cells

STUDIES = ("low_resource", "vhm")


def every_cell(name: str) -> Iterator[Any]:
    grid = module(f"{name}.grid")
    for corpus in grid.CORPORA.values():
        yield from grid.cells(corpus)
        if name == "vhm":
            yield from grid.remedies(corpus)


@pytest.mark.parametrize("name", STUDIES)
def test_every_cell_has_a_name_of_its_own(name: str) -> None:
    names = [cell.name for cell in every_cell(name)]
    assert len(names) == len(set(names)) == {"low_resource": 120, "vhm": 105}[name]


@pytest.mark.parametrize("name", STUDIES)
def test_trials_of_a_learning_rate_are_trainings_of_the_study(name: str) -> None:
    cells = list(every_cell(name))
    names = {cell.name for cell in cells}
    assert {cell.tuned.name for cell in cells} <= names


def test_ablations_have_free_bits_and_the_rate_of_the_system_that_they_are_taken_from() -> None:
    grid = module("vhm.grid")
    whole = grid.SYSTEMS["vhm-free-bits"].flags
    for name, system in grid.ABLATIONS.items():
        assert system.flags.startswith(f"{whole} --"), name
        assert grid.Cell(grid.NEWS, 2_000, name, 3).tuned.name == "news_200_vhm-free-bits_seed1"
    for name in grid.REMEDIES:
        assert grid.Cell(grid.NEWS, 2_000, name, 3).tuned.name == "news_200_vhm_seed1"


def test_remedies_are_trained_only_when_they_are_named() -> None:
    grid = module("vhm.grid")
    assert grid.choose(grid.NEWS, "") == list(grid.cells(grid.NEWS))
    for regex in ("", "vhm", "seed1", "free-bits"):
        systems = {cell.system for cell in grid.choose(grid.NEWS, regex)}
        assert not systems & set(grid.REMEDIES), regex
    named = grid.choose(grid.NEWS, "cyclical|per-dimension")
    assert {cell.system for cell in named} == set(grid.REMEDIES)
    assert {cell.size for cell in named} == {2_000}
    with pytest.raises(SystemExit, match="no cell of xscitldr matches cyclical"):
        grid.choose(grid.XSCITLDR, "cyclical")


def test_a_list_of_cells_tells_what_is_there_and_what_is_missing(tmp_path: Path) -> None:
    cells, out = tmp_path / "cells", tmp_path / "out"
    (cells / "test").mkdir(parents=True)
    (out / "b_lr1e-3").mkdir(parents=True)
    for file in ("c.json", "d.json", "test/d.json"):
        (cells / file).write_text("{}", encoding="utf-8")
    assert list(module("study").states(["a", "b", "c", "d", "e"], cells, out)) == [
        "a\tmissing",
        "b\tbegun",
        "c\tfinished",
        "d\tfinished, test split scored",
        "e\tmissing",
        "5 cells: 2 missing, 1 begun, 1 finished, 1 finished, test split scored",
    ]


@pytest.mark.parametrize("name", STUDIES)
def test_the_test_split_stays_closed_while_a_cell_is_missing(
    name: str, opening: Callable[[str], list[str]], tmp_path: Path
) -> None:
    gone = write_cells(name, tmp_path / "cells")[-1]
    gone.unlink()
    with pytest.raises(SystemExit, match=re.escape(f"missing ['{gone.stem}']")):
        opening(name)
    assert not list((tmp_path / "cells").glob("test/*.json"))


@pytest.mark.parametrize("name", STUDIES)
def test_the_test_split_is_scored_once(
    name: str, opening: Callable[[str], list[str]], tmp_path: Path
) -> None:
    files = write_cells(name, tmp_path / "cells")
    assert opening(name) == [f"{file.stem} test" for file in files]
    assert opening(name) == [], "what is there is never made again"
    there = {file.name for file in (tmp_path / "cells" / "test").iterdir()}
    assert there >= {file.name for file in files}


def test_a_cell_keeps_what_the_log_says_of_its_validations(tmp_path: Path) -> None:
    log = tmp_path / "training.log"
    log.write_text(
        "... | INFO | train_inner | epoch 001:  50 / 99 loss=9.1, num_updates=50\n"
        "... | valid | epoch 001 | nll_loss 1.2 | cls_nll_loss 1.4 | num_updates 200\n"  # redone
        "... | valid | epoch 001 | loss 8.1 | nll_loss 7.2 | rouge1 13.58 | ms_rougeL 2.1e-05 | "
        "cls_nll_loss 7.4 | wps 1068.9 | num_updates 200\n"
        "... | valid | epoch 002 | loss 7.1 | nll_loss 6.2 | cls_nll_loss 7.9 | num_updates 400 | "
        "best_rouge1 13.58 | best_cls_nll_loss 7.4\n",
        encoding="utf-8",
    )
    assert module("keep_cell").validations(log) == [
        {
            "nll_loss": 7.2,
            "rouge1": 13.58,
            "ms_rougeL": 2.1e-05,
            "cls_nll_loss": 7.4,
            "num_updates": 200.0,
        },
        {"nll_loss": 6.2, "cls_nll_loss": 7.9, "num_updates": 400.0},
    ]
    assert module("study").best_validation(log, "cls_nll_loss")["num_updates"] == 200

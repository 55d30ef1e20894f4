"""`mclas average`: flags and messages; what fairseq makes of its files is tests/system's."""

import argparse
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mclas(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three checkpoints after 100, 200 and 300 updates whose weights are 1, 2 and 3."""
    run = tmp_path / "run"
    run.mkdir()
    for number, score in ((1, 5.0), (2, 7.5), (3, 6.0)):
        state = {
            "cfg": {
                "model": argparse.Namespace(arch="mclas_tiny"),
                "checkpoint": {
                    "best_checkpoint_metric": "rouge1",
                    "maximize_best_checkpoint_metric": True,
                },
            },
            "model": OrderedDict(weight=torch.full((2, 3), float(number))),
            "optimizer_history": [{"num_updates": 100 * number}],
            "extra_state": {"train_iterator": {"epoch": number}, "val_loss": score},
            "task_state": {},
        }
        torch.save(state, run / f"checkpoint_{number}_{number}00.pt")
    return run


def weight(path: Path) -> float:
    values = load_checkpoint(path)["model"]["weight"]
    assert values.unique().numel() == 1
    return float(values[0, 0])


def test_the_last_and_the_best_of_a_folder_are_averaged_and_named(
    folder: Path, tmp_path: Path, mclas: Run
) -> None:
    code, printed, _ = mclas("average", "--folder", folder, "--last", 2, "--out", tmp_path / "l.pt")
    assert code == 0
    assert printed.splitlines() == [
        "checkpoint_2_200.pt  200 updates, rouge1 7.5",
        "checkpoint_3_300.pt  300 updates, rouge1 6",
        f"{tmp_path}/l.pt: the mean of 2 checkpoints, 6 values",
    ]
    assert weight(tmp_path / "l.pt") == 2.5
    code, printed, _ = mclas("average", "--folder", folder, "--best", 1, "--out", tmp_path / "b.pt")
    assert printed.splitlines()[:2] == [
        "best by rouge1 (more is better)",
        "checkpoint_2_200.pt  200 updates, rouge1 7.5",
    ]
    assert weight(tmp_path / "b.pt") == 2.0


def test_named_checkpoints_are_averaged(folder: Path, tmp_path: Path, mclas: Run) -> None:
    files = [folder / f"checkpoint_{number}_{number}00.pt" for number in (3, 1)]
    code, _, _ = mclas("average", "--inputs", *files, "--out", tmp_path / "deep" / "a.pt")
    assert code == 0
    assert weight(tmp_path / "deep" / "a.pt") == 2.0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "needs the checkpoints by name (--inputs) or a folder (--folder), but has neither"),
        ("--inputs FOLDER/a.pt --folder FOLDER --last 1", "but has both"),
        ("--folder FOLDER", "--folder: needs --last N or --best N to choose from it, but has nei"),
        ("--folder FOLDER --last 1 --best 1", "but has both; give one of the two"),
        ("--inputs FOLDER/a.pt --last 2", "--last: chooses from a --folder, but --inputs names"),
        ("--folder FOLDER --last 9", "--last 9: needs 9 checkpoints with different updates, but"),
        ("--folder FOLDER --best -1", "--best: must be at least 1, but is -1"),
        ("--inputs FOLDER/a.pt FOLDER/../run/a.pt", "--inputs: must be different files, but"),
        ("--inputs FOLDER/a.pt", "must be an existing file, but there is none"),
        (
            "--inputs FOLDER/checkpoint_1_100.pt --out FOLDER/checkpoint_1_100.pt",
            "must not be what is read, but is that of --inputs",
        ),
        (
            "--inputs FOLDER/checkpoint_1_100.pt --out FOLDER/checkpoint_2_200.pt",
            "--out: must not exist yet, but",
        ),
    ],
)
def test_mistakes_end_in_one_line_and_leave_nothing(
    folder: Path, mclas: Run, flags: str, message: str
) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    words = flags.replace("FOLDER", str(folder)).split()
    out = [] if "--out" in words else ["--out", folder / "o.pt"]
    code, printed, errors = mclas("average", *words, *out)
    assert (code, printed) == (2, "")
    assert message in errors.splitlines()[-1]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_an_existing_file_is_replaced_if_that_is_asked(
    folder: Path, tmp_path: Path, mclas: Run
) -> None:
    flags = ["average", "--folder", folder, "--out", tmp_path / "a.pt"]
    mclas(*flags, "--last", 1)
    code, _, _ = mclas(*flags, "--last", 3, "--overwrite")
    assert code == 0
    assert weight(tmp_path / "a.pt") == 2.0

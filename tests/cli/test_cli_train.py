"""`mclas train`: the command it prints, what it hands on, and what it refuses."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mclas_fairseq.cli import main
from mclas_fairseq.presets import load_preset

RUN = [sys.executable, "-c", "import sys; from mclas_fairseq.cli import main; sys.exit(main())"]


def test_dry_run_prints_the_command_with_the_flags_that_follow(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "train bin --preset small-data --dry-run --save-dir out --se 7 --adam-betas (0.9,0.9)"
    assert main(words.split()) == 0
    printed = shlex.split(capsys.readouterr().out)
    assert printed[:2] == ["fairseq-train", "bin"]
    assert printed[-6:] == ["--save-dir", "out", "--se", "7", "--adam-betas", "(0.9,0.9)"]
    assert "--user-dir" in printed
    assert "cross_lingual_summarization" in printed


@pytest.mark.parametrize("given", [["--max-epoch", "3"], ["--max-epoch=3"]])
def test_a_training_that_ends_by_epochs_validates_and_saves_at_its_end(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "bin", "--preset", "small-data", "--dry-run", *given]) == 0
    printed = shlex.split(capsys.readouterr().out)
    at_end = ["--validate-interval", "3", "--save-interval", "3"]
    assert printed[-len(given) - 4 :] == [*at_end, *given]  # the later one of two flags counts
    assert printed.index("--validate-interval") < len(printed) - 10  # the preset's, in updates


@pytest.mark.parametrize("given", ["", "--max-epoch 0", "--max-epoch few", "--max-epoch"])
def test_otherwise_the_presets_intervals_stand(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "bin", "--preset", "small-data", "--dry-run", *given.split()]
    assert main(words) == 0
    assert shlex.split(capsys.readouterr().out).count("--save-interval") == 1


def test_show_prints_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--preset", "paper", "--show"]) == 0
    assert capsys.readouterr().out == load_preset("paper").path.read_text(encoding="utf-8")


def test_a_missing_data_bin_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--preset", "paper"]) == 2
    assert "mclas train: error: DATA_BIN: must be given" in capsys.readouterr().err


def test_other_commands_still_refuse_unknown_flags(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["doctor", "--seed", "7"])
    assert caught.value.code == 2
    assert "unrecognized arguments: --seed 7" in capsys.readouterr().err


def test_until_fairseq_train_starts_nothing_is_imported_twice_or_in_vain(tmp_path: Path) -> None:
    words = ["train", f"{tmp_path}/absent", "--preset", "tiny-data", "--save-dir", str(tmp_path)]
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}  # a line for each import
    done = subprocess.run(
        [*RUN, *words, "--cpu"], capture_output=True, text=True, check=False, env=environment
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = [line.split("|")[-1].strip() for line in lines]
    assert imported.count("fairseq_cli.train") == 1
    assert imported.count("torch") == 1
    assert not {"sklearn", "scipy", "pandas"} & set(imported)
    assert "absent" in done.stderr


def test_it_becomes_fairseq_train(tmp_path: object) -> None:
    words = ["train", f"{tmp_path}/absent", "--preset", "tiny-data", "--save-dir", str(tmp_path)]
    done = subprocess.run([*RUN, *words, "--cpu"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("fairseq-train ")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("mclas train: error: ")  # our task's one line
    assert "absent" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr  # nothing that the reader cannot change

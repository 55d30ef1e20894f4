"""fairseq's commands end with one line when the error is the user's."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest

import mclas_fairseq
from mclas_fairseq.errors import CheckpointError, DataError
from mclas_fairseq.host.one_line_errors import find_command, find_our_error, in_one_line


def raised(error: Exception, file: str, function: str) -> TracebackType:
    """The traceback of an error that a function of this name and file raised, deep inside."""
    source = f"def {function}():\n    inner()\n"
    names: dict[str, Callable[[], None]] = {"inner": lambda: raise_it(error)}
    exec(compile(source, file, "exec"), names)
    with pytest.raises(type(error)) as caught:
        names[function]()
    assert caught.tb is not None
    return caught.tb


def raise_it(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("file", "function", "command"),
    [
        ("/lib/fairseq_cli/train.py", "cli_main", "fairseq-train"),
        ("/lib/fairseq_cli/eval_lm.py", "main", "fairseq-eval-lm"),
        ("/lib/fairseq_cli/hydra_train.py", "cli_main", "fairseq-hydra-train"),
        ("/lib/fairseq_cli/generate.py", "get_symbols_to_strip_from_output", None),
        ("/lib/fairseq/trainer.py", "main", None),
        ("/home/me/train.py", "main", None),
    ],
)
def test_the_command_is_the_one_that_the_error_came_out_of(
    file: str, function: str, command: str | None
) -> None:
    assert find_command(raised(DataError("x"), file, function)) == command


def shown(error: Exception, file: str = "/lib/fairseq_cli/train.py") -> list[BaseException]:
    """Give an error to the hook; returns what it handed on."""
    seen: list[BaseException] = []
    hook = in_one_line(lambda kind, error, traceback: seen.append(error))
    hook(type(error), error, raised(error, file, "cli_main"))
    return seen


def test_our_error_in_a_command_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(DataError("data-bin x: is empty")) == []
    assert capsys.readouterr().err == "fairseq-train: error: data-bin x: is empty\n"


def test_the_traceback_is_left_when_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGLEVEL", "debug")
    error = DataError("data-bin x: is empty")
    assert shown(error) == [error]


@pytest.mark.parametrize(
    ("error", "file"),
    [
        (ValueError("not ours"), "/lib/fairseq_cli/train.py"),
        (DataError("in a program of the user's"), "/home/me/program.py"),
    ],
)
def test_all_other_errors_keep_their_tracebacks(
    error: Exception, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(error, file) == [error]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("start", [["-m", "fairseq_cli.generate"], ["-c", "SCRIPT"]])
def test_a_command_ends_in_one_line_however_it_was_started(
    tmp_path: Path, start: list[str]
) -> None:
    script = "import fairseq_cli.generate; fairseq_cli.generate.cli_main()"
    words = [script if word == "SCRIPT" else word for word in start]
    plugin = mclas_fairseq.__path__[0]
    missing = tmp_path / "none.pt"
    flags = [tmp_path, "--user-dir", plugin, "--path", missing, "--task"]
    command = [sys.executable, *words, *flags, "cross_lingual_summarization"]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("fairseq-generate: error: "), done.stderr
    assert "Traceback" not in done.stderr
    # Its log goes where its hypotheses go.
    assert "| fairseq_cli.generate | {" in done.stdout


def trainer_fails_with(inner: Exception, outer: Exception) -> None:
    """Raise `outer` while `inner` is being handled, as fairseq's trainer does."""
    try:
        raise inner
    except type(inner):
        raise outer  # noqa: B904


def test_our_error_is_found_inside_the_trainers_bare_exception() -> None:
    ours = CheckpointError("checkpoint x: has another dictionary")
    with pytest.raises(Exception, match="Cannot load") as caught:
        trainer_fails_with(ours, Exception("Cannot load model parameters from checkpoint x"))
    assert find_our_error(caught.value) is ours


def test_our_error_is_not_dug_out_of_a_real_one() -> None:
    with pytest.raises(ValueError, match="a bug") as caught:
        trainer_fails_with(CheckpointError("first"), ValueError("a bug while handling it"))
    assert find_our_error(caught.value) is None

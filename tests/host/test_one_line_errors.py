"""fairseq's commands end with one line when the error is the user's."""

import pytest

from mclas_fairseq.errors import CheckpointError, DataError
from mclas_fairseq.host.one_line_errors import (
    find_our_error,
    is_fairseq_command,
    one_line_hook,
)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("/venv/bin/fairseq-train", True),
        ("/venv/lib/fairseq_cli/generate.py", True),
        ("/venv/bin/mclas", False),
        ("/venv/bin/pytest", False),
        ("-c", False),
        ("", False),
    ],
)
def test_is_fairseq_command(program: str, expected: bool) -> None:
    assert is_fairseq_command(program) is expected


def test_hook_prints_our_error_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[BaseException] = []
    hook = one_line_hook("fairseq-train", lambda kind, error, traceback: seen.append(error))
    hook(DataError, DataError("data-bin x: is empty"), None)
    assert capsys.readouterr().err == "fairseq-train: error: data-bin x: is empty\n"
    assert seen == []


def test_hook_leaves_the_traceback_when_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGLEVEL", "debug")
    seen: list[BaseException] = []
    hook = one_line_hook("fairseq-train", lambda kind, error, traceback: seen.append(error))
    error = DataError("data-bin x: is empty")
    hook(DataError, error, None)
    assert seen == [error]


def test_hook_hands_on_all_other_errors(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[BaseException] = []
    hook = one_line_hook("fairseq-train", lambda kind, error, traceback: seen.append(error))
    error = ValueError("not ours")
    hook(ValueError, error, None)
    assert capsys.readouterr().err == ""
    assert seen == [error]


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

"""SIGTERM ends a command as Ctrl-C does."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from mclas_fairseq.cli.parts.stopping import Terminated, ended_by_sigterm


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGTERM, 143, "stopped by SIGTERM"), (signal.SIGINT, 130, "stopped")],
)
def test_a_command_that_is_stopped_says_so_and_leaves_nothing(
    number: signal.Signals, code: int, said: str, tmp_path: Path
) -> None:
    words = ["synthetic", "--setting", "easy", "--train", "100000000", "--out", str(tmp_path / "a")]
    process = subprocess.Popen(
        [sys.executable, "-m", "mclas_fairseq", *words],
        stderr=subprocess.PIPE,
        text=True,
        # What a shell runs in the background is started with Ctrl-C ignored, tests included.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        for _ in range(1200):
            if list(tmp_path.rglob("*.unfinished")):
                break
            time.sleep(0.05)
        assert list(tmp_path.rglob("*.unfinished")), "it writes"
        process.send_signal(number)
        _, messages = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code
    assert messages.splitlines()[-1] == f"mclas synthetic: {said}"
    assert "Traceback" not in messages
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def be_terminated(process: BaseProcess | None = None) -> None:
    with ended_by_sigterm():
        if process is not None:
            process.start()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)


def test_sigterm_is_an_interruption_only_meanwhile() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated):
        be_terminated()
    assert signal.getsignal(signal.SIGTERM) is before


def _sleep() -> None:
    time.sleep(600)


def test_processes_that_were_started_end_as_well() -> None:
    process = multiprocessing.get_context("fork").Process(target=_sleep)
    with pytest.raises(Terminated):
        be_terminated(process)
    process.join(60)
    assert process.exitcode in (-signal.SIGTERM, -signal.SIGKILL)

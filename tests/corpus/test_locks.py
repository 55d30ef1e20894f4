"""One process at a time writes to a place."""

import fcntl
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

from mclas_fairseq.corpus.locks import folder_lock, lock_or_refuse, take_lock
from mclas_fairseq.errors import ConfigError

HOLDS = """
import sys
from contextlib import suppress
from pathlib import Path
from mclas_fairseq.corpus.locks import take_lock
lock = take_lock(Path(sys.argv[1]))
print("held" if lock else "refused", flush=True)
sys.stdin.read()
"""


def start(path: Path) -> "subprocess.Popen[str]":
    words = [sys.executable, "-c", HOLDS, str(path)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_and_told_who_holds_the_lock(tmp_path: Path) -> None:
    process = start(tmp_path / "lock")
    try:
        assert take_lock(tmp_path / "lock") is None
        with pytest.raises(ConfigError) as caught:
            lock_or_refuse(tmp_path / "lock", "--out bin", "give another --out")
        message = str(caught.value)
        assert message.startswith(f"--out bin: process {process.pid} on ")
        assert message.endswith("; wait until it ends, or give another --out")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_ends_with_its_process(end: signal.Signals, tmp_path: Path) -> None:
    process = start(tmp_path / "lock")
    os.kill(process.pid, end)
    process.communicate()
    lock = take_lock(tmp_path / "lock")  # whatever file was left behind
    assert lock is not None
    lock.release()
    assert not (tmp_path / "lock").exists()


def test_a_lock_whose_file_its_holder_removes_meanwhile_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, removals = tmp_path / "lock", [True, False]
    flock = fcntl.flock

    def after_removal(file: IO[str], how: int) -> None:
        if removals.pop(0):
            path.unlink()  # between the opening of the file and its lock
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", after_removal)
    lock = take_lock(path)
    assert lock is not None
    assert removals == []
    assert path.read_text().split()[0] == str(os.getpid())
    lock.release()


def test_a_lock_is_given_up_after_use_also_where_that_fails(tmp_path: Path) -> None:
    path = tmp_path / ".bin.lock"
    with suppress(ValueError), folder_lock(tmp_path / "bin"):
        assert take_lock(path) is None
        raise ValueError
    first = take_lock(path)
    assert first is not None
    first.release()
    second = take_lock(path)
    first.release()  # again: it is another's now
    assert second is not None
    assert path.exists()
    assert take_lock(path) is None
    second.release()

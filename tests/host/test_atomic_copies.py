"""Checkpoint copies: whole or absent, whatever happens in between."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fairseq.file_io import PathManager

from mclas_fairseq.host.atomic_copies import atomic
from mclas_fairseq.host.wrapping import wrap_once

KILLED_COPY = """
import os, shutil, signal, sys
from fairseq.file_io import PathManager
from mclas_fairseq.host.atomic_copies import atomic
from mclas_fairseq.host.wrapping import wrap_once

def copy_half(source, target, **_):
    content = open(source, "rb").read()
    with open(target, "wb") as file:
        file.write(content[: len(content) // 2])
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

shutil.copyfile = copy_half
wrap_once(PathManager, "copy", atomic)
PathManager.copy(sys.argv[1], sys.argv[2], overwrite=True)
"""


@pytest.fixture(autouse=True)
def _atomic() -> None:
    wrap_once(PathManager, "copy", atomic)


def test_copy_replaces_the_old_file_and_reports_success(tmp_path: Path) -> None:
    source, target = tmp_path / "checkpoint3.pt", tmp_path / "checkpoint_last.pt"
    source.write_bytes(b"new" * 100)
    target.write_bytes(b"old")
    assert PathManager.copy(str(source), str(target), overwrite=True)
    assert target.read_bytes() == b"new" * 100
    assert sorted(os.listdir(tmp_path)) == ["checkpoint3.pt", "checkpoint_last.pt"]


def test_copy_works_with_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.pt").write_bytes(b"new")
    assert PathManager.copy("a.pt", "b.pt", overwrite=True)
    assert Path("b.pt").read_bytes() == b"new"


def test_copy_that_fails_halfway_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "checkpoint3.pt", tmp_path / "checkpoint_last.pt"
    source.write_bytes(b"new" * 100)
    target.write_bytes(b"old")

    def disk_full(src: str, dst: str) -> None:
        Path(dst).write_bytes(Path(src).read_bytes()[:150])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", disk_full)
    with pytest.raises(OSError, match="No space left"):
        PathManager.copy(str(source), str(target), overwrite=True)
    assert target.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["checkpoint3.pt", "checkpoint_last.pt"]


def test_copy_killed_halfway_leaves_the_old_file_whole_and_can_be_repeated(tmp_path: Path) -> None:
    source, target = tmp_path / "checkpoint3.pt", tmp_path / "checkpoint_last.pt"
    source.write_bytes(b"new" * 100)
    target.write_bytes(b"old")
    command = [sys.executable, "-c", KILLED_COPY, str(source), str(target)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    assert PathManager.copy(str(source), str(target), overwrite=True)
    assert target.read_bytes() == b"new" * 100
    assert sorted(os.listdir(tmp_path)) == ["checkpoint3.pt", "checkpoint_last.pt"]


def test_making_copies_atomic_twice_wraps_once() -> None:
    first = PathManager.copy
    wrap_once(PathManager, "copy", atomic)
    assert PathManager.copy is first

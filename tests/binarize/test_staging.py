"""A data-bin appears whole or not at all, one run at a time, and takes nobody's place."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from mclas_fairseq.binarize.staging import staged_folder
from mclas_fairseq.corpus.locks import folder_lock
from mclas_fairseq.errors import DataError


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_second_run_into_the_same_folder_is_refused_at_once(tmp_path: Path) -> None:
    out = tmp_path / "bin"
    with staged_folder(out, overwrite=False) as first:
        (first / "manifest.json").write_text("first", encoding="utf-8")
        for overwrite in (False, True):
            with (
                pytest.raises(DataError, match="one run at a time, but another one is making it"),
                staged_folder(out, overwrite=overwrite),
            ):
                pass
    assert (out / "manifest.json").read_text(encoding="utf-8") == "first"
    assert _files(tmp_path) == ["bin", "bin/manifest.json"]


def test_folders_side_by_side_do_not_lock_one_another(tmp_path: Path) -> None:
    with folder_lock(tmp_path / "a"), folder_lock(tmp_path / "b"):
        pass
    with folder_lock(tmp_path / "a"):
        pass
    assert _files(tmp_path) == []


def _hold_and_die(out: Path) -> None:
    with staged_folder(out, overwrite=False) as folder:
        (folder / "half").write_text("done", encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_run_locks_nobody_out_and_what_it_left_goes(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(
        target=_hold_and_die, args=(tmp_path / "bin",)
    )
    process.start()
    process.join(60)
    assert len(_files(tmp_path)) == 3  # lock, folder, file
    with staged_folder(tmp_path / "bin", overwrite=False) as folder:
        (folder / "whole").touch()
    assert _files(tmp_path) == ["bin", "bin/whole"]


def _make_while_another_comes(out: Path, moved: Path, there: bool) -> None:
    with staged_folder(out, overwrite=there) as folder:
        (folder / "manifest.json").write_text("new", encoding="utf-8")
        if there:
            out.rename(moved)
        out.mkdir()
        (out / "manifest.json").write_text("foreign", encoding="utf-8")


@pytest.mark.parametrize("there", [False, True])
def test_what_comes_to_stand_there_meanwhile_is_kept_and_so_is_the_work(
    tmp_path: Path, there: bool
) -> None:
    out = tmp_path / "bin"
    if there:
        out.mkdir()
        (out / "manifest.json").write_text("old", encoding="utf-8")
    with pytest.raises(DataError, match="something did, which is kept; the finished") as told:
        _make_while_another_comes(out, tmp_path / "moved", there)
    assert (out / "manifest.json").read_text(encoding="utf-8") == "foreign"
    (finished,) = (path for path in tmp_path.iterdir() if path.name.startswith("bin."))
    assert str(finished) in str(told.value)
    assert (finished / "manifest.json").read_text(encoding="utf-8") == "new"

"""Output goes exactly where it was asked for, whole or not at all."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mclas_fairseq.corpus.output import open_output
from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.corpus.writing import all_or_none, open_whole
from mclas_fairseq.errors import OutputError


def put(path: Path, content: bytes = b"new") -> None:
    with open_whole(path) as stream:
        stream.write(content)


def put_and_raise(path: Path, error: Exception) -> None:
    with open_whole(path) as stream:
        stream.write(b"new")
        raise error


def put_both(first: Path, second: Path) -> None:
    with all_or_none():
        put(first)
        put(second)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out"
    with open_whole(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["out"]


def test_what_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        put_and_raise(path, ZeroDivisionError())
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["out"]


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real", tmp_path / "link"
    link.symlink_to(real)
    put(link)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert names(tmp_path) == ["far", "link"]


def test_a_replaced_file_keeps_its_rights_and_a_new_one_has_the_usual(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.touch()
    path.chmod(0o640)
    put(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    before = os.umask(0o027)
    try:
        put(tmp_path / "fresh")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o640


def test_a_named_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    put(pipe)
    reader.join(60)
    assert read == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_written_to_and_stays(tmp_path: Path) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("this system lets nobody make devices")
    put(device)
    assert stat.S_ISCHR(device.stat().st_mode)
    assert names(tmp_path) == ["null"]


def test_an_open_file_of_the_process_is_written_to_where_it_stands(tmp_path: Path) -> None:
    place = tmp_path / "both"
    program = (
        "from pathlib import Path\nfrom mclas_fairseq.corpus.writing import open_whole\n"
        "print('first', flush=True)\n"
        "for name in ('/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'):\n"
        "    with open_whole(Path(name)) as stream:\n        stream.write(name.encode() + b'\\n')\n"
        "print('last')"
    )
    with place.open("wb") as out:
        subprocess.run([sys.executable, "-c", program], stdout=out, check=True)
    expected = "first\n/dev/stdout\n/dev/fd/1\n/proc/self/fd/1\nlast\n"
    assert place.read_text() == expected


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("n" * 300, "File name too long"),
        ("file/out", "File exists|Not a directory"),
        ("folder", "is a folder; name a file in it"),
    ],
)
def test_a_place_that_cannot_be_is_named(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=rf"(?s)^{tmp_path / name}: must be .*({reason})"):
        put(tmp_path / name)


def test_a_full_disk_is_an_error_about_the_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out"
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OutputError, match=r"out: must be a place .*No space left on device"):
        put_and_raise(path, full)
    assert names(tmp_path) == []


def test_what_the_system_says_of_another_file_is_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_whole(tmp_path / "out"):
        (tmp_path / "other").open()
    assert names(tmp_path) == []


def test_files_of_one_command_get_their_names_together(tmp_path: Path) -> None:
    with all_or_none():
        put(tmp_path / "a")
        put(tmp_path / "b")
        assert not (tmp_path / "a").exists()
    assert names(tmp_path) == ["a", "b"]


def test_no_file_of_a_command_that_fails_is_left(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(OutputError):
        put_both(tmp_path / "a", tmp_path / "b" / ("n" * 300))
    assert (tmp_path / "a").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b"]


def test_gzip_goes_where_it_was_asked_for_too(tmp_path: Path) -> None:
    link = tmp_path / "link.gz"
    link.symlink_to(tmp_path / "real.gz")
    with write_beside(link) as stream:
        stream.write("größer\n")
    assert link.is_symlink()
    assert (tmp_path / "real.gz").read_bytes()[:2] == b"\x1f\x8b"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_standard_output_is_utf8_whatever_the_locale(encoding: str) -> None:
    program = (
        "from mclas_fairseq.corpus.output import open_output\nprint('before')\n"
        "with open_output('-') as stream:\n    stream.write('größer 模型\\n')\nprint('after')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode("utf-8") == "before\ngrößer 模型\nafter\n"


def test_a_named_output_is_the_file(tmp_path: Path) -> None:
    with open_output(str(tmp_path / "out")) as stream:
        stream.write("ä")
    assert (tmp_path / "out").read_bytes() == "ä".encode()

"""What is made beside its place, and what killed runs left there."""

import subprocess
import sys
from pathlib import Path

import pytest

from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.corpus.unfinished import unfinished_file, unfinished_folder

MAKES = """
import sys
from pathlib import Path
from mclas_fairseq.corpus.unfinished import unfinished_file, unfinished_folder
make = {"file": unfinished_file, "folder": unfinished_folder}[sys.argv[1]]
with make(Path(sys.argv[2])) as made:
    print(made, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_next_run_removes_what_a_killed_one_left_and_nothing_of_a_living_one(
    kind: str, tmp_path: Path
) -> None:
    words = [sys.executable, "-c", MAKES, kind, str(tmp_path / "out")]
    killed, living = (
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    )
    assert killed.stdout is not None
    assert living.stdout is not None
    left, kept = (Path(out.readline().strip()) for out in (killed.stdout, living.stdout))
    make = {"file": unfinished_file, "folder": unfinished_folder}[kind]
    try:
        with make(tmp_path / "out"):
            assert left.exists(), "it lives"
        killed.kill()
        killed.communicate()
        assert left.exists(), "nobody has removed it"
        other = tmp_path / ".other.12345678.unfinished"
        other.touch()
        with make(tmp_path / "out") as made:
            assert not left.exists()
            assert kept.exists()
            assert made.is_dir() == (kind == "folder")
        assert not made.exists()
        assert other.exists()
    finally:
        living.communicate("")
    assert [path.name for path in tmp_path.iterdir()] == [other.name]


@pytest.mark.parametrize(
    ("name", "alike"),
    [("a[1].jsonl", "a1.jsonl"), ("a*.jsonl", "abc.jsonl"), ("a?.jsonl", "ab.jsonl")],
)
def test_a_name_that_reads_as_a_pattern_means_itself(name: str, alike: str, tmp_path: Path) -> None:
    left, others = (tmp_path / f".{given}.12345678.unfinished" for given in (name, alike))
    left.touch()
    others.touch()
    with unfinished_file(tmp_path / name):
        assert not left.exists()
        assert others.exists(), "it is left over from another file"


def test_a_file_that_was_written_beside_is_whole_or_not_there(tmp_path: Path) -> None:
    with write_beside(tmp_path / "a.txt") as stream:
        stream.write("one\n")
        assert not (tmp_path / "a.txt").exists()
    with pytest.raises(ZeroDivisionError), write_beside(tmp_path / "a.txt") as stream:
        stream.write(str(1 / 0))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "one\n")]

"""`mclas synthetic`: the files it writes, and what it refuses."""

import argparse
import json
from pathlib import Path

import pytest

from mclas_fairseq.cli import synthetic
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.errors import ConfigError


def _run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    synthetic.add_arguments(parser)
    return synthetic.run(parser.parse_args(arguments))


def _write(out: Path, *more: str) -> int:
    sizes = ("--train", "4", "--valid", "2", "--test", "3")
    return _run("--setting", "easy", "--out", str(out), *sizes, *more)


def test_command_writes_the_generated_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "news"
    assert _write(out, "--seed", "5") == 0
    assert sorted(file.name for file in out.iterdir()) == [
        "test.jsonl",
        "train.jsonl",
        "valid.jsonl",
    ]
    lines = (out / "train.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == list(generate("easy", "train", 4, seed=5))
    assert "test.jsonl: 3 synthetic records (easy)" in capsys.readouterr().out


def test_same_command_writes_the_same_bytes(tmp_path: Path) -> None:
    _write(tmp_path / "a", "--pairs")
    _write(tmp_path / "b", "--pairs")
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_pairs_are_written_when_asked_for(tmp_path: Path) -> None:
    _write(tmp_path, "--pairs")
    lines = (tmp_path / "pairs-test.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [record["document"] for record in generate("easy", "test", 3, seed=1)]
    sentences = [len(document["en"]) for document in documents if isinstance(document, dict)]
    assert len(lines) == sum(sentences)
    assert set(json.loads(lines[0])["translation"]) == {"de", "zh"}


def test_existing_files_are_kept_unless_overwritten(tmp_path: Path) -> None:
    _write(tmp_path)
    before = (tmp_path / "train.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=r"train.jsonl: .* must not exist .*--overwrite"):
        _write(tmp_path, "--seed", "2")
    assert (tmp_path / "train.jsonl").read_bytes() == before
    assert _write(tmp_path, "--seed", "2", "--overwrite") == 0
    assert (tmp_path / "train.jsonl").read_bytes() != before


@pytest.mark.parametrize(
    ("more", "message"),
    [(["--setting", "medium"], "easy, hard, but is 'medium'"), (["--valid", "-2"], "--valid")],
)
def test_wrong_flags_leave_nothing_behind(tmp_path: Path, more: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _write(tmp_path / "out", *more)
    assert not (tmp_path / "out").exists()

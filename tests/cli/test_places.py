"""Outputs are never inputs, errors are one line, and --debug shows where they were met."""

import errno
import json
from argparse import Namespace
from pathlib import Path

import pytest

from mclas_fairseq.cli import main, report, score
from mclas_fairseq.cli.parts.places import check_places
from mclas_fairseq.corpus.writing import open_whole
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation import per_document


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in ("hyp.jsonl", "ref.jsonl"):
        row = {"id": "1", "document": {"en": "It rained."}, "summary": {"de": ["Regen fiel."]}}
        (tmp_path / name).write_text(json.dumps(row) + "\n", encoding="utf-8")
    return tmp_path


def call(files: Path, *words: str) -> int:
    paths = {"hyp.jsonl", "ref.jsonl", "link", "out.json", "out.csv"}
    return main([str(files / word) if word in paths else word for word in words])


SCORE = ("score", "--hyp", "hyp.jsonl", "--ref", "ref.jsonl", "--lang", "de")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*SCORE, "--json", "hyp.jsonl"), "--json .*: must not be what is read, .* that of --hyp"),
        ((*SCORE, "--html", "ref.jsonl"), "--html .*: must not be what is read, .* that of --ref"),
        ((*SCORE, "--json", "link"), "--json .*link: must not be what is read, .* that of --hyp"),
        (
            (*SCORE, "--json", "out.json", "--per-document", "out.json"),
            "--per-document .*: must be a place of its own, but --json is written there",
        ),
    ],
)
def test_an_output_that_is_an_input_or_another_output_is_refused(
    files: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    (files / "link").symlink_to(files / "hyp.jsonl")
    before = {path.name: path.read_bytes() for path in files.glob("*.jsonl")}
    assert call(files, *words) == 2
    assert capsys.readouterr().err.startswith("mclas score: error: --")
    assert {path.name: path.read_bytes() for path in files.glob("*.jsonl")} == before
    assert not (files / "out.json").exists()


def test_pairs_streams_and_lists_are_looked_into() -> None:
    args = Namespace(
        system=[("A", Path("a.jsonl"))], input="in.jsonl", output="in.jsonl", json=None
    )
    with pytest.raises(ConfigError, match="--output in.jsonl: must not .* that of --input"):
        check_places(args, ("output",))
    args = Namespace(system=[("A", Path("a.jsonl"))], json=Path("./x/../a.jsonl"))
    with pytest.raises(ConfigError, match="that of --system"):
        check_places(args, report.OUTPUTS)
    check_places(Namespace(input="-", output="-"), ("output",))
    check_places(Namespace(json=Path("/dev/null"), html=Path("/dev/null")), score.OUTPUTS)


def test_all_reports_of_a_command_are_written_or_none(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, systems: object) -> None:
        with open_whole(path) as stream:
            stream.write(b"much")
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(per_document, "write", full)
    assert call(files, *SCORE, "--json", "out.json", "--per-document", "out.csv") == 2
    assert "out.csv: must be a place where a file can be written" in capsys.readouterr().err
    assert sorted(path.name for path in files.iterdir()) == ["hyp.jsonl", "ref.jsonl"]


def fault(args: Namespace) -> int:
    raise KeyError("x")


def test_what_nobody_foresaw_is_one_line_with_the_files_that_were_read(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "run", fault)
    assert call(files, *SCORE) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"mclas score: error: {files / 'hyp.jsonl'}, {files / 'ref.jsonl'}: something in it cannot"
        " be used (KeyError: 'x'); check the input, and add --debug to see where it was met"
    )


def test_debug_shows_where_an_error_was_met(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "run", fault)
    assert call(files, *SCORE, "--debug") == 2
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said
    assert "in fault" in said


def test_a_file_that_the_system_names_is_named(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(args: Namespace) -> int:
        raise PermissionError(13, "Permission denied", "/somewhere/weights.pt")

    monkeypatch.setattr(score, "run", lost)
    assert call(files, *SCORE) == 2
    said = capsys.readouterr().err
    assert said.startswith("mclas score: error: /somewhere/weights.pt: Permission denied; check")

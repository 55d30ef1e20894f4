"""`mclas convert`: flags, what it prints, and the way on to `mclas prepare`."""

import csv
import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from mclas_fairseq.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mclas(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def write_sheet(path: Path, *, encoding: str = "utf-8-sig", delimiter: str = ";") -> Path:
    """What a spreadsheet saves: documents in English, summaries in Turkish, one row spoilt."""
    with path.open("w", newline="", encoding=encoding) as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(["nr", "Text", "Özet"])
        for number in range(40):
            text = (
                f"The council of town number {number} met today.\nIt decided, after {number} hours"
            )
            writer.writerow([number, text, f"Şehir {number} meclisi toplandı"])
        writer.writerow([40, "", "Belge yok"])
    return path


def test_a_sheet_becomes_splits_that_prepare_accepts(tmp_path: Path, mclas: Run) -> None:
    sheet, out = write_sheet(tmp_path / "talks.csv"), tmp_path / "talks"
    flags = ["--in", sheet, "--map", "document.en=Text,summary.tr=Özet", "--id", "nr"]
    code, printed, _ = mclas(
        "convert", *flags, "--split", "60/20/20", "--out", out, "--dropped", tmp_path / "d.jsonl"
    )
    assert code == 0
    lines = printed.splitlines()
    assert lines[0] == f"read 41 rows of {sheet} (semicolon-separated, utf-8)"
    assert "dropped 1" in lines
    assert json.loads((tmp_path / "d.jsonl").read_text())["row"]["Özet"] == "Belge yok"
    command = lines[-1].removeprefix("next: ").replace("DATA_BIN", str(tmp_path / "bin"))
    code, printed, errors = mclas(*shlex.split(command)[1:], "--tokenizer", "words")
    assert code == 0, errors
    counts = {}
    for line in printed.splitlines():
        words = line.split()
        if words and words[0] in ("train", "valid", "test") and words[0] not in counts:
            counts[words[0]] = int(words[1])
    assert sum(counts.values()) == 40
    assert len(counts) == 3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--map", "document.en=Txt,summary.tr=Özet"], "did you mean 'Text'"),
        (["--map", "document.en=Text,summary.tr=Özet", "--id", "Nr."], "did you mean 'nr'"),
        (
            ["--map", "document.en=Text,summary.tr=Özet", "--map", "summary.tr=nr"],
            "summary.tr must be given once, but is given 'Özet' and 'nr'",
        ),
        (["--map", "document.en=Text,summary.tr=Özet", "--delimiter", "x"], "--delimiter: must be"),
        (["--map", "document.en=Text,summary.tr=Özet", "--encoding", "utf-9"], "--encoding: must"),
        (["--map", "document.en=Text,summary.tr=Özet", "--similarity", "0.5"], "add --split"),
        (["--map", "document.en=Text,summary.tr=Özet", "--split", "80"], "--split: must be three"),
        (["--map", "document.en=Text,summary.tr=Özet", "--split", "8/1/1"], "must be a folder"),
        ([], "--map: must name a document"),
        (["--text", "document.en=a"], "both are given; give one of the two"),
    ],
)
def test_mistakes_end_in_one_line_and_leave_nothing(
    tmp_path: Path, mclas: Run, flags: list[str], message: str
) -> None:
    sheet = write_sheet(tmp_path / "talks.csv")
    code, printed, errors = mclas("convert", "--in", sheet, *flags, "--out", tmp_path / "o.jsonl")
    assert (code, printed) == (2, "")
    assert len(errors.splitlines()) == 1
    assert errors.startswith("mclas convert: error: ")
    assert message in errors
    assert [path.name for path in tmp_path.iterdir()] == ["talks.csv"]


def test_a_sheet_in_another_encoding_is_refused_and_read_when_it_is_named(
    tmp_path: Path, mclas: Run
) -> None:
    sheet, out = write_sheet(tmp_path / "talks.csv", encoding="cp1254"), tmp_path / "o.jsonl"
    flags = ["--in", sheet, "--map", "document.en=Text,summary.tr=Özet", "--out", out]
    code, _, errors = mclas("convert", *flags)
    assert code == 2
    assert "line 1: text must be utf-8, but byte 9 is not; it looks like" in errors
    assert "cp1254 ('er 0 hours\";Şehir 0 mecl')" in errors
    code, printed, _ = mclas("convert", *flags, "--encoding", "windows-1254")
    assert code == 0
    assert "(semicolon-separated, cp1254)" in printed
    assert "Şehir 0 meclisi toplandı" in out.read_text(encoding="utf-8")


def test_flags_about_columns_are_refused_beside_plain_text(tmp_path: Path, mclas: Run) -> None:
    text = ["--text", "document.en=a", "summary.de=b", "--out", tmp_path / "o.jsonl"]
    for flag in (["--id", "x"], ["--map", "x"], ["--format", "csv"], ["--no-header"]):
        code, _, errors = mclas("convert", *text, *flag)
        assert code == 2
        assert f"{flag[0]}: is about files with columns, but --text is given" in errors
    code, _, errors = mclas("convert", "--out", "x.jsonl")
    assert "none is given; give one of the two" in errors


def test_plain_text_and_several_files_are_taken(tmp_path: Path, mclas: Run) -> None:
    (tmp_path / "a.en").write_text("one\ntwo\n")
    (tmp_path / "a.de").write_text("eins\nzwei\n")
    words = [f"document.en={tmp_path}/a.en", f"summary.de={tmp_path}/a.de"]
    code, printed, _ = mclas("convert", "--text", *words, "--out", tmp_path / "o.jsonl.gz")
    assert code == 0
    assert "kept 2 of 2 rows" in printed
    assert f"--source-lang en --target-lang de --train {tmp_path}/o.jsonl.gz" in printed

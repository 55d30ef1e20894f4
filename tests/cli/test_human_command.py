"""`mclas human`: from systems' summaries to sheets, and from filled-in sheets to scores."""

import argparse
import csv
import io
import json
from pathlib import Path

import pytest

from mclas_fairseq.cli import human, main
from mclas_fairseq.errors import ConfigError, DataError


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    human.add_arguments(parser)
    return human.run(parser.parse_args(arguments))


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records and two systems' summaries of them; the working directory."""
    monkeypatch.chdir(tmp_path)
    for name, word in (("good", "gut"), ("bad", "schlecht")):
        rows = [{"id": str(n), "summary": {"de": f"{word} {n}"}} for n in range(8)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    records = [
        {"id": str(n), "document": {"en": f"text {n}"}, "summary": {"de": [f"gold {n}"]}}
        for n in range(8)
    ]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records))
    return tmp_path


def sample(*more: str) -> int:
    systems = ["--system", "Good=good.jsonl", "--system", "Bad=bad.jsonl", "--lang", "de"]
    places = ["--source", "test.jsonl", "--source-lang", "en", "--out", "sheets", "--key", "k.json"]
    return run("sample", *systems, *places, "--documents", "5", *more)


def fill(path: Path, *, best: str, worst: str) -> None:
    """Give the sheet's answers by what its summaries begin with."""
    table = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    letters = [column for column in table[0] if len(column) == 1]
    for row in table[1:]:
        texts = dict(zip(letters, row[2:], strict=False))
        ends = [
            next(letter for letter, text in texts.items() if text.startswith(word))
            for word in (best, worst)
        ]
        row[-6:] = ends * 3
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(table)


def test_sheets_are_written_filled_in_and_scored(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample("--ref", "test.jsonl") == 0
    out = capsys.readouterr().out
    assert "annotator-3.csv: 5 rows" in out
    assert "k.json: the key, not for annotators (Good, Bad, reference)" in out
    assert sorted(file.name for file in (files / "sheets").iterdir()) == [
        "annotator-1.csv",
        "annotator-2.csv",
        "annotator-3.csv",
        "instructions.txt",
    ]
    sheets = [f"sheets/annotator-{number}.csv" for number in (1, 2, 3)]
    for sheet in sheets[:2]:
        fill(files / sheet, best="gold", worst="schlecht")
    fill(files / sheets[2], best="gut", worst="schlecht")
    assert run("score", "--key", "k.json", "--sheets", *sheets, "--json", "h.json") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[:3] == ["Good", "0.333", "[0.333,"]
    assert lines[3].split()[:2] == ["Bad", "-1.000"]
    assert lines[4].split()[:2] == ["reference", "0.667"]
    assert lines[5].startswith("Best-Worst Scaling: ")
    assert "documents: 5, annotators: 3" in lines[5]
    report = json.loads((files / "h.json").read_text())
    assert report["systems"]["reference"]["fluency"]["value"] == pytest.approx(2 / 3, abs=1e-5)
    # Of three summaries, the worst is agreed on by all, the others by one pair of three.
    assert report["agreement"]["all"]["overall"]["value"] == pytest.approx(5 / 9, abs=1e-5)
    # All three categories have a third of the judgements.
    assert report["agreement"]["all"]["fleiss_kappa"]["value"] == pytest.approx(
        (5 / 9 - 1 / 3) / (2 / 3), abs=1e-5
    )


def test_ratings_can_be_asked_for(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sample("--design", "rating", "--annotators", "1", "--delimiter", "semicolon") == 0
    path = files / "sheets" / "annotator-1.csv"
    text = path.read_text(encoding="utf-8-sig")
    header, *rows = text.splitlines()
    assert header.startswith("item;document;summary;informativeness (1-5);")
    assert len(rows) == 10
    assert run_filled(path, header, rows) == 0
    out = capsys.readouterr().out
    assert "Good" in out
    assert "mean ratings" in out


def run_filled(path: Path, header: str, rows: list[str]) -> int:
    path.write_text("\n".join([header, *(row.replace(";;;", ";3;4;5") for row in rows)]) + "\n")
    return run("score", "--key", "k.json", "--sheets", str(path))


def test_same_command_writes_the_same_bytes_and_keeps_what_is_there(files: Path) -> None:
    sample()
    before = {file: file.read_bytes() for file in (files / "sheets").iterdir()}
    with pytest.raises(
        ConfigError, match=r"annotator-1.csv, .*k.json: must not exist.*--overwrite"
    ):
        sample("--seed", "2")
    assert {file: file.read_bytes() for file in (files / "sheets").iterdir()} == before
    sample("--overwrite")
    assert {file: file.read_bytes() for file in (files / "sheets").iterdir()} == before
    sample("--seed", "2", "--overwrite")
    assert {file: file.read_bytes() for file in (files / "sheets").iterdir()} != before


def test_missing_sheets_are_mentioned(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    sample()
    fill(files / "sheets/annotator-2.csv", best="gut", worst="schlecht")
    assert run("score", "--key", "k.json", "--sheets", "sheets/annotator-2.csv") == 0
    assert "1 of the 3 annotators' sheets are scored" in caplog.text


def test_wrong_flags_leave_nothing_behind(files: Path) -> None:
    with pytest.raises(ConfigError, match="'Good' comes twice"):
        sample("--system", "Good=bad.jsonl")
    with pytest.raises(ConfigError, match="--documents"):
        sample("--documents", "9")
    with pytest.raises(SystemExit):
        sample("--system", "good.jsonl")
    assert not (files / "sheets").exists()
    assert not (files / "k.json").exists()


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("sheets/annotator-1.csv", r"--key .*annotator-1.csv: must be a place of its own, but"
                                   r" sheet annotator-1.csv is written there; choose another"),
        ("sheets/../sheets/instructions.txt", "--key .*instructions.txt: .* instructions is"),
        ("good.jsonl", "--key good.jsonl: must not be what is read, .* that of --system"),
    ],
)  # fmt: skip
def test_the_key_never_replaces_a_sheet_or_an_input(files: Path, key: str, message: str) -> None:
    before = (files / "good.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=message):
        sample("--key", key, "--overwrite")
    assert (files / "good.jsonl").read_bytes() == before
    assert not (files / "sheets").exists()


def test_scores_never_replace_a_sheet(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sample() == 0
    sheet = files / "sheets" / "annotator-1.csv"
    before = sheet.read_bytes()
    words = ["--key", "k.json", "--sheets", str(sheet), "--json", "sheets/annotator-1.csv"]
    assert main(["human", "score", *words]) == 2
    assert "must not be what is read, but is that of --sheets" in capsys.readouterr().err
    assert sheet.read_bytes() == before


def test_a_key_that_is_none_is_refused(files: Path) -> None:
    sample()
    for content in ("[" * 99999, '{"format": 1}', "{"):
        (files / "k.json").write_text(content, encoding="utf-8")
        with pytest.raises(DataError, match="k.json: must be a key of mclas human sample"):
            run("score", "--key", "k.json", "--sheets", "sheets/annotator-1.csv")


def test_lines_with_both_summaries_are_refused_by_the_name_of_the_command_that_takes_a_half(
    files: Path,
) -> None:
    (files / "both.txt").write_text("one [LSEP] two\n" * 8, encoding="utf-8")
    with pytest.raises(DataError, match="holds 2; mclas score --half source|target takes the part"):
        sample("--system", "Both=both.txt")


def test_marks_that_would_show_which_system_wrote_are_refused_or_read(files: Path) -> None:
    rows = [{"id": str(n), "summary": {"de": f"so {n} <q> und so"}} for n in range(8)]
    (files / "bad.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match="bad.jsonl: texts must be words, .*--marks"):
        sample()
    assert sample("--marks") == 0
    assert "<q>" not in (files / "sheets" / "annotator-1.csv").read_text(encoding="utf-8")

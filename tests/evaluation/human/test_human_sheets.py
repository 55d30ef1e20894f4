import csv
import io
import logging
from pathlib import Path

import pytest

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.human.design import Options
from mclas_fairseq.evaluation.human.instructions import write_instructions
from mclas_fairseq.evaluation.human.key import Key, fingerprint, read_key, write_key
from mclas_fairseq.evaluation.human.material import Material
from mclas_fairseq.evaluation.human.sheets import (
    answer_columns,
    build_study,
    guard,
    text_columns,
    write_sheet,
)

IDS = tuple(f"n{number}" for number in range(12))
MATERIAL = Material(
    ids=IDS,
    shown={"document": tuple(f"Text {id_}" for id_ in IDS)},
    systems={name: tuple(f"{name.lower()} of {id_}" for id_ in IDS) for name in ("Base", "New")},
)


def test_key_undoes_the_blinding_of_every_row() -> None:
    study = build_study(MATERIAL, "de", Options(documents=5, annotators=3))
    assert len(study.sheets) == len(study.key.sheets) == 3
    for rows, sheet in zip(study.sheets, study.key.sheets, strict=True):
        assert [row[0] for row in rows] == list(sheet)
        for item, document, *summaries in rows:
            row = sheet[item]
            assert document == f"Text {row.document}"
            assert summaries == [f"{name.lower()} of {row.document}" for name in row.systems]
    assert study.key.documents == tuple(id_ for id_ in IDS if id_ in study.key.documents)


def test_nothing_in_a_sheet_names_a_system_or_a_document(tmp_path: Path) -> None:
    names = Material(IDS, {"document": ("Text",) * 12}, {"Base": ("x",) * 12, "New": ("y",) * 12})
    study = build_study(names, "de", Options(documents=5))
    write_sheet(tmp_path / "sheet.csv", study.key, study.sheets[0], ",")
    text = (tmp_path / "sheet.csv").read_text(encoding="utf-8")
    assert not any(word in text for word in ("Base", "New", *IDS))


def test_same_seed_gives_the_same_study_and_the_same_documents_to_any_systems() -> None:
    options = Options(documents=5)
    study = build_study(MATERIAL, "de", options)
    assert build_study(MATERIAL, "de", options) == study
    more = Material(IDS, MATERIAL.shown, {**MATERIAL.systems, "Third": ("z",) * 12})
    other = build_study(more, "de", options)
    assert other.key.documents == study.key.documents
    assert other.key.study != study.key.study, "rows of two studies must not be mixed up"
    drawn = {
        build_study(MATERIAL, "de", Options(documents=5, seed=s)).key.documents for s in (1, 2)
    }
    assert len(drawn) == 2


def test_sheet_is_utf8_with_mark_and_reads_back_as_written(tmp_path: Path) -> None:
    texts = ('Ein "Zitat", mit Komma; und 中文', "zwei\nZeilen") * 6
    material = Material(IDS, {}, {"a": texts, "b": ("ü",) * 12})
    study = build_study(material, "de", Options(documents=12))
    for name, delimiter in (("comma.csv", ","), ("semicolon.csv", ";")):
        write_sheet(tmp_path / name, study.key, study.sheets[0], delimiter)
        data = (tmp_path / name).read_bytes()
        assert data.startswith(b"\xef\xbb\xbfitem" + delimiter.encode())
        assert data.count(b"\r\n") == data.count(b"\n") == 13, "one line a row"
        table = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=delimiter))
        assert table[0] == ["item", *text_columns(study.key), *answer_columns(study.key)]
        assert [tuple(row[:3]) for row in table[1:]] == list(study.sheets[0])
        assert all(row[3:] == [""] * 6 for row in table[1:])
    assert {"zwei Zeilen", texts[0]} <= {cell for row in study.sheets[0] for cell in row}


def test_columns_are_those_of_the_design() -> None:
    bws = build_study(MATERIAL, "de", Options(documents=2)).key
    assert text_columns(bws) == ["document", "A", "B"]
    assert answer_columns(bws)[:3] == [
        "informativeness: best",
        "informativeness: worst",
        "conciseness: best",
    ]
    rating = build_study(MATERIAL, "de", Options(design="rating", documents=2)).key
    assert text_columns(rating) == ["document", "summary"]
    assert answer_columns(rating) == ["informativeness (1-5)", "conciseness (1-5)", "fluency (1-5)"]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=SUM(A1)", "'=SUM(A1)"),
        ("+49 rief an", "'+49 rief an"),
        ("-5 Grad", "'-5 Grad"),
        ("@home", "'@home"),
        ("＝SUMME", "'＝SUMME"),
        ("\t=1+1", "'=1+1"),
        ("3/4", "'3/4"),
        ("2021", "'2021"),
        ("2021 war gut", "2021 war gut"),
        ("a = b", "a = b"),
        ("  zu   viel\r\nRaum ", "zu viel Raum"),
        ("", "(empty)"),
    ],
)
def test_cells_cannot_become_formulas_or_dates(text: str, cell: str) -> None:
    assert guard(text) == cell


def test_a_text_longer_than_a_cell_is_cut_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        cell = guard("word " * 10_000)
    assert len(cell) == 30_000
    assert cell.endswith(" [...]")
    assert "49999 characters was cut" in caplog.text


def test_fingerprint_ignores_what_spreadsheets_do_and_nothing_else() -> None:
    assert fingerprint(["'=1", "a b"]) == fingerprint(["=1", " a  b "])
    assert fingerprint(["a", "b"]) != fingerprint(["b", "a"])
    assert fingerprint(["ab", ""]) != fingerprint(["a", "b"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(documents=13), r"--documents: must lie .* have, 12, but is 13"),
        (Options(documents=0), r"--documents: .* but is 0"),
        (Options(documents=2, annotators=0), r"--annotators: must be 1 or more, but is 0"),
    ],
)
def test_impossible_sizes_are_refused(options: Options, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_study(MATERIAL, "de", options)


def test_key_is_read_as_written(tmp_path: Path) -> None:
    key = build_study(MATERIAL, "de", Options(documents=3)).key
    write_key(tmp_path / "key.json", key)
    assert read_key(tmp_path / "key.json") == key


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format": 2, "design": "bws"}', '{"format": 1, "design": "x"}', "item,A\n"],
)
def test_what_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "key.json").write_text(content)
    with pytest.raises(DataError, match=r"key.json: must be a key of mclas human sample"):
        read_key(tmp_path / "key.json")
    with pytest.raises(DataError, match=r"none.json: the key must be a readable file"):
        read_key(tmp_path / "none.json")


def _instructions(folder: Path, key: Key) -> str:
    write_instructions(folder / "instructions.txt", key)
    return (folder / "instructions.txt").read_text(encoding="utf-8")


def test_instructions_fit_the_design(tmp_path: Path) -> None:
    bws = _instructions(tmp_path, build_study(MATERIAL, "de", Options(documents=2)).key)
    assert "the summaries A to B of one document" in bws
    both = Material(IDS, {**MATERIAL.shown, "reference": ("r",) * 12}, MATERIAL.systems)
    rating = build_study(both, "de", Options(design="rating", documents=2)).key
    text = _instructions(tmp_path, rating)
    assert "from 1\n(worst) to 5 (best)" in text
    assert "one summary of a document with its reference" in text

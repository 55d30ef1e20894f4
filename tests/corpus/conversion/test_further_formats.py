"""Workbooks, JSON tables, CNN/DailyMail's stories, translation memories, and git-lfs's notes."""

import datetime
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from mclas_fairseq.corpus.conversion.opening import ReadingOptions, expand_folders, open_source
from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.errors import DataError, SetupError

COLUMNS = "document.en=text,summary.tr=summary"


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


TALKS: list[list[Any]] = [
    ["nr", "text", "summary", "when"],
    [1, "The council met.", "Meclis toplandı.", datetime.date(2020, 1, 2)],
    [None, None, None, None],
    [3, "It rained;\nhard.", None, None],
    [4, "Ships came.", "Gemiler geldi.", None],
]


def test_a_workbook_is_converted_like_the_csv_that_it_would_be_saved_as(
    tmp_path: Path, convert_files: Callable[..., Any]
) -> None:
    path = workbook(tmp_path / "talks.xlsx", talks=TALKS)
    found = convert_files([path], COLUMNS, "nr")
    assert [record["id"] for record in found.records] == ["1", "4"]
    assert found.records[1]["origin"] == "talks.xlsx row 5"
    assert found.records[0]["summary"] == {"tr": ["Meclis toplandı."]}
    assert (
        found.reasons == {"blank row": 1, "no summary (or translation)": 1}
        or len(found.dropped) == 2
    )


def test_of_several_sheets_one_must_be_named(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", first=[["a"], ["x"]], second=[["a"], ["y"]])
    with pytest.raises(DataError, match="has 'first', 'second'; name one with --sheet"):
        open_source(path, ["a"], ReadingOptions())
    with pytest.raises(DataError, match="the sheet 'third', but has 'first', 'second'"):
        open_source(path, ["a"], ReadingOptions(sheet="third"))
    source = open_source(path, ["a"], ReadingOptions(sheet="second"))
    assert [row.values for row in source.rows()] == [{"a": "y"}]
    assert source.description == "workbook, sheet 'second'"


def test_columns_of_a_workbook_are_checked(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", one=[["text", "text", None], ["x", "y", "z"]])
    with pytest.raises(DataError, match="'txt', but has 'text'; did you mean 'text'"):
        open_source(path, ["txt"], ReadingOptions())
    with pytest.raises(DataError, match="'text' is there 2 times; rename the others"):
        open_source(path, ["text"], ReadingOptions())


def test_a_file_that_is_no_workbook_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    with pytest.raises(DataError, match="must exist, but does not"):
        open_source(path, ["a"], ReadingOptions())
    path.write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(DataError, match=r"must be a workbook .* \.xlsx, but cannot be read"):
        open_source(path, ["a"], ReadingOptions())


def test_a_workbook_without_openpyxl_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path / "t.xlsx", one=[["a"], ["x"]])
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(SetupError, match=r"needs the package openpyxl, .*mclas-fairseq\[convert\]"):
        open_source(path, ["a"], ReadingOptions())


ROWS = [{"text": "A council met.", "summary": "x"}, {"text": "Ships came.", "summary": "y"}]


@pytest.mark.parametrize(
    "content",
    [
        {"version": 2, "data": ROWS, "about": {"licence": "CC0"}},
        {key: [row[key] for row in ROWS] for key in ROWS[0]},
        {key: {str(n): row[key] for n, row in enumerate(ROWS)} for key in ROWS[0]},
    ],
)
def test_tables_in_one_json_object_are_rows(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(content, indent=1))
    rows = list(open_source(path, ["text", "summary"], ReadingOptions()).rows())
    assert [row.values for row in rows] == ROWS
    assert rows[1].origin == "t.json item 2"


def test_one_row_with_sentences_and_references_stays_one_row(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    row = {"text": ["A council met.", "It rained.", "Ships came."], "summary": ["x", "y"]}
    path.write_text(json.dumps(row))
    assert [r.values for r in open_source(path, ["text", "summary"], ReadingOptions()).rows()] == [
        row
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"train": ROWS, "test": ROWS}, "one list must hold the rows, .* 'train', 'test'; keep"),
        (
            {"text": {"0": "a", "1": "b"}, "summary": {"0": "x"}},
            "'text' has 2 and 'summary' has 1 or others; write the table again",
        ),
        ({"about": "nothing"}, "must have the column 'text', but has 'about'"),
    ],
)
def test_json_tables_that_do_not_fit_are_errors(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        list(open_source(path, ["text", "summary"], ReadingOptions()).rows())


STORY = """LONDON (CNN) -- It rained .

Ships came .

@highlight

Rain in London

@highlight

Ships arrive!
"""


def test_stories_of_a_folder_become_records(
    tmp_path: Path, convert_files: Callable[..., Any]
) -> None:
    folder = tmp_path / "stories"
    folder.mkdir()
    (folder / "b.story").write_text(STORY)
    (folder / "a.story").write_text("Nothing happened .\n")
    found = convert_files([folder], "document.en=article,summary.en=summary", "name")
    (record,) = found.records
    assert record["id"] == "b"
    assert record["document"] == {"en": ["LONDON (CNN) -- It rained .", "Ships came ."]}
    assert record["summary"] == {"en": ["Rain in London. Ships arrive!"]}
    (dropped,) = found.dropped
    assert dropped["detail"] == "no @highlight with a text after it"


def test_a_folder_without_stories_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must hold \.story files, but holds none"):
        expand_folders([tmp_path])


TMX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en-US" segtype="sentence"/><body>
<tu tuid="7"><tuv xml:lang="en-US"><seg>Press <bpt i="1">&lt;b&gt;</bpt>Save<ept i="1">&lt;/b></ept>
 &amp; <hi>go</hi>.</seg></tuv><tuv xml:lang="it"><seg>Premi Salva.</seg></tuv></tu>
<tu><tuv xml:lang="en-US"><seg>Stop</seg></tuv><tuv xml:lang="it"><seg>Ferma</seg></tuv>
<tuv xml:lang="it"><seg>Alt</seg></tuv></tu>
</body></tmx>
"""


@pytest.mark.parametrize("name", ["t.tmx", "t.tmx.gz"])
def test_units_of_a_translation_memory_are_rows(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(TMX.encode()) if name.endswith("gz") else TMX.encode())
    rows = list(open_source(path, ["en", "en-US", "it", "id"], ReadingOptions()).rows())
    assert rows[0].values == {
        "en": "Press Save & go.", "en-US": "Press Save & go.", "it": "Premi Salva.", "id": "7"
    }  # fmt: skip
    assert rows[1].values["it"] == ["Ferma", "Alt"]
    assert rows[1].origin == f"{name} unit 2"


def test_a_translation_memory_that_breaks_off_or_lacks_a_language_is_an_error(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.tmx"
    path.write_text(TMX[:-60])
    with pytest.raises(DataError, match="must be a well-formed TMX file, but is not"):
        list(open_source(path, ["en"], ReadingOptions()).rows())
    path.write_text(TMX)
    with pytest.raises(DataError, match="must have the column 'fr', but has 'id', 'en-US', 'en'"):
        list(open_source(path, ["fr"], ReadingOptions()).rows())


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2\nsize 12345\n"


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet", "t.xlsx", "t.tmx", "t.story"])
def test_what_git_lfs_leaves_in_the_place_of_a_file_is_recognised(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_text(POINTER)
    with pytest.raises(DataError, match="but is what git-lfs left .* with git lfs pull"):
        open_source(path, ["name"], ReadingOptions())


def test_records_that_git_lfs_did_not_fetch_are_recognised(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(POINTER)
    with pytest.raises(DataError, match="but is what git-lfs left .* with git lfs pull"):
        list(read_records(path))

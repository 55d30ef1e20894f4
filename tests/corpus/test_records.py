"""Reading and checking records and parallel text: every fault is named with file and line."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from mclas_fairseq.corpus.records import (
    Record,
    read_corpus,
    read_parallel,
    read_records,
    write_records,
)
from mclas_fairseq.errors import DataError

COMPLETE = {"id": "a", "document": {"en": "One two."}, "summary": {"en": ["One."], "de": "Eins."}}


def write_lines(path: Path, *lines: object) -> Path:
    path.write_text(
        "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines),
        encoding="utf-8",
    )
    return path


def corpus(*paths: Path, targets: Sequence[str] = ("de",)) -> list[Record]:
    return list(read_corpus(paths, source_lang="en", target_langs=targets))


def test_a_record_keeps_sentences_references_and_translation(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "r.jsonl",
        {
            "id": "17",
            "document": {"en": ["First one.", "", "Second."]},
            "summary": {"en": "Short.", "de": ["Kurz.", "Knapp."]},
            "translation": {"de": ["Erstens.", "Zweitens."]},
            "venue": "ignored",
        },
    )
    (record,) = read_records(path)
    assert record == Record(
        id="17",
        document={"en": ("First one.", "Second.")},
        summary={"en": ("Short.",), "de": ("Kurz.", "Knapp.")},
        translation={"de": ("Erstens.", "Zweitens.")},
        origin=f"{path}:1",
    )
    assert record.document_text("en") == "First one. Second."
    assert record.translation_text("de") == "Erstens. Zweitens."


def test_the_translation_key_can_have_another_name(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "r.jsonl", {"id": 3, "document": {"en": "x"}, "document_mt": {"de": "y"}}
    )
    (record,) = read_records(path, translation_key="document_mt")
    assert (record.id, record.translation) == ("3", {"de": ("y",)})
    (record,) = read_records(path)
    assert record.translation == {}


def test_all_white_space_and_control_characters_become_one_space_in_nfc(tmp_path: Path) -> None:
    text = " a\u2028\u2029b\x0b\x0c\x1cc\x85d\u00a0\u3000e\x00\x9ff\r\nu\u0308\t"
    path = write_lines(tmp_path / "r.jsonl", {"id": "1", "document": {"en": text}})
    (record,) = read_records(path)
    assert record.document_text("en") == "a b c d e f \u00fc"


def test_gzip_byte_order_mark_windows_line_ends_and_blank_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl.gz"
    line = json.dumps(COMPLETE).encode()
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + line + b"\r\n\r\n"))
    (record,) = read_records(path)
    assert record.id == "a"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json", r"r\.jsonl:2: every line must be one JSON object.*cannot be read"),
        ("[" * 100_000, r"r\.jsonl:2: every line must be one JSON object"),
        ("[1]", r"r\.jsonl:2: every line must be one JSON object.*list"),
        ({"document": {"en": "x"}}, r"r\.jsonl:2: the id must be .* but is None"),
        ({"id": "", "document": {"en": "x"}}, r"r\.jsonl:2: the id must be .* but is ''"),
        ({"id": "a\nb", "document": {"en": "x"}}, r"r\.jsonl:2: the id must be .* of one line"),
        ({"id": True, "document": {"en": "x"}}, r"r\.jsonl:2: the id must be .* but is True"),
        ({"id": "b", "document": "x"}, r'r\.jsonl:2: "document" must be an object'),
        ({"id": "b", "document": {"en": 5}}, r"r\.jsonl:2: document\.en must be a string or a"),
        ({"id": "b", "document": {"en": ["x", None]}}, r"r\.jsonl:2: document\.en must be a str"),
        ({"id": "b", "document": {"en": " \t\u200a"}}, r"r\.jsonl:2: document\.en must not be em"),
        ({"id": "b", "document": {"en": []}}, r"r\.jsonl:2: document\.en must not be empty"),
        ({"id": "b", "document": {"klingonese": "x"}}, r"r\.jsonl:2: \"document\": language code"),
        (
            {"id": "b", "document": {"en": "x"}, "summary": {"de": ""}},
            r"r\.jsonl:2: summary\.de must not be empty",
        ),
        (
            {"id": "b", "document": {"en": "x"}, "summary": {"de": ["y", " "]}},
            r"r\.jsonl:2: summary\.de must not hold an empty reference, but number 2 of 2 is",
        ),
        (
            {"id": "b", "document": {"en": "x"}, "summary": {"de": None}},
            r"r\.jsonl:2: summary\.de must be a string or a list of strings, but is None",
        ),
        (
            {"id": "b", "document": {"en": "x \ud83d y"}},
            r"r\.jsonl:2: document\.en must be valid Unicode, .* at character 3",
        ),
        (
            {"id": "b", "document": {"de": "x"}, "summary": {"de": "y"}},
            r"r\.jsonl:2: record 'b' must have a document in the source language en, but has de",
        ),
        (
            {"id": "b", "document": {"en": "x"}, "summary": {"zh": "y"}},
            r"r\.jsonl:2: record 'b' must have a summary in en or de, .* summaries are: zh",
        ),
        (
            {"id": "a", "document": {"en": "x"}, "summary": {"de": "y"}},
            r"r\.jsonl:2: ids must be unique, but 'a' is also that of .*r\.jsonl:1",
        ),
    ],
)
def test_a_faulty_line_is_named_with_file_line_and_rule(
    tmp_path: Path, line: object, message: str
) -> None:
    path = write_lines(tmp_path / "r.jsonl", COMPLETE, line)
    with pytest.raises(DataError, match=message):
        corpus(path)


def test_the_same_id_in_two_files_or_one_file_given_twice_is_refused(tmp_path: Path) -> None:
    one = write_lines(tmp_path / "one.jsonl", COMPLETE)
    two = write_lines(tmp_path / "two.jsonl", {**COMPLETE, "id": "b"}, COMPLETE)
    with pytest.raises(DataError, match=r"two\.jsonl:2: ids .* 'a' is also that of .*one\.jsonl:1"):
        corpus(one, two)
    with pytest.raises(DataError, match=r"one\.jsonl:1: ids must be unique"):
        corpus(one, one)


def test_invalid_utf8_is_named_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(json.dumps(COMPLETE).encode() + b'\n{"id": "\xff"}\n')
    with pytest.raises(DataError, match=r"r\.jsonl:2: text must be UTF-8, but byte 9 of the line"):
        corpus(path)


def test_a_missing_file_a_folder_and_broken_gzip_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.jsonl: the file must exist"):
        list(read_records(tmp_path / "nowhere.jsonl"))
    with pytest.raises(DataError, match="must be a readable file"):
        list(read_records(tmp_path))
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(json.dumps(COMPLETE).encode() * 100)[:60])
    with pytest.raises(DataError, match=r"cut\.jsonl\.gz: .* must be whole gzip data"):
        list(read_records(cut))
    cut.write_bytes(b"plain text\n")
    with pytest.raises(DataError, match=r"cut\.jsonl\.gz: .* must be whole gzip data"):
        list(read_records(cut))


def test_an_unknown_language_of_the_command_line_is_refused(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", COMPLETE)
    with pytest.raises(DataError, match="language code 'xx': must be a known code"):
        corpus(path, targets=("xx",))


def test_parallel_text_becomes_records_with_one_translation_each(tmp_path: Path) -> None:
    write_lines(tmp_path / "t.en", "Go.", "  Stop. ")
    (tmp_path / "t.de.gz").write_bytes(gzip.compress(b"Geh.\nHalt.\n"))
    records = corpus(tmp_path / "t", targets=("zh", "de"))
    assert [record.id for record in records] == ["t:1", "t:2"]
    assert records[1].document == {"en": ("Stop.",)}
    assert records[1].translation == {"de": ("Halt.",)}
    assert records[1].summary == {}
    assert records[1].origin == f"{tmp_path / 't.en'}:2"


def test_unequal_line_counts_of_parallel_files_are_both_named(tmp_path: Path) -> None:
    write_lines(tmp_path / "t.en", "a", "b", "c")
    write_lines(tmp_path / "t.de", "a", "b")
    with pytest.raises(DataError, match=r"equally many lines, but .*t\.en has 3, .*t\.de has 2"):
        list(read_parallel(tmp_path / "t", "en", ["de"]))


def test_empty_lines_and_missing_sides_of_parallel_text_are_refused(tmp_path: Path) -> None:
    write_lines(tmp_path / "t.en", "a", "")
    with pytest.raises(
        DataError, match=r"t: the file must exist, .* nor is it the prefix of parallel text"
    ):
        corpus(tmp_path / "t")
    write_lines(tmp_path / "t.de", "a", "b")
    with pytest.raises(DataError, match=r"t\.en:2: a line of parallel text must not be empty"):
        corpus(tmp_path / "t")


def test_written_records_are_read_back_and_gzip_bytes_repeat(tmp_path: Path) -> None:
    rows = [COMPLETE, {**COMPLETE, "id": "b", "document": {"en": "Grüße 你好"}}]
    first, second = tmp_path / "new" / "one.jsonl.gz", tmp_path / "two.jsonl.gz"
    assert write_records(first, rows) == 2
    assert write_records(second, rows) == 2
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4), "the header holds no time"
    assert [record.document_text("en") for record in read_records(first)] == [
        "One two.",
        "Grüße 你好",
    ]
    assert first.stat().st_mode & 0o777 == write_lines(tmp_path / "x", "").stat().st_mode & 0o777


def test_a_failing_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", COMPLETE)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_records(path, [COMPLETE, {"id": object()}])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]

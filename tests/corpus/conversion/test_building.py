"""Rows become records or are dropped with a reason."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.corpus.conversion.building import Outcome, RecordBuilder
from mclas_fairseq.corpus.conversion.mapping import parse_map
from mclas_fairseq.corpus.conversion.rows import Row

MAP = ["document.en=text,summary.en=own,summary.tr=s1+s2,translation.tr=mt"]


def builder(columns: list[str] = MAP, id_column: str | None = None, **more: Any) -> RecordBuilder:
    return RecordBuilder(parse_map(columns, id_column), **more)


def build(made: RecordBuilder | None = None, **values: Any) -> Outcome:
    return (made or builder()).build(Row("t.csv row 2", values, values))


def test_a_row_becomes_a_record_with_normalised_texts() -> None:
    outcome = build(text=" A\u0308 b\n\nc\t", own="", s1="x", s2=" y ", mt="z")
    assert outcome.record == {
        "id": hashlib.sha256("Ä b c".encode()).hexdigest()[:12],
        "document": {"en": "Ä b c"},
        "summary": {"tr": ["x", "y"]},
        "translation": {"tr": "z"},
        "origin": "t.csv row 2",
    }
    assert outcome.notes == ("without summary.en",)


def test_lists_are_sentences_of_a_document_and_references_of_a_summary() -> None:
    outcome = build(text=["One.", "", "Two."], own=["a", None, "b"], s1="x", s2=None)
    assert outcome.record is not None
    assert outcome.record["document"] == {"en": ["One.", "Two."]}
    assert outcome.record["summary"] == {"en": ["a", "b"], "tr": ["x"]}
    assert outcome.notes == (
        "with fewer references in summary.en than columns or items",
        "with fewer references in summary.tr than columns or items",
        "without translation.tr",
    )


def test_columns_of_a_document_are_joined_in_their_order() -> None:
    made = builder(["document.en=title+text,summary.en=own"])
    outcome = build(made, text="Body.", title="Head.", own="s")
    assert outcome.record is not None
    assert outcome.record["document"] == {"en": ["Head.", "Body."]}


@pytest.mark.parametrize(
    ("values", "reason", "detail"),
    [
        ({}, "blank row", ""),
        ({"text": " ", "own": None, "s1": float("nan")}, "blank row", ""),
        ({"text": "", "own": "s"}, "empty document", "document.en"),
        ({"text": "\u200b\ufeff", "own": "s"}, "empty document", "document.en"),
        ({"text": float("nan"), "own": "s"}, "empty document", "document.en"),
        ({"text": "t", "own": " ", "s1": ""}, "empty summary", "summary.en, summary.tr"),
        ({"text": 17, "own": "s"}, "not text", "column 'text' holds a int"),
        ({"text": {"a": "b"}, "own": "s"}, "not text", "column 'text' holds a dict"),
        ({"text": ["a", True], "own": "s"}, "not text", "column 'text' holds a bool"),
        ({"text": "half \ud83d", "own": "s"}, "not text", "half a surrogate pair"),
    ],
)
def test_rows_without_texts_are_dropped_with_the_reason(
    values: dict[str, Any], reason: str, detail: str
) -> None:
    outcome = build(**values)
    assert outcome.record is None
    assert outcome.reason == reason
    assert detail in outcome.detail


def test_a_row_that_cannot_be_read_keeps_its_problem() -> None:
    outcome = builder().build(Row("t.csv row 3", raw=["a"], problem="1 cells"))
    assert (outcome.reason, outcome.detail) == ("unreadable", "1 cells")


def test_given_ids_must_be_there_and_unique() -> None:
    made = builder(["document.en=text,summary.tr=s1"], id_column="nr")
    outcomes = [
        build(made, text=f"t{n}", s1="s", nr=nr)
        for n, nr in enumerate(["a", " a ", "", None, 7, 7.0, "7", 1.5, float("nan"), True])
    ]
    ids = [outcome.record and outcome.record["id"] for outcome in outcomes]
    assert ids == ["a", None, None, None, "7", None, None, None, None, None]
    assert [outcome.reason for outcome in outcomes] == [
        "",
        "id of an earlier row",
        "empty id",
        "empty id",
        "",
        "id of an earlier row",
        "id of an earlier row",
        "not text",
        "empty id",
        "not text",
    ]


def test_made_ids_depend_on_the_document_alone_and_are_unique() -> None:
    first, second = builder(), builder()
    build(first, text="another", own="x")
    ids = []
    for made, own in ((first, "x"), (first, "y"), (second, "z")):
        record = build(made, text="the  same", own=own).record
        assert record is not None
        ids.append(str(record["id"]))
    assert ids[1] == f"{ids[0]}-2"
    assert ids[2] == ids[0]


def test_repeated_rows_are_kept_and_noted_or_dropped_if_that_is_asked() -> None:
    rows = [{"text": "t", "own": "s"}, {"text": " t", "own": "s "}, {"text": "t", "own": "other"}]
    kept = builder()
    notes = [build(kept, **row).notes for row in rows]
    repeated = "same texts as an earlier row (--dedup drops them)"
    assert [repeated in note for note in notes] == [False, True, False]
    dropping = builder(drop_repeated=True)
    assert [build(dropping, **row).reason for row in rows] == ["", "same as an earlier row", ""]


def test_a_row_is_no_repetition_of_one_that_was_dropped() -> None:
    made = builder(["document.en=text,summary.tr=s1"], id_column="nr", drop_repeated=True)
    assert build(made, text="t", s1="s", nr="").reason == "empty id"
    assert build(made, text="t", s1="s", nr="1").record is not None


def test_dropped_rows_are_strict_json(tmp_path: Path, convert_files: Callable[..., Any]) -> None:
    raw = tmp_path / "rows.jsonl"
    odd = '{"text": "", "own": "s", "more": [NaN, {"a": -Infinity}], "n": 1.5}'
    raw.write_text(odd + '\n{"text": "t", "own": "s"}\n')
    convert_files([raw], "document.en=text,summary.en=own")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    (line,) = (tmp_path / "dropped.jsonl").read_text().splitlines()
    row = json.loads(line, parse_constant=refuse)["row"]
    assert row["more"] == ["nan", {"a": "-inf"}]
    assert row["n"] == 1.5

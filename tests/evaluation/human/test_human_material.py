import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.human.material import Sources, read_material


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def records(tmp_path: Path) -> Path:
    rows = [
        {"id": "1", "document": {"en": ["one.", "more."]}, "summary": {"de": ["eins", "1"]}},
        {"id": "2", "document": {"en": "two."}, "summary": {"en": ["two"]}},
        {"id": "3", "document": {"en": "three."}, "summary": {"de": ["drei"]}},
    ]
    return write_rows(tmp_path / "test.jsonl", rows)


@pytest.fixture
def system(tmp_path: Path) -> Path:
    rows = [{"id": id_, "summary": {"de": f"de {id_}"}} for id_ in ("3", "2", "1")]
    return write_rows(tmp_path / "summaries.jsonl", rows)


def test_everything_is_put_side_by_side_by_id(records: Path, system: Path) -> None:
    material = read_material(Sources("de", {"S": system}, records, "en"))
    assert material.ids == ("1", "2", "3")
    assert material.shown == {"document": ("one. more.", "two.", "three.")}
    assert material.systems == {"S": ("de 1", "de 2", "de 3")}


def test_first_reference_takes_part_or_is_shown(records: Path, system: Path) -> None:
    material = read_material(Sources("de", {"S": system}, records, "en", [records]))
    assert material.ids == ("1", "3"), "a document without a reference cannot take part"
    assert material.shown == {"document": ("one. more.", "three.")}
    assert material.systems == {"S": ("de 1", "de 3"), "reference": ("eins", "drei")}
    material = read_material(Sources("de", {"S": system}, None, None, [records], "shown"))
    assert material.ids == ("1", "3")
    assert material.shown == {"reference": ("eins", "drei")}
    assert material.systems == {"S": ("de 1", "de 3")}


def test_plain_lines_belong_together_by_their_place(tmp_path: Path, system: Path) -> None:
    (tmp_path / "docs.txt").write_text("one\ntwo\nthree\n")
    (tmp_path / "hyp.txt").write_text("h1\n\nh3\n")
    (tmp_path / "ref.txt").write_text("r1\nr2\nr3\n")
    plain = {"P": tmp_path / "hyp.txt"}
    sources = Sources("de", plain, tmp_path / "docs.txt", None, [tmp_path / "ref.txt"])
    material = read_material(sources)
    assert material.ids == ("1", "2", "3")
    assert material.systems == {"P": ("h1", "", "h3"), "reference": ("r1", "r2", "r3")}
    mixed = read_material(Sources("de", {**plain, "S": system}, tmp_path / "docs.txt"))
    assert mixed.ids == ("3", "2", "1")


def test_a_document_missing_in_one_system_is_named(records: Path, tmp_path: Path) -> None:
    rows = [{"id": id_, "summary": {"de": "x"}} for id_ in ("1", "3")]
    short = write_rows(tmp_path / "short.jsonl", rows)
    with pytest.raises(DataError, match=r"short.jsonl: .* 1 \(2\) is missing"):
        read_material(Sources("de", {"S": short}, records, "en"))
    (tmp_path / "short.txt").write_text("x\ny\n")
    with pytest.raises(DataError, match=r"short.txt: .* has 2, and .*test.jsonl has 3"):
        read_material(Sources("de", {"S": tmp_path / "short.txt"}, records, "en"))


def test_systems_matched_by_line_must_not_have_other_ids(tmp_path: Path, system: Path) -> None:
    (tmp_path / "docs.txt").write_text("one\ntwo\nthree\n")
    rows = [{"id": id_, "summary": {"de": "x"}} for id_ in ("1", "2", "3")]
    other = write_rows(tmp_path / "other.jsonl", rows)
    with pytest.raises(DataError, match=r"other.jsonl: .* but has '1' where they have '3'"):
        read_material(Sources("de", {"S": system, "O": other}, tmp_path / "docs.txt"))


def test_annotators_need_something_to_judge_by(records: Path, system: Path) -> None:
    for references in ([], [records]):
        with pytest.raises(ConfigError, match="neither --source nor --ref with --ref-as shown"):
            read_material(Sources("de", {"S": system}, references=references))


def test_other_sources_that_do_not_fit_are_refused(
    records: Path, system: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"--source: .* none is given; add --source-lang"):
        read_material(Sources("de", {"S": system}, records))
    with pytest.raises(ConfigError, match="no system may be called 'reference'"):
        read_material(Sources("de", {"reference": system}, records, "en", [records]))
    with pytest.raises(DataError, match=r"test.jsonl:1: record '1' must have a document in zh"):
        read_material(Sources("de", {"S": system}, records, "zh"))
    (tmp_path / "docs.txt").write_text("one\n\nthree\n")
    with pytest.raises(DataError, match=r"docs.txt:2: a document must not be empty"):
        read_material(Sources("de", {"S": system}, tmp_path / "docs.txt"))
    records.write_text(records.read_text() + records.read_text())
    with pytest.raises(DataError, match=r"test.jsonl:4: ids must be unique"):
        read_material(Sources("de", {"S": system}, records, "en"))

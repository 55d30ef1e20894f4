"""What is left out of training on demand is left out, counted with its reason, and listed."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.binarize.sieve import FilterOptions, Sieve
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import ConfigError, DataError

SIDES = {
    "document": "en",
    "summary-en": "en",
    "summary-zh": "zh",
    "translation-zh": "zh",
}


def sieve(excluded: frozenset[str] = frozenset(), **options: float | bool) -> Sieve:
    return Sieve(FilterOptions(**options), "en", SIDES, excluded)  # type: ignore[arg-type]


def texts(document: str, en: str = "", zh: str = "", translation: str = "") -> Mapping[str, str]:
    values = (document, en, zh, translation)
    return {side: text for side, text in zip(SIDES, values, strict=True) if text}


@pytest.mark.parametrize(
    ("options", "record", "reason"),
    [
        ({"max_document_words": 3}, texts("a b c"), None),
        ({"max_document_words": 3}, texts("a b c d"), "--max-document-words 3"),
        ({"max_document_words": 3}, texts("a", translation="我 们提出的方"), None),
        (
            {"max_document_words": 3},
            texts("a", translation="我 们提出的方法"),
            "--max-document-words 3",
        ),
        ({"max_document_words": 3}, texts("a", en="a b c d e"), None),
        ({"max_summary_words": 3}, texts("a b c d", en="a b c", zh="我们 提出的方"), None),
        ({"max_summary_words": 3}, texts("a", en="a b c d"), "--max-summary-words 3"),
        ({"max_summary_words": 3}, texts("a", zh="我们提出的方法"), "--max-summary-words 3"),
        ({"max_length_ratio": 2}, texts("a", en="aaa", zh="我们"), None),
        ({"max_length_ratio": 2}, texts("a", en="aa", zh="我们"), "--max-length-ratio 2"),
        ({"max_length_ratio": 2}, texts("a", en="aaaaaaa", zh="我"), "--max-length-ratio 2"),
        ({"max_length_ratio": 2.5}, texts("a", translation="我"), "--max-length-ratio 2.5"),
        ({"max_length_ratio": 2}, texts("a", en="a summary alone"), None),
    ],
)
def test_lengths_beyond_a_limit_are_the_reason(
    options: dict[str, float], record: Mapping[str, str], reason: str | None
) -> None:
    assert sieve(frozenset(), **options).reason("train", "1", record) == reason


def test_a_repeated_document_is_left_out_unless_it_brings_a_new_text() -> None:
    asked = sieve(dedup=True)
    assert asked.reason("train", "1", texts("A cat", en="x")) is None
    assert asked.reason("train", "2", texts("a cat", en="y")) == "--dedup: repeated document"
    assert asked.reason("train", "3", texts("a cat", zh="x")) is None, "its translated summary"
    assert (
        asked.reason("train", "4", texts("a cat", en="y", zh="x")) == "--dedup: repeated document"
    )
    assert asked.reason("train", "5", texts("a cat")) == "--dedup: repeated document"
    assert asked.reason("train", "6", texts("another cat", en="x")) is None
    assert sieve().reason("train", "2", texts("a cat")) is None, "only on demand"


def test_documents_of_validation_and_test_are_left_out_of_training() -> None:
    asked = sieve(dedup=True)
    assert asked.reason("valid", "v", texts("a cat", en="x")) is None
    assert asked.reason("test", "t", texts("a cat", en="x")) == "--dedup: document also in valid"
    assert asked.reason("train", "1", texts("A CAT", zh="y")) == "--dedup: document also in valid"


def test_a_record_left_out_for_another_reason_makes_none_of_its_kind_a_repetition() -> None:
    asked = sieve(frozenset({"1"}), dedup=True, max_summary_words=2)
    assert asked.reason("train", "1", texts("a cat", en="x")) == "--exclude-ids"
    assert asked.reason("train", "2", texts("a cat", en="x y z")) == "--max-summary-words 2"
    assert asked.reason("train", "3", texts("a cat", en="x")) is None
    assert asked.reason("valid", "1", texts("a dog", en="x")) is None, "ids are training's"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_document_words": 0}, "--max-document-words: must be at least 1, but is 0"),
        ({"max_summary_words": -1}, "--max-summary-words: must be at least 1, but is -1"),
        ({"max_length_ratio": 0.5}, r"--max-length-ratio: must be at least 1\.0, but is 0\.5"),
        ({"max_length_ratio": float("nan")}, "--max-length-ratio: .* but is nan"),
    ],
)
def test_limits_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FilterOptions(**options).check()  # type: ignore[arg-type]


@pytest.fixture
def crowded(options: PrepareOptions, tmp_path: Path) -> PrepareOptions:
    """Training data with a long document, a long summary, a repetition and a test document."""
    rows = [json.loads(line) for line in options.inputs["train"][0].open(encoding="utf-8")]
    for number, row in enumerate(rows):  # validation and test have the same documents
        row["document"]["en"].append(f"number {number}")
    test = json.loads(options.inputs["test"][0].open(encoding="utf-8").readline())
    rows.insert(2, {**rows[0], "id": "again"})
    rows.insert(5, {**rows[1], "id": "long", "document": {"en": "a cat sees " * 30}})
    rows.insert(6, {**rows[1], "id": "wordy", "summary": {"de": "die Katze " * 20}})
    rows.append({**test, "id": "leaked"})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "train.jsonl").write_text(lines, encoding="utf-8")
    limits = FilterOptions(max_document_words=60, max_summary_words=20, dedup=True)
    return replace(options, filters=limits)


def test_what_is_left_out_is_reported_recorded_and_listed_by_id(crowded: PrepareOptions) -> None:
    report = prepare(crowded)
    data_bin = DataBin.open(crowded.out)
    expected = {
        "again": "--dedup: repeated document",
        "long": "--max-document-words 60",
        "wordy": "--max-summary-words 20",
        "leaked": "--dedup: document also in test",
    }
    listed = (crowded.out / "left_out.train.jsonl").read_text(encoding="utf-8").splitlines()
    assert {row["id"]: row["reason"] for row in map(json.loads, listed)} == expected
    assert not set(expected) & set(data_bin.ids("train"))
    assert len(data_bin.ids("train")) == 13
    counts = dict.fromkeys(expected.values(), 1)
    assert data_bin.manifest.left_out == {"train": counts}
    assert data_bin.manifest.filters == {
        "max_document_words": 60,
        "max_summary_words": 20,
        "dedup": True,
    }
    printed = list(report.lines())
    for reason in counts:
        assert any(line.endswith(f" 1  left out by {reason}") for line in printed), reason


def test_what_is_left_out_is_not_learned_from(crowded: PrepareOptions, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("a cat sees", "a Zebra sees"))
    prepare(crowded)
    dictionary = DataBin.open(crowded.out).dictionary
    assert "cat" in dictionary
    assert "Zebra" not in dictionary


def test_validation_and_test_keep_what_training_would_lose_and_the_report_says_so(
    options: PrepareOptions, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in options.inputs["valid"][0].open(encoding="utf-8")]
    rows.append({**rows[0], "id": "long", "document": {"en": "a cat sees " * 30}})
    (tmp_path / "valid.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = prepare(replace(options, filters=FilterOptions(max_document_words=60)))
    assert "long" in DataBin.open(options.out).ids("valid")
    printed = "\n".join(report.lines())
    assert " 1  kept in spite of --max-document-words 60 (for training only)" in printed
    assert not (options.out / "left_out.valid.jsonl").exists()


def test_limits_that_leave_nothing_are_an_error_that_counts_the_reasons(
    options: PrepareOptions,
) -> None:
    with pytest.raises(DataError, match=r"holds none \(13 left out by --max-document-words 1\)"):
        prepare(replace(options, filters=FilterOptions(max_document_words=1)))
    assert not options.out.exists()


def test_the_bytes_do_not_depend_on_the_workers_with_limits_either(
    crowded: PrepareOptions, tmp_path: Path
) -> None:
    prepare(replace(crowded, out=tmp_path / "alone"))
    prepare(replace(crowded, out=tmp_path / "together", workers=2))
    for path in sorted((tmp_path / "alone").rglob("*")):
        if path.is_file():
            other = tmp_path / "together" / path.relative_to(tmp_path / "alone")
            assert other.read_bytes() == path.read_bytes()

import gzip
import json
from pathlib import Path

import pytest

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.inputs import (
    Hypotheses,
    References,
    align,
    read_hypotheses,
    read_references,
)


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def write_json(path: Path, *rows: object) -> Path:
    return write(path, *(json.dumps(row, ensure_ascii=False) for row in rows))


def test_plain_hypotheses_may_be_empty_and_hold_odd_separators(tmp_path: Path) -> None:
    path = tmp_path / "hyp.txt"
    path.write_bytes("eins\r\n\nzwei\u2028drei\x0b".encode())
    assert read_hypotheses(path, "de").texts == ("eins", "", "zwei\u2028drei\x0b")


def test_plain_hypotheses_can_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "hyp.txt.gz"
    path.write_bytes(gzip.compress("über\n".encode()))
    assert read_hypotheses(path, "de") == Hypotheses(str(path), ("über",))


def test_summaries_are_read_in_the_language_asked_for(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "summaries.jsonl",
        {"id": "b", "summary": {"en": "two", "de": "zwei"}, "score": -0.5},
        {"id": 7, "summary": {"en": "", "de": ["eins"]}},
    )
    assert read_hypotheses(path, "de") == Hypotheses(str(path), ("zwei", "eins"), ("b", "7"))
    assert read_hypotheses(path, "en").texts == ("two", "")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("[1]", r":2: a hypothesis must be"),
        ("{", r":2: every line must be JSON"),
        ('{"id": "x"}', r":2: a hypothesis must be"),
        (
            '{"id": "x", "summary": {"en": "y"}}',
            r":2: document 'x' must have.*'de'.*has en; .*--lang",
        ),
        ('{"id": "x", "summary": {"de": ["y", "z"]}}', r":2: summary.de must be one text"),
        ('{"id": "a", "summary": {"de": "y"}}', r":2: ids must be unique, but 'a'"),
    ],
)
def test_bad_summaries_name_file_and_line(tmp_path: Path, row: str, message: str) -> None:
    path = write(tmp_path / "summaries.jsonl", '{"id": "a", "summary": {"de": "x"}}', row)
    with pytest.raises(DataError, match="summaries.jsonl" + message):
        read_hypotheses(path, "de")


def test_json_lines_are_known_by_their_first_line_whatever_the_name(tmp_path: Path) -> None:
    row = {"id": "b", "summary": {"de": "zwei"}}
    for name in ("summaries.json", "out.txt", "decoded"):
        path = write_json(tmp_path / name, row)
        assert read_hypotheses(path, "de") == Hypotheses(str(path), ("zwei",), ("b",))
        assert read_references([path], "de").ids == ("b",)


@pytest.mark.parametrize("line", ["{ so begann es }", "{}x", '["a"]', "{"])
def test_text_with_a_brace_is_text(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "hyp.txt", line)
    assert read_hypotheses(path, "de").texts == (line,)


def test_half_takes_the_part_before_or_after_the_separator(tmp_path: Path) -> None:
    path = write(tmp_path / "hyp.txt", "one [LSEP] eins", "two [LSEP]")
    assert read_hypotheses(path, "de", half="target").texts == ("eins", "")
    assert read_hypotheses(path, "en", half="source").texts == ("one", "two")


@pytest.mark.parametrize(
    ("line", "half", "message"),
    [
        ("one [LSEP] eins", None, "must hold one summary, but holds 2; mclas score --half"),
        ("eins", "target", "must hold two summaries, but holds 1; mclas score --half"),
        ("a [LSEP] b [LSEP] c", "target", "must hold two summaries, but holds 3"),
    ],
)
def test_number_of_summaries_on_a_line_must_fit_half(
    tmp_path: Path, line: str, half: str | None, message: str
) -> None:
    with pytest.raises(DataError, match=r"hyp.txt:1: a line " + message):
        read_hypotheses(write(tmp_path / "hyp.txt", line), "de", half=half)


def test_half_is_refused_for_summaries_with_languages(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--half: is for plain lines"):
        read_hypotheses(tmp_path / "summaries.jsonl", "de", half="target")


def test_invalid_utf8_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "hyp.txt"
    path.write_bytes(b"good\nba\xffd\n")
    with pytest.raises(DataError, match=r"hyp.txt:2: text must be UTF-8"):
        read_hypotheses(path, "de")


def test_plain_reference_files_are_several_references_of_each_line(tmp_path: Path) -> None:
    paths = [write(tmp_path / "0.txt", "a", "b"), write(tmp_path / "1.txt", "c", "d")]
    assert read_references(paths, "de").texts == (("a", "c"), ("b", "d"))


def test_plain_reference_files_of_different_length_are_refused(tmp_path: Path) -> None:
    paths = [write(tmp_path / "0.txt", "a", "b"), write(tmp_path / "1.txt", "c")]
    with pytest.raises(DataError, match=r"1.txt: every file.*has 1 and .*0.txt has 2"):
        read_references(paths, "de")


def test_blank_reference_names_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ref.txt:2: a reference must not be empty"):
        read_references([write(tmp_path / "ref.txt", "a", " ")], "de")


def test_records_give_all_references_of_the_language(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "test.jsonl",
        {"id": "1", "document": {"en": "x"}, "summary": {"en": ["y"], "de": ["a", "b"]}},
        {"id": "2", "summary": {"en": ["z"]}},
    )
    assert read_references([path], "de") == References(str(path), (("a", "b"), ()), ("1", "2"))


def test_records_without_the_language_are_refused(tmp_path: Path) -> None:
    path = write_json(tmp_path / "test.jsonl", {"id": "1", "summary": {"en": ["y"]}})
    with pytest.raises(DataError, match="must hold references in 'zh', but holds some in en"):
        read_references([path], "zh")


def test_records_beside_other_references_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--ref: must be one file of JSON lines"):
        read_references([tmp_path / "a.jsonl", tmp_path / "b.txt"], "de")


def test_documents_are_matched_by_id_in_any_order() -> None:
    aligned = align(
        Hypotheses("h", ("zwei", "eins"), ("2", "1")),
        References("r", (("a",), ("b",)), ("1", "2")),
    )
    assert (aligned.hypotheses, aligned.references) == (("eins", "zwei"), (("a",), ("b",)))
    assert aligned.skipped == 0


def test_missing_and_unknown_ids_are_listed() -> None:
    with pytest.raises(
        DataError, match=r"h: must hold.* of r, but 2 \(2, 3\) are missing and 1 \(x\) is unknown"
    ):
        align(
            Hypotheses("h", ("a", "b"), ("1", "x")),
            References("r", (("a",), ("b",), ("c",)), ("1", "2", "3")),
        )


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (("1",), r"1 \(2\) is missing and none is unknown"),
        (("1", "2", "x"), r"none is missing and 1 \(x\) is unknown"),
    ],
)
def test_missing_or_unknown_ids_alone_are_refused(ids: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        align(Hypotheses("h", ids, ids), References("r", (("a",), ("b",)), ("1", "2")))


def test_different_counts_are_refused() -> None:
    with pytest.raises(DataError, match=r"h: must hold one.* but has 1, and r has 2"):
        align(Hypotheses("h", ("a",)), References("r", (("a",), ("b",))))


@pytest.mark.parametrize("ids", [("1", "3"), ("1", "2", "3")])
def test_documents_without_reference_are_left_out_and_counted(ids: tuple[str, ...]) -> None:
    aligned = align(
        Hypotheses("h", ids, ids), References("r", (("a",), (), ("c",)), ("1", "2", "3"))
    )
    assert (aligned.hypotheses, aligned.skipped) == (("1", "3"), 1)


def test_plain_hypotheses_are_matched_with_records_line_by_line() -> None:
    aligned = align(Hypotheses("h", ("a", "b")), References("r", ((), ("B",)), ("1", "2")))
    assert (aligned.hypotheses, aligned.references) == (("b",), (("B",),))

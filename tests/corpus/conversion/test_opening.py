"""Which reader a file gets, Parquet and plain text, and files that none can read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mclas_fairseq.corpus.conversion.guessing import Encoding
from mclas_fairseq.corpus.conversion.opening import ReadingOptions, open_source
from mclas_fairseq.corpus.conversion.parallel_text import TextSource
from mclas_fairseq.errors import DataError, SetupError


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("t.csv", "comma-separated, utf-8"),
        ("t.CSV", "comma-separated, utf-8"),
        ("t.tsv", "tab-separated, utf-8"),
        ("t.tab", "tab-separated, utf-8"),
        ("t.json", "JSON, utf-8"),
        ("t.jsonl", "JSON lines, utf-8"),
        ("t.ndjson", "JSON lines, utf-8"),
    ],
)
def test_the_name_of_a_file_says_what_it_is(tmp_path: Path, name: str, description: str) -> None:
    path = tmp_path / name
    path.write_text("a\tb\n" if "tab" in description else "a,b\n")
    wanted = ["a"] if "separated" in description else []
    assert open_source(path, wanted, ReadingOptions()).description == description


def test_a_format_that_is_given_wins_over_the_name(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("a\tb\n1\t2\n")
    with pytest.raises(DataError, match=r"must end in \.csv, .* --format, or give .* --text"):
        open_source(path, ["a"], ReadingOptions())
    rows = list(open_source(path, ["a"], ReadingOptions("tsv")).rows())
    assert [row.values for row in rows] == [{"a": "1"}]


@pytest.mark.parametrize("name", ["t.xls", "t.ods", "t.csv"])
def test_another_workbook_is_answered_with_the_way_to_save_it_as_csv(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(DataError, match="but is another workbook; open it .* as CSV UTF-8"):
        open_source(path, ["a"], ReadingOptions())


def write_parquet(path: Path) -> Path:
    rows = [
        {"id": n, "text": f"text {n}", "more": {"en": f"s {n}", "de": ["x", "y"]}, "other": 1.5}
        for n in range(2500)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_parquet_is_read_in_batches_and_only_what_is_asked_for(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "t.parquet")
    rows = list(open_source(path, ["text", "more.en", "more.de"], ReadingOptions()).rows())
    assert len(rows) == 2500
    assert rows[2400].values == {"text": "text 2400", "more.en": "s 2400", "more.de": ["x", "y"]}
    assert rows[2400].origin == "t.parquet row 2401"
    assert isinstance(rows[0].raw, dict)
    assert set(rows[0].raw) == {"text", "more"}


def test_a_column_that_a_parquet_file_lacks_is_named_before_it_is_read(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="the column 'txt', but has 'id', 'text', .*mean 'text'"):
        open_source(path, ["txt"], ReadingOptions())


def test_a_file_that_is_no_parquet_or_missing_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(DataError, match="the file must exist, but does not"):
        open_source(path, ["a"], ReadingOptions())
    path.write_text("a,b\n")
    with pytest.raises(DataError, match="must be a Parquet file, but cannot be read"):
        open_source(path, ["a"], ReadingOptions())


def test_parquet_without_its_package_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name="pyarrow")

    monkeypatch.setattr("mclas_fairseq.extras.import_module", absent)
    with pytest.raises(SetupError, match=r"pip install 'mclas-fairseq\[convert\]'"):
        open_source(tmp_path / "t.parquet", ["a"], ReadingOptions())


def test_lines_of_text_files_are_put_side_by_side(tmp_path: Path) -> None:
    a, b = tmp_path / "a.en", tmp_path / "b.de"
    a.write_text("one\r\ntwo \u2028 halves\n", encoding="utf-8")
    b.write_text("eins\n\n", encoding="utf-8")
    rows = list(TextSource([str(a), str(b)], Encoding()).rows())
    assert [row.values[str(a)] for row in rows] == ["one\r\n", "two \u2028 halves\n"]
    assert [row.origin for row in rows] == ["a.en line 1", "a.en line 2"]


def test_text_files_of_unequal_length_are_refused_with_their_lengths(tmp_path: Path) -> None:
    a, b = tmp_path / "a.en", tmp_path / "b.de"
    a.write_text("1\n2\n3\n")
    b.write_text("1\n2\n")
    with pytest.raises(DataError, match=rf"{a} has 3, {b} has 2; align them"):
        list(TextSource([str(a), str(b)], Encoding()).rows())
    with pytest.raises(DataError, match=r"c\.de: the file must exist"):
        TextSource([str(a), str(tmp_path / "c.de")], Encoding())

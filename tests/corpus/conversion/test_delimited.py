"""CSV and TSV as spreadsheets write them."""

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from mclas_fairseq.corpus.conversion.delimited import DelimitedSource, TableOptions
from mclas_fairseq.corpus.conversion.rows import Row
from mclas_fairseq.errors import DataError

TEXT = 'The council met.\nIt said: "yes", and\r\nno more; done.'


def table(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter).writerows(rows)
    return stream.getvalue()


def source(path: Path, content: str | bytes, *wanted: str, **options: object) -> DelimitedSource:
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    chosen = TableOptions(**options)  # type: ignore[arg-type]
    return DelimitedSource(path, wanted, chosen, is_tsv=path.name.endswith(".tsv"))


def read(path: Path, content: str | bytes, *wanted: str, **options: object) -> list[Row]:
    return list(source(path, content, *wanted, **options).rows())


@pytest.mark.parametrize("name", ["comma", "semicolon", "tab", "bar"])
def test_the_delimiter_is_found_and_reported(tmp_path: Path, name: str) -> None:
    sign = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}[name]
    # Texts are full of the other signs.
    rows = [["nr", "text", "summary"], *([str(n), TEXT, "a, b; c | d\te"] for n in range(5))]
    found = source(tmp_path / "x.csv", table(rows, sign), "text", "summary")
    assert found.description == f"{name}-separated, utf-8"
    assert [row.values for row in found.rows()] == [{"text": TEXT, "summary": "a, b; c | d\te"}] * 5


def test_rows_are_numbered_as_the_spreadsheet_numbers_them(tmp_path: Path) -> None:
    rows = read(tmp_path / "t.csv", table([["a", "b"], [TEXT, "1"], ["x", "2"]]), "b")
    assert [row.origin for row in rows] == ["t.csv row 2", "t.csv row 3"]


def test_a_byte_order_mark_and_blanks_are_no_part_of_a_columns_name(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + table([[" text ", "b"], ["x", "y"]]).encode()
    assert read(tmp_path / "t.csv", content, "text")[0].values == {"text": "x"}


def test_the_first_line_by_which_excel_names_the_delimiter_is_followed(tmp_path: Path) -> None:
    rows = read(tmp_path / "t.csv", "sep=;\r\na;b,c\r\n1;2\r\n", "a")
    assert [(row.values, row.origin) for row in rows] == [({"a": "1"}, "t.csv row 3")]


def test_gzip_files_are_read(tmp_path: Path) -> None:
    content = gzip.compress(table([["a", "b"], ["1", "2"]], "\t").encode())
    assert read(tmp_path / "t.tsv.gz", content, "a", delimiter="\t")[0].values == {"a": "1"}


def test_columns_of_a_table_without_header_are_numbered(tmp_path: Path) -> None:
    rows = read(tmp_path / "t.tsv", "a\tb\nc\td\n", "2", has_header=False)
    assert [(row.values["2"], row.origin) for row in rows] == [
        ("b", "t.tsv row 1"),
        ("d", "t.tsv row 2"),
    ]


def test_quotation_marks_can_be_part_of_the_text(tmp_path: Path) -> None:
    content = 'a\tb\n"Yes" he said\tx\n'
    assert read(tmp_path / "t.tsv", content, "a", quoted=False)[0].values["a"] == '"Yes" he said'
    with pytest.raises(DataError, match=r"line 2: quotation marks .*--no-quotes"):
        read(tmp_path / "t.tsv", content, "a")


def test_a_quotation_mark_that_is_never_closed_is_an_error_that_names_its_row(
    tmp_path: Path,
) -> None:
    content = 'a,b\n1,2\n3,"4\n5,6\n7,8\n'
    with pytest.raises(DataError, match="line 3: quotation marks must enclose whole cells"):
        read(tmp_path / "t.csv", content, "a", delimiter=",")


def test_rows_of_another_width_are_problems_and_blank_ones_hold_nothing(tmp_path: Path) -> None:
    rows = read(tmp_path / "t.csv", "a,b\n1,2,3\n1\n\n , \n", "a", delimiter=",")
    assert [row.problem for row in rows] == [
        "3 cells where the header has 2",
        "1 cells where the header has 2",
        "",
        "",
    ]
    assert [row.raw for row in rows] == [["1", "2", "3"], ["1"], [], [" ", " "]]
    assert not any(row.values for row in rows)


def test_a_cell_may_be_longer_than_the_library_allows_by_itself(tmp_path: Path) -> None:
    long = "word " * 40_000
    before = csv.field_size_limit(1000)
    try:
        assert read(tmp_path / "t.csv", table([["a", "b"], [long, ""]]), "a")[0].values["a"] == long
        assert csv.field_size_limit() == 1000  # as the next user of the library expects it
    finally:
        csv.field_size_limit(before)


def test_a_column_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    content = table([["nr", "Text", "Summary TR"], ["1", "x", "y"]])
    with pytest.raises(DataError) as caught:
        source(tmp_path / "t.csv", content, "text", "Sumary TR")
    assert str(caught.value) == (
        f"{tmp_path}/t.csv: must have the column 'text', but has 'nr', 'Text', 'Summary TR';"
        " did you mean 'Text'? correct --map or --id"
    )
    with pytest.raises(DataError, match=r"did you mean 'Summary TR'\?"):
        source(tmp_path / "t.csv", content, "Sumary TR")


def test_long_lists_of_columns_are_cut(tmp_path: Path) -> None:
    content = table([[f"c{number}" for number in range(30)]])
    with pytest.raises(DataError, match=r"'c19' and 10 more; correct --map"):
        source(tmp_path / "t.csv", content, "zzz")


def test_a_used_column_must_have_a_name_of_its_own(tmp_path: Path) -> None:
    content = table([["text", "text", "b"], ["1", "2", "3"]])
    with pytest.raises(DataError, match="'text' is there 2 times; rename"):
        source(tmp_path / "t.csv", content, "text")
    row = read(tmp_path / "t.csv", content, "b")[0]
    assert row.raw == ["1", "2", "3"]  # nothing of it is lost where it is dropped


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold a table, but is empty"):
        source(tmp_path / "t.csv", "", "a")

"""Files to records: every row is written or reported, and outputs are whole or absent."""

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mclas_fairseq.corpus.conversion.convert import convert
from mclas_fairseq.corpus.conversion.delimited import TableOptions
from mclas_fairseq.corpus.conversion.mapping import parse_map, parse_text_files
from mclas_fairseq.corpus.conversion.opening import ReadingOptions
from mclas_fairseq.corpus.conversion.options import ConvertOptions
from mclas_fairseq.corpus.conversion.splitting import SplitOptions
from mclas_fairseq.corpus.records import read_corpus, read_records
from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import ConfigError, DataError

Run = Callable[..., Any]
MAP = "document.en=text,summary.de=s1+s2"
HEADER = ["text", "s1", "s2"]


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def as_csv(rows: Sequence[Sequence[str | None]], delimiter: str) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter).writerows([HEADER, *rows])
    return stream.getvalue().encode("utf-8")


def write_table(folder: Path, kind: str, rows: Sequence[Sequence[str | None]]) -> Path:
    """Write the same rows as a file of any kind."""
    items = [dict(zip(HEADER, row, strict=True)) for row in rows]
    path = folder / f"t.{kind}"
    if kind in ("csv", "tsv"):
        path.write_bytes(as_csv(rows, "," if kind == "csv" else "\t"))
    elif kind == "jsonl.gz":
        path.write_bytes(gzip.compress("".join(json.dumps(i) + "\n" for i in items).encode()))
    elif kind == "json":
        path.write_text(json.dumps(items), encoding="utf-8")
    else:
        schema = pa.schema([(name, pa.string()) for name in HEADER])
        pq.write_table(pa.Table.from_pylist(items, schema), path)
    return path


# Unicode without half surrogates, which no file of UTF-8 can hold (JSON's escapes can: see
# test_building), and without NUL, which no spreadsheet writes.
CELLS = st.one_of(
    st.sampled_from(
        ["", " ", "the same text", "ein Satz", "\u200b", '"', "a;b,c\td|e", "x\r\ny\n"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
)
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl.gz", "json", "parquet"])
@given(rows=ROWS, dedup=st.booleans(), split=st.booleans())
def test_no_row_is_lost_that_is_not_reported(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    rows: list[tuple[str, str, str]],
    dedup: bool,
    split: bool,
) -> None:
    folder = tmp_path_factory.mktemp("lost")
    table = TableOptions(delimiter="," if kind == "csv" else None)
    options = ConvertOptions(
        inputs=[write_table(folder, kind, rows)],
        fields=parse_map([MAP]),
        out=folder / ("out" if split else "out.jsonl"),
        reading=ReadingOptions(table=table),
        split=SplitOptions((0.5, 0.25, 0.25)) if split else None,
        dropped=folder / "dropped.jsonl",
        drop_repeated=dedup,
    )
    message = ""
    try:
        convert(options)
    except DataError as error:
        message = str(error)
    records = [record for path in written(options) for record in read(path)]
    dropped = read(folder / "dropped.jsonl")
    if message:
        # Nothing is written then; a split may be empty although rows are left.
        assert records == []
        assert "none is left" in message or "gets none of the" in message
        assert len(dropped) == len(rows) or "gets none of the" in message
        return
    assert len(rows) == len(records) + len(dropped)
    origins = [item["origin"] for item in (*records, *dropped)]
    assert len(set(origins)) == len(rows)
    # What is kept is what stands in that row, and the package reads it.
    for path in written(options):
        for record in read_records(path):
            number = int(record_origin(path, record.id).split()[-1])
            text, *summaries = rows[number - (2 if kind in ("csv", "tsv") else 1)]
            assert record.document_text("en") == normalize_text(text)
            assert set(record.summary["de"]) <= {normalize_text(summary) for summary in summaries}


def written(options: ConvertOptions) -> list[Path]:
    return [path for path in options.outputs().values() if path.exists()]


def record_origin(path: Path, identifier: str) -> str:
    return str(next(record["origin"] for record in read(path) if record["id"] == identifier))


def test_the_report_counts_every_row_and_names_examples(tmp_path: Path, convert_files: Run) -> None:
    rows = [["A text.", "s", ""], ["", "s", ""], ["B", "", " "], ["", "", ""], ["A text.", "s", ""]]
    path = tmp_path / "t.csv"
    path.write_bytes(as_csv(rows, ";") + b"one;two\r\n" * 5)
    done = convert_files([path], MAP)
    lines = list(done.report.lines())
    assert lines[0] == f"read 10 rows of {path} (semicolon-separated, utf-8)"
    assert lines[1] == "kept 2 of 10 rows"
    assert "         1  same texts as an earlier row (--dedup drops them): t.csv row 6" in lines
    assert "dropped 8" in lines
    cells = "2 cells where the header has 3"
    assert (
        f"         5  unreadable: t.csv row 7 ({cells}), t.csv row 8 ({cells}), t.csv row 9"
        f" ({cells}), ..." in lines
    )
    assert "         1  empty document: t.csv row 3 (document.en)" in lines
    assert "         1  blank row: t.csv row 5" in lines
    assert lines[-1] == f"wrote 2 records to {tmp_path}/out.jsonl"
    assert done.dropped[0] == {
        "origin": "t.csv row 3",
        "reason": "empty document",
        "detail": "document.en",
        "row": {"text": "", "s1": "s", "s2": ""},
    }


def test_several_files_are_joined_in_their_order(tmp_path: Path, convert_files: Run) -> None:
    paths = [
        write_table(tmp_path, kind, [(f"text in {kind}", "s", "s2")])
        for kind in ("csv", "parquet", "json", "tsv")
    ]
    done = convert_files(paths, MAP)
    assert [record["document"]["en"].split()[-1] for record in done.records] == [
        "csv",
        "parquet",
        "json",
        "tsv",
    ]
    assert list(done.report.read) == [str(path) for path in paths]


def test_files_of_plain_text_make_the_same_records(tmp_path: Path) -> None:
    lines = {"a.en": "one\ntwo\n\n", "b.1": "eins\n\ndrei\n", "b.2": "EINS\nzwei\n\n"}
    for name, content in lines.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    fields = parse_text_files(
        [f"document.en={tmp_path}/a.en", f"summary.de={tmp_path}/b.1+{tmp_path}/b.2"]
    )
    report = convert(ConvertOptions([], fields, tmp_path / "out.jsonl"))
    records = read(tmp_path / "out.jsonl")
    assert [record["summary"]["de"] for record in records] == [["eins", "EINS"], ["zwei"]]
    assert (report.rows, report.kept) == (3, 2)
    assert records[1]["origin"] == "a.en line 2"


def test_a_split_writes_every_record_once_and_keeps_versions_together(tmp_path: Path) -> None:
    base = [" ".join(f"w{n}x{k}" for k in range(60)) for n in range(60)]
    rows = [(text + extra, "s", "") for text in base for extra in ("", " and more", " or less")]
    options = ConvertOptions(
        [write_table(tmp_path, "csv", rows)],
        parse_map([MAP]),
        tmp_path / "news",
        split=SplitOptions((0.6, 0.2, 0.2)),
    )
    report = convert(options)
    splits = {path.stem: read(path) for path in sorted((tmp_path / "news").iterdir())}
    assert list(splits) == ["test", "train", "valid"]
    firsts = {
        name: {record["document"]["en"].split()[0] for record in records}
        for name, records in splits.items()
    }
    assert sum(len(records) for records in splits.values()) == 180
    assert sum(len(words) for words in firsts.values()) == len(set().union(*firsts.values())) == 60
    assert report.near_duplicates is not None
    assert (report.near_duplicates.groups, report.near_duplicates.largest) == (60, 3)
    assert {name: len(records) for name, records in splits.items()} == {
        path.stem: count for path, count in report.written.items()
    }
    numbers = [int(record["origin"].split()[-1]) for record in splits["train"]]
    assert numbers == sorted(numbers)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_is_written_is_a_corpus_for_prepare(tmp_path: Path, convert_files: Run) -> None:
    rows = [(f"text number {n}", "a" * (n % 2), "b") for n in range(20)]
    convert_files([write_table(tmp_path, "csv", rows)], MAP)
    corpus = read_corpus([tmp_path / "out.jsonl"], source_lang="en", target_langs=["de"])
    assert len(list(corpus)) == 20


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    path = write_table(tmp_path, "csv", [(f"text {n}", "s", "") for n in range(30)])
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        convert(ConvertOptions([path], parse_map([MAP]), tmp_path / name))
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_nothing_left_is_an_error_with_the_reasons_and_the_dropped_rows(tmp_path: Path) -> None:
    path = write_table(tmp_path, "csv", [("", "s", ""), ("t", "", "")])
    dropped = tmp_path / "dropped.jsonl"
    options = ConvertOptions([path], parse_map([MAP]), tmp_path / "o.jsonl", dropped=dropped)
    with pytest.raises(DataError) as caught:
        convert(options)
    assert str(caught.value) == (
        f"{path}: must hold a row with a document and a summary, but of 2 rows none is left (1"
        " empty document, such as t.csv row 2 (document.en); 1 empty summary, such as t.csv row 3"
        " (summary.de)); check --map and the files"
    )
    assert len(read(dropped)) == 2
    assert not (tmp_path / "o.jsonl").exists()


def test_a_split_that_gets_nothing_is_an_error(tmp_path: Path) -> None:
    path = write_table(tmp_path, "csv", [("one", "s", ""), ("two", "s", "")])
    options = ConvertOptions(
        [path], parse_map([MAP]), tmp_path / "o", split=SplitOptions((0.8, 0.1, 0.1))
    )
    with pytest.raises(DataError, match=r"--split: every split must get a document, but \w+ gets"):
        convert(options)
    assert not (tmp_path / "o").exists()


def test_an_error_in_the_last_file_leaves_nothing_behind(tmp_path: Path) -> None:
    good = write_table(tmp_path, "csv", [("one", "s", "")])
    bad = tmp_path / "bad.tsv"
    bad.write_bytes(as_csv([("x", "y", "z")], "\t") * 2000 + b"caf\xe9\t\t\r\n")
    dropped = tmp_path / "dropped.jsonl"
    for out, split in ((tmp_path / "o.jsonl", None), (tmp_path / "o", (0.8, 0.1, 0.1))):
        options = ConvertOptions(
            [good, bad],
            parse_map([MAP]),
            out,
            split=None if split is None else SplitOptions(split),
            dropped=dropped,
        )
        with pytest.raises(DataError, match="text must be utf-8"):
            convert(options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tsv", "t.csv"]


def test_outputs_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path, "csv", [("one", "s", "")])
    fields, split = parse_map([MAP]), SplitOptions((0.8, 0.1, 0.1))
    text = parse_text_files([f"document.en={path}", f"summary.de={tmp_path}/b"])
    existing = tmp_path / "there.jsonl"
    existing.touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "valid.jsonl").touch()
    cases = [
        (ConvertOptions([path], fields, tmp_path / "out"), "--out: must end in .jsonl"),
        (ConvertOptions([path], fields, existing, split=split), "must be a folder with --split"),
        (ConvertOptions([path], fields, existing), "there.jsonl: the file must not exist yet"),
        (ConvertOptions([path], fields, folder, split=split), "valid.jsonl: .* must not exist yet"),
        (
            ConvertOptions([path], fields, tmp_path / "o.jsonl", dropped=existing),
            "there.jsonl: the file must not exist yet",
        ),
        (
            ConvertOptions([existing], fields, existing, overwrite=True),
            "must not be what is read, but is that of --",
        ),
        (
            ConvertOptions([path], fields, existing, dropped=existing, overwrite=True),
            "--dropped .*there.jsonl: must be a place of its own",
        ),
        (
            ConvertOptions([], text, tmp_path / "o.jsonl", dropped=path, overwrite=True),
            "must not be what is read, but is that of --",
        ),
    ]
    for options, message in cases:
        with pytest.raises(ConfigError, match=message):
            convert(options)


def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for number in range(400):
            writer.writerow([f"{number} " + "w" * 20_000, "s", ""])
    assert path.stat().st_size > 8e6
    tracemalloc.start()
    try:
        convert(ConvertOptions([path], parse_map([MAP]), tmp_path / "o.jsonl"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2e6

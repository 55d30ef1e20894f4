"""Choosing the reader of a file by its name, and refusing those that have none with a way out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.conversion.delimited import DelimitedSource, TableOptions
from mclas_fairseq.corpus.conversion.encodings import open_bytes
from mclas_fairseq.corpus.conversion.json_items import JsonSource
from mclas_fairseq.corpus.conversion.parquet import ParquetSource
from mclas_fairseq.corpus.conversion.rows import Source
from mclas_fairseq.corpus.conversion.stories import StorySource
from mclas_fairseq.corpus.conversion.translation_memory import TranslationMemorySource
from mclas_fairseq.corpus.conversion.workbook import WorkbookSource
from mclas_fairseq.corpus.text_files import POINTER, refuse_pointer
from mclas_fairseq.errors import DataError

FORMATS = ("auto", "csv", "tsv", "xlsx", "json", "jsonl", "parquet", "story", "tmx")

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".story": "story",
    ".tmx": "tmx",
}
_WORKBOOKS = (".xls", ".xlsb", ".ods", ".numbers")  # which no reader of ours opens
_WORKBOOK_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # of .xlsx and .ods, and of .xls


@dataclass(frozen=True)
class ReadingOptions:
    """How files are read.

    Attributes:
        format: one of FORMATS; auto goes by the name of each file.
        table: what is particular to CSV and TSV, and the encoding of all files of text.
        sheet: of a workbook; None where it has one only.
    """

    format: str = "auto"
    sheet: Optional[str] = None
    table: TableOptions = field(default_factory=TableOptions)


def open_source(path: Path, wanted: Sequence[str], options: ReadingOptions) -> Source:
    """Make the reader of a file.

    Args:
        path: the file.
        wanted: the columns that are asked for.
        options: how to read it.

    Raises:
        DataError: the file cannot be read, or not in this way.
    """
    kind = _find_format(path) if options.format == "auto" else options.format
    if path.is_file():  # one that is missing is for its reader to say
        with path.open("rb") as raw:
            refuse_pointer(path, raw.read(len(POINTER)))
    _refuse_workbook(path, kind)
    if kind == "parquet":
        return ParquetSource(path, wanted)
    if kind == "xlsx":
        return WorkbookSource(path, wanted, options.sheet, has_header=options.table.has_header)
    if kind == "tmx":
        return TranslationMemorySource(path, wanted)
    if kind == "story":
        return StorySource(path, wanted, options.table.encoding)
    if kind in ("json", "jsonl"):
        return JsonSource(path, wanted, options.table.encoding, by_line=kind == "jsonl")
    return DelimitedSource(path, wanted, options.table, is_tsv=kind == "tsv")


def _find_format(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    for suffix, kind in _SUFFIXES.items():
        if name.endswith(suffix):
            return kind
    if name.endswith(_WORKBOOKS):
        raise _workbook(path)
    raise DataError(
        f"{path}: its name must end in {', '.join(_SUFFIXES)} (.gz or not), but does not; name its"
        " format with --format, or give files of plain text, one item a line, with --text"
    )


def _refuse_workbook(path: Path, kind: str) -> None:
    if kind not in ("parquet", "xlsx") and path.suffix != ".gz":
        with open_bytes(path) as raw:
            if raw.read(4) in _WORKBOOK_STARTS:
                raise _workbook(path)


def _workbook(path: Path) -> DataError:
    return DataError(
        f"{path}: must be a file of text or an .xlsx workbook, but is another workbook; open it in"
        " the spreadsheet program, save it as .xlsx or as CSV UTF-8 (File > Save As or Export) and"
        " convert that file"
    )


def expand_folders(paths: Sequence[Path]) -> list[Path]:
    """The files that are meant: of a folder its `.story` files, by name.

    Raises:
        DataError: a folder has none.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob("*.story")) if path.is_dir() else [path]
        if not found:
            raise DataError(f"{path}: a folder must hold .story files, but holds none; name files")
        files += found
    return files

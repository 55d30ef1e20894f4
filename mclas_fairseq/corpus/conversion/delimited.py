"""Rows of CSV and TSV files, as spreadsheets write them.

The standard library's `csv` reads them in its strict mode: in the lenient one a quotation mark that
is never closed would swallow all rows after it without a word.
"""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal, Optional

from mclas_fairseq.corpus.conversion.encodings import open_text
from mclas_fairseq.corpus.conversion.guessing import Encoding
from mclas_fairseq.corpus.conversion.rows import Row, Source, check_columns
from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import DataError

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_NAMES = {sign: name for name, sign in DELIMITERS.items()}
_LONGEST_CELL = 10_000_000  # characters: a longer one is a quotation mark that was not closed
_SAMPLED_ROWS = 50
_EXCEL = "sep="  # a first line by which Excel names the delimiter


@dataclass(frozen=True)
class TableOptions:
    """How to read a table.

    Attributes:
        encoding: of the file.
        delimiter: the sign between cells; None to find it out.
        has_header: whether the first row names the columns; otherwise they are 1, 2, 3, ...
        quoted: whether a quotation mark at the start of a cell encloses it.
    """

    encoding: Encoding = field(default_factory=Encoding)
    delimiter: Optional[str] = None
    has_header: bool = True
    quoted: bool = True


class DelimitedSource(Source):
    """A CSV or TSV file.

    Args:
        path: the file, plain or `.gz`.
        wanted: the columns that are asked for.
        options: how to read it.
        is_tsv: whether tabs stand between the cells, unless the options say otherwise.

    Raises:
        DataError: there is no such file, no header, or a column is not in it or in it twice.
    """

    def __init__(self, path: Path, wanted: Sequence[str], options: TableOptions, *, is_tsv: bool):
        self.path, self.name = path, str(path)
        self._wanted = wanted
        self._options = options
        self._skipped = 1 if self._first_line().lower().startswith(_EXCEL) else 0
        self._delimiter = options.delimiter or ("\t" if is_tsv else self._find_delimiter())
        self.description = f"{_NAMES[self._delimiter]}-separated, {options.encoding.name}"
        self._header = self._read_header()
        self._check_header()

    def rows(self) -> Iterator[Row]:
        """Stream the rows; rows are numbered as a spreadsheet numbers them."""
        with self._reader(self._delimiter) as cells:
            for number, row in enumerate(cells, start=1 + self._skipped):
                if number == 1 + self._skipped and self._options.has_header:
                    continue
                yield self._row(row, f"{self.path.name} row {number}")

    def _row(self, cells: list[str], origin: str) -> Row:
        if not any(cell.strip() for cell in cells):
            return Row(origin, raw=cells)  # no value at all: a blank row
        if len(cells) != len(self._header):
            problem = f"{len(cells)} cells where the header has {len(self._header)}"
            return Row(origin, raw=cells, problem=problem)
        values = dict(zip(self._header, cells, strict=True))
        raw = values if len(values) == len(cells) else cells  # two columns may have one name
        return Row(origin, {name: values[name] for name in self._wanted}, raw)

    def _first_line(self) -> str:
        with open_text(self.path, self._options.encoding, newline="") as text:
            return text.readline(_LONGEST_CELL)

    def _find_delimiter(self) -> str:
        """The sign that cuts the first rows into the same number of cells most often."""
        if self._skipped:
            named = self._first_line()[len(_EXCEL) :].strip("\r\n")
            if named in _NAMES:
                return named
        return max(_NAMES, key=self._even_rows)

    def _even_rows(self, delimiter: str) -> tuple[float, int]:
        try:
            with self._reader(delimiter) as cells:
                widths = [len(row) for row in islice(cells, _SAMPLED_ROWS) if row]
        except DataError:  # with a wrong sign quotation marks end in the middle of cells
            return 0.0, 0
        if not widths or widths[0] == 1:
            return 0.0, 0
        return widths.count(widths[0]) / len(widths), widths[0]

    def _read_header(self) -> list[str]:
        with self._reader(self._delimiter) as cells:
            first = next(cells, None)
        if first is None:
            raise DataError(f"{self.path}: must hold a table, but is empty; check the file")
        if not self._options.has_header:
            return [str(number) for number in range(1, len(first) + 1)]
        return [normalize_text(name) for name in first]

    def _check_header(self) -> None:
        check_columns(self.path, self._wanted, dict.fromkeys(self._header))
        for name in self._wanted:
            if self._header.count(name) > 1:
                raise DataError(
                    f"{self.path}: a column that is used must have a name of its own, but"
                    f" {name!r} is there {self._header.count(name)} times; rename the others"
                )

    @contextmanager
    def _reader(self, delimiter: str) -> Iterator[Iterator[list[str]]]:
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if self._options.quoted else csv.QUOTE_NONE
        # A limit of the module's that the next user of `csv` must find as it was.
        limit = csv.field_size_limit(_LONGEST_CELL)
        try:
            with open_text(self.path, self._options.encoding, newline="") as text:
                for _ in range(self._skipped):
                    text.readline()
                reader = csv.reader(text, delimiter=delimiter, quoting=quoting, strict=True)
                yield self._explained(reader)
        finally:
            csv.field_size_limit(limit)

    def _explained(self, reader: Iterator[list[str]]) -> Iterator[list[str]]:
        begun = 1 + self._skipped
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise DataError(
                    f"{self.path}: line {begun}: quotation marks must enclose whole cells and be"
                    f" doubled inside, but a row that begins here breaks off ({error}); mend the"
                    " row, or give --no-quotes if they are part of the text"
                ) from None
            yield row
            begun = reader.line_num + 1 + self._skipped  # type: ignore[attr-defined]

"""Rows of a sheet of an Excel workbook, `.xlsx` (openpyxl, an extra of this package)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Optional
from zipfile import BadZipFile

from mclas_fairseq.corpus.conversion.rows import Row, Source, check_columns
from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import DataError
from mclas_fairseq.extras import require


class WorkbookSource(Source):
    """One sheet of a workbook; formulas count as the values that were saved with them.

    Args:
        path: the file.
        wanted: the columns that are asked for.
        sheet: name of the sheet; None where there is one only.
        has_header: whether the first row names the columns; otherwise they are 1, 2, 3, ...

    Raises:
        DataError: it is no such file, has no such sheet or several to choose from, or a column is
            not in it or in it twice.
        SetupError: openpyxl is not installed.
    """

    def __init__(
        self, path: Path, wanted: Sequence[str], sheet: Optional[str], *, has_header: bool = True
    ):
        self.path, self.name = path, str(path)
        self._wanted = wanted
        self._has_header = has_header
        self._library: Any = require("openpyxl", extra="convert", purpose=f"{path}")
        with self._open() as workbook:
            self._sheet = self._choose(workbook.sheetnames, sheet)
            first = next(self._cells(workbook), ())
        self.description = f"workbook, sheet {self._sheet!r}"
        self._header = [
            _name(cell) if has_header else str(number) for number, cell in enumerate(first, start=1)
        ]
        self._check_header()

    def rows(self) -> Iterator[Row]:
        """Stream the rows, numbered as the spreadsheet numbers them."""
        with self._open() as workbook:
            skipped = int(self._has_header)
            cells = islice(self._cells(workbook), skipped, None)
            for number, row in enumerate(cells, start=1 + skipped):
                values = dict(zip(self._header, row, strict=False))
                kept = {name: values[name] for name in self._wanted if name in values}
                empty = all(cell is None for cell in row)
                yield Row(f"{self.path.name} row {number}", kept, None if empty else values)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        try:
            workbook = self._library.load_workbook(self.path, read_only=True, data_only=True)
        except FileNotFoundError:
            raise DataError(
                f"{self.path}: the file must exist, but does not; check the name"
            ) from None
        except (BadZipFile, KeyError, ValueError, OSError) as error:
            raise DataError(
                f"{self.path}: must be a workbook that Excel saved as .xlsx, but cannot be read"
                f" ({error}); save it again, or as CSV UTF-8"
            ) from error
        try:
            yield workbook
        finally:
            workbook.close()

    def _cells(self, workbook: Any) -> Iterator[tuple[Any, ...]]:
        rows: Iterator[tuple[Any, ...]] = workbook[self._sheet].iter_rows(values_only=True)
        return rows

    def _choose(self, sheets: Sequence[str], asked: Optional[str]) -> str:
        listed = ", ".join(map(repr, sheets))
        if asked is None and len(sheets) == 1:
            return sheets[0]
        if asked is None:
            raise DataError(
                f"{self.path}: one sheet is converted, but the workbook has {listed}; name one with"
                " --sheet"
            )
        if asked not in sheets:
            raise DataError(
                f"{self.path}: must have the sheet {asked!r}, but has {listed}; correct --sheet"
            )
        return asked

    def _check_header(self) -> None:
        check_columns(self.path, self._wanted, dict.fromkeys(filter(None, self._header)))
        for name in self._wanted:
            if self._header.count(name) > 1:
                raise DataError(
                    f"{self.path}: a column that is used must have a name of its own, but"
                    f" {name!r} is there {self._header.count(name)} times; rename the others"
                )


def _name(cell: object) -> str:
    return "" if cell is None else normalize_text(str(cell))

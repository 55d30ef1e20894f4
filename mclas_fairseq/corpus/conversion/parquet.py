"""Rows of Parquet files, read in batches (pyarrow, an extra of this package)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.conversion.json_items import look_up_all
from mclas_fairseq.corpus.conversion.rows import Row, Source, check_columns
from mclas_fairseq.errors import DataError
from mclas_fairseq.extras import require

_BATCH = 1000  # rows


class ParquetSource(Source):
    """A Parquet file; only the columns that are asked for are read.

    Raises:
        DataError: it is no such file, or a column is not in it.
        SetupError: pyarrow is not installed.
    """

    description = "Parquet"

    def __init__(self, path: Path, wanted: Sequence[str]):
        self.path, self.name = path, str(path)
        self._wanted = wanted
        parquet: Any = require("pyarrow.parquet", extra="convert", purpose=f"{path}")
        arrow: Any = require("pyarrow", extra="convert", purpose=f"{path}")
        try:
            self._file: Any = parquet.ParquetFile(path)
        except FileNotFoundError:
            raise DataError(f"{path}: the file must exist, but does not; check the name") from None
        except (arrow.ArrowException, OSError) as error:
            raise DataError(
                f"{path}: must be a Parquet file, but cannot be read ({error}); check the file or"
                " give --format"
            ) from error
        self._columns = self._top_columns()

    def rows(self) -> Iterator[Row]:
        """Stream the rows, numbered from 1."""
        number = 0
        for batch in self._file.iter_batches(batch_size=_BATCH, columns=self._columns):
            for item in batch.to_pylist():
                number += 1
                yield Row(f"{self.path.name} row {number}", look_up_all(item, self._wanted), item)

    def _top_columns(self) -> list[str]:
        """The columns of the file that hold what is asked for: `a` for `a.b`."""
        there = self._file.schema_arrow.names
        tops = {name: name if name in there else name.split(".")[0] for name in self._wanted}
        absent = [name for name, top in tops.items() if top not in there]
        check_columns(self.path, absent, there)
        return list(dict.fromkeys(tops.values()))

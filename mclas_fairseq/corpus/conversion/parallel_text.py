"""Rows of plain text: line n of several files makes row n, one file for each text."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

from mclas_fairseq.corpus.conversion.encodings import open_text
from mclas_fairseq.corpus.conversion.guessing import Encoding
from mclas_fairseq.corpus.conversion.rows import Row, Source
from mclas_fairseq.errors import DataError


class TextSource(Source):
    """Files of one item a line, side by side; the column of a file is its name.

    Raises:
        DataError: one of them does not exist.
    """

    def __init__(self, files: Sequence[str], encoding: Encoding):
        self._files = files
        self._encoding = encoding
        self.name = " + ".join(files)
        self.description = f"plain text, {encoding.name}"
        for file in files:
            if not Path(file).is_file():
                raise DataError(f"{file}: the file must exist, but does not; check --text")

    def rows(self) -> Iterator[Row]:
        """Stream the rows; DataError if the files differ in their numbers of lines."""
        with ExitStack() as stack:
            streams = [
                stack.enter_context(open_text(Path(file), self._encoding, newline="\n"))
                for file in self._files
            ]
            for number, lines in enumerate(zip_longest(*streams), start=1):
                if None in lines:
                    raise self._unequal()
                values = dict(zip(self._files, lines, strict=True))
                yield Row(f"{Path(self._files[0]).name} line {number}", values, values)

    def _unequal(self) -> DataError:
        counts = ", ".join(f"{file} has {self._count(file)}" for file in self._files)
        return DataError(
            f"--text: the files must have equally many lines, but {counts}; align them again"
        )

    def _count(self, file: str) -> int:
        with open_text(Path(file), self._encoding, newline="\n") as text:
            return sum(1 for _ in text)

"""Rows of JSON files: one object a line, or a list of objects, read one at a time.

A file whose only object holds a whole table (`json_tables`) is read into memory.

A key of an object inside an object is written with a dot (`article.body`), an element of a list
with its number from 0 (`highlights.0`). A key that holds the dot itself comes first.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from mclas_fairseq.corpus.conversion.encodings import open_text
from mclas_fairseq.corpus.conversion.guessing import Encoding
from mclas_fairseq.corpus.conversion.json_tables import rows_of_table
from mclas_fairseq.corpus.conversion.rows import Row, Source, check_columns
from mclas_fairseq.errors import DataError

_CHUNK = 1 << 20  # characters
_BLANK = " \t\r\n"
_DEPTH = 3  # levels of nested keys that are listed when a column is not there
_MANY = 200  # columns that are remembered for that
_MISSING = object()


class JsonSource(Source):
    """A file of JSON objects.

    Args:
        path: the file, plain or `.gz`.
        wanted: the columns that are asked for; each must be in one object at least.
        encoding: of the file.
        by_line: whether every line is an object (JSON lines); otherwise the file is a list of
            objects, or objects one after another.
    """

    def __init__(self, path: Path, wanted: Sequence[str], encoding: Encoding, *, by_line: bool):
        self.path, self.name = path, str(path)
        self.description = f"{'JSON lines' if by_line else 'JSON'}, {encoding.name}"
        self._wanted = wanted
        self._encoding = encoding
        self._by_line = by_line

    def rows(self) -> Iterator[Row]:
        """Stream the rows; what is no object becomes a row with a problem."""
        found: dict[str, None] = {}
        there: dict[str, None] = {}
        with open_text(self.path, self._encoding, newline="\n") as text:
            for row in self._lines(text) if self._by_line else self._items(text):
                if isinstance(row.raw, dict) and not row.problem:
                    found.update(dict.fromkeys(row.values))
                    if len(there) < _MANY:
                        there.update(dict.fromkeys(_keys(row.raw)))
                yield row
        # An object need not have every key, so a column is missed only when all have been seen.
        check_columns(self.path, self._wanted, {**there, **found})

    def _lines(self, text: TextIO) -> Iterator[Row]:
        for number, line in enumerate(text, start=1):
            origin = f"{self.path.name} line {number}"
            if not line.strip(_BLANK):
                yield Row(origin, raw=line)
                continue
            try:
                yield self._row(json.loads(line), origin)
            except (ValueError, RecursionError) as error:
                yield Row(origin, raw=line, problem=f"not JSON ({error})")

    def _items(self, text: TextIO) -> Iterator[Row]:
        for number, item in enumerate(self._unpacked(_stream(text, self.path)), start=1):
            yield self._row(item, f"{self.path.name} item {number}")

    def _unpacked(self, items: Iterator[object]) -> Iterator[object]:
        """The items, or the rows of a table where it is the only item."""
        first = next(items, _MISSING)
        if first is _MISSING:
            return
        second = next(items, _MISSING)
        rows = rows_of_table(first, self._wanted, self.path) if second is _MISSING else None
        if rows is not None:
            yield from rows
            return
        yield first
        if second is not _MISSING:
            yield second
            yield from items

    def _row(self, item: object, origin: str) -> Row:
        if not isinstance(item, dict):
            return Row(origin, raw=item, problem=f"not a JSON object, but a {type(item).__name__}")
        return Row(origin, look_up_all(item, self._wanted), item)


def look_up_all(item: Mapping[str, object], columns: Sequence[str]) -> dict[str, object]:
    """The values of those columns that an object has."""
    looked_up = {column: _look_up(item, column) for column in columns}
    return {column: value for column, value in looked_up.items() if value is not _MISSING}


def _look_up(item: Mapping[str, object], column: str) -> object:
    if column in item:
        return item[column]
    value: object = item
    for part in column.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return _MISSING
    return value


def _keys(item: Mapping[str, object], prefix: str = "", depth: int = 1) -> Iterator[str]:
    for key, value in item.items():
        if isinstance(value, dict) and value and depth < _DEPTH:
            yield from _keys(value, f"{prefix}{key}.", depth + 1)
        else:
            yield prefix + key


def _stream(text: TextIO, path: Path) -> Iterator[object]:
    """The elements of a list, or values one after another, holding one of them at a time."""
    decoder = json.JSONDecoder()
    buffer = text.read(_CHUNK).lstrip(_BLANK)
    is_list = buffer.startswith("[")
    position, wanted, count = int(is_list), _CHUNK, 0
    while True:
        position = _skip_blank(buffer, position, is_list and count > 0)
        if is_list and buffer.startswith("]", position):
            _check_rest(buffer[position + 1 :] + text.read(_CHUNK), path, count)
            return
        try:
            item, end = decoder.raw_decode(buffer, position)
            error = ""
        except (ValueError, RecursionError) as problem:
            error, end = str(problem), len(buffer)
        if end == len(buffer):
            # Perhaps the value goes on: twice as much, so that a large one is not tried too often.
            more = text.read(wanted)
            if more:
                buffer, position, wanted = buffer[position:] + more, 0, wanted * 2
                continue
        if error and not is_list and not buffer[position:]:
            return
        if error:
            raise _broken(path, count, error)
        position, wanted, count = end, _CHUNK, count + 1
        yield item


def _skip_blank(buffer: str, position: int, over_comma: bool) -> int:
    while position < len(buffer) and buffer[position] in _BLANK:
        position += 1
    if over_comma and buffer.startswith(",", position):
        return _skip_blank(buffer, position + 1, False)
    return position


def _check_rest(rest: str, path: Path, count: int) -> None:
    if rest.strip(_BLANK):
        raise _broken(path, count, f"after the list stands {rest.strip(_BLANK)[:20]!r}")


def _broken(path: Path, count: int, reason: str) -> DataError:
    return DataError(
        f"{path}: must be a list of JSON objects, or objects one after another, but breaks off"
        f" after {count} of them ({reason}); mend the file"
    )

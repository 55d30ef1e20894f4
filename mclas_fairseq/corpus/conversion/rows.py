"""What every kind of file is read as: rows with values by column, and a description of the file.

Place in the pipeline: the readers of this folder (`delimited`, `json_items`, `parquet`,
`parallel_text`) yield rows, `building` makes records of them.
"""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mclas_fairseq.errors import DataError

_LISTED = 20  # columns named in a message


@dataclass(frozen=True)
class Row:
    """One row of a file.

    Attributes:
        origin: where it stands, for people: "talks.csv row 17".
        values: column -> value, of the columns that are asked for and are there.
        raw: everything that is known of the row, for the file of dropped rows.
        problem: why the row cannot be read; empty if it can.
    """

    origin: str
    values: Mapping[str, object] = field(default_factory=dict)
    raw: object = None
    problem: str = ""


class Source(ABC):
    """A file, or several side by side, as rows.

    Making one checks what can be known beforehand (the file, its header); `rows` reads it.

    Attributes:
        name: the file, as the user called it.
        description: how it was read: "semicolon-separated, utf-8".
    """

    name: str
    description: str

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """Stream the rows.

        Raises:
            DataError: the file cannot be read on, or lacks a column.
        """


def check_columns(path: Path, wanted: Sequence[str], there: Collection[str]) -> None:
    """Compare the columns that are asked for with those that a file has.

    Raises:
        DataError: one is not there; the message lists those that are and the closest of them.
    """
    for column in wanted:
        if column not in there:
            raise DataError(
                f"{path}: must have the column {column!r}, but has {_list_columns(there)};"
                f" {_advice(column, there)}"
            )


def _list_columns(there: Collection[str]) -> str:
    names = list(there)
    listed = ", ".join(repr(name) for name in names[:_LISTED])
    if len(names) > _LISTED:
        return f"{listed} and {len(names) - _LISTED} more"
    return listed or "no columns at all"


def _advice(column: str, there: Collection[str]) -> str:
    by_folded = {name.casefold(): name for name in there}
    close = difflib.get_close_matches(column.casefold(), list(by_folded), n=1)
    if close:
        return f"did you mean {by_folded[close[0]]!r}? correct --map or --id"
    return "correct --map or --id"

"""JSON files that hold a whole table in one object, as programs and pandas write them.

{"data": [{"text": "...", "summary": "..."}, ...]}       a list of rows under some key
{"text": ["...", ...], "summary": ["...", ...]}          a list for each column
{"text": {"0": "...", ...}, "summary": {"0": "...", ...}}    the same, by row name (`to_json`)
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional, TypeGuard

from mclas_fairseq.errors import DataError


def rows_of_table(item: object, wanted: Sequence[str], path: object) -> Optional[Iterator[object]]:
    """The rows of a table that one object holds; None where the object is a row itself.

    Lists of different lengths are no columns: they are the sentences of a document and its
    references.

    Args:
        item: the only object of a file.
        wanted: the columns that are asked for.
        path: for messages.

    Raises:
        DataError: several lists could be the rows, or numbered columns have different rows.
    """
    if not isinstance(item, dict):
        return None
    if any(name in item or name.split(".")[0] in item for name in wanted):
        columns = {name: item[name] for name in wanted if name in item}
        return _by_columns(columns, path) if len(columns) == len(wanted) else None
    lists = [key for key, value in item.items() if _is_list_of_objects(value)]
    if len(lists) > 1:
        raise DataError(
            f"{path}: one list must hold the rows, but there are those of"
            f" {', '.join(map(repr, lists))}; keep one in the file"
        )
    return iter(item[lists[0]]) if lists else None


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _by_columns(columns: Mapping[str, object], path: object) -> Optional[Iterator[object]]:
    lists = [value for value in columns.values() if isinstance(value, list)]
    if len(lists) == len(columns) and len({len(value) for value in lists}) == 1:
        return (dict(zip(columns, cells, strict=True)) for cells in zip(*lists, strict=True))
    rows = {name: list(value) for name, value in columns.items() if _is_numbered(value)}
    if len(rows) < len(columns):
        return None
    first = next(iter(rows))
    for name, keys in rows.items():
        if keys != rows[first]:
            raise DataError(
                f"{path}: columns must have the same rows in the same order, but {first!r} has"
                f" {len(rows[first])} and {name!r} has {len(keys)} or others; write the table again"
            )
    return _numbered_rows(columns, rows[first])


def _is_numbered(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict) and bool(value) and all(key.isdecimal() for key in value)


def _numbered_rows(columns: Mapping[str, Any], keys: Sequence[str]) -> Iterator[object]:
    for key in keys:
        yield {name: values[key] for name, values in columns.items()}

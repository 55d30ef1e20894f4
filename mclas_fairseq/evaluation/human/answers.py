"""Sheets as they come back from annotators: read, checked against the key, un-blinded.

Whatever a spreadsheet program does on saving is taken as it comes (semicolons or tabs, UTF-16,
sorted rows, more columns for notes); what would make an answer doubtful is refused, with sheet, row
and column named. Rows are numbered as spreadsheets number them: the header is row 1.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.human.design import ASPECTS, BWS
from mclas_fairseq.evaluation.human.key import Key, Row, fingerprint
from mclas_fairseq.evaluation.human.sheets import ITEM, LETTERS, answer_columns, text_columns

_DELIMITERS = ",;\t"
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_RATING = re.compile(r"([1-5])([.,]0+)?")
_SHOWN = 5


@dataclass(frozen=True)
class Judgements:
    """What R annotators said of I items; an item is a summary in one question about a document.

    Attributes:
        design: "bws" or "rating".
        systems: names; `system` (I,) holds places in it.
        documents: ids; `document` (I,) holds places in it.
        values: (R, I, aspects). Best-Worst Scaling: 1 best, -1 worst, 0 neither; ratings: 1 to 5.
    """

    design: str
    systems: tuple[str, ...]
    documents: tuple[str, ...]
    system: NDArray[np.int64]
    document: NDArray[np.int64]
    values: NDArray[np.int64]


# Document, systems of the question in the order of tables, system: the same for all annotators.
_Item = tuple[str, tuple[str, ...], str]


def read_judgements(paths: Sequence[Path], key: Key) -> Judgements:
    """Read the sheets of an evaluation, one for each annotator; not all need to be there.

    Raises:
        DataError: a sheet is not as described, of another evaluation, or given twice; a row is
            missing, altered or there twice; an answer is missing or impossible.
    """
    answers: dict[int, Mapping[_Item, tuple[int, ...]]] = {}
    origins: dict[int, Path] = {}
    for path in paths:
        annotator, judged = _read_sheet(path, key)
        if annotator in answers:
            raise DataError(
                f"{path}: every annotator's sheet must be given once, but {origins[annotator]} is"
                f" also that of annotator {annotator + 1}; leave one out"
            )
        answers[annotator], origins[annotator] = judged, path
    system_places = {name: place for place, name in enumerate(key.systems)}
    document_places = {name: place for place, name in enumerate(key.documents)}
    items = sorted(
        next(iter(answers.values())),
        key=lambda item: (document_places[item[0]], item[1], system_places[item[2]]),
    )
    return Judgements(
        design=key.design,
        systems=key.systems,
        documents=key.documents,
        system=np.array([system_places[item[2]] for item in items]),
        document=np.array([document_places[item[0]] for item in items]),
        values=np.array([[answers[number][item] for item in items] for number in sorted(answers)]),
    )


def _read_sheet(path: Path, key: Key) -> tuple[int, Mapping[_Item, tuple[int, ...]]]:
    rows = _read_rows(path, key)
    annotator = _find_annotator(path, rows, key)
    _check_rows(path, rows, key, annotator)
    _check_filled(path, rows, key)
    judge = _best_worst if key.design == BWS else _ratings
    judged: dict[_Item, tuple[int, ...]] = {}
    for number, cells in rows.items():
        row = key.sheets[annotator][cells[ITEM]]
        shown = tuple(sorted(row.systems, key=key.systems.index))
        for system, values in judge(f"{path}, row {number}", cells, row).items():
            judged[(row.document, shown, system)] = values
    return annotator, judged


def _best_worst(origin: str, cells: Mapping[str, str], row: Row) -> dict[str, tuple[int, ...]]:
    """System -> 1, -1 or 0 for each aspect."""
    values: dict[str, list[int]] = {system: [] for system in row.systems}
    letters = LETTERS[: len(row.systems)]
    for aspect in ASPECTS:
        chosen = []
        for end in ("best", "worst"):
            cell = cells[f"{aspect}: {end}"].upper()
            if len(cell) != 1 or cell not in letters:
                raise DataError(
                    f"{origin}, column '{aspect}: {end}': must be one of {', '.join(letters)}, but"
                    f" is {cell!r}; ask the annotator to correct it"
                )
            chosen.append(row.systems[letters.index(cell)])
        if chosen[0] == chosen[1]:
            raise DataError(
                f"{origin}, column '{aspect}: worst': best and worst must be different summaries,"
                f" but both are {cell}; ask the annotator to correct it"
            )
        for system in row.systems:
            values[system].append((system == chosen[0]) - (system == chosen[1]))
    return {system: tuple(numbers) for system, numbers in values.items()}


def _ratings(origin: str, cells: Mapping[str, str], row: Row) -> dict[str, tuple[int, ...]]:
    """System -> 1 to 5 for each aspect."""
    values = []
    for aspect in ASPECTS:
        column = f"{aspect} (1-5)"
        match = _RATING.fullmatch(cells[column])
        if match is None:
            raise DataError(
                f"{origin}, column '{column}': must be a whole number from 1 to 5, but is"
                f" {cells[column]!r}; ask the annotator to correct it"
            )
        values.append(int(match[1]))
    return {row.systems[0]: tuple(values)}


def _read_rows(path: Path, key: Key) -> dict[int, dict[str, str]]:
    """Number of each row that is not blank -> column -> cell."""
    text = _read_text(path)
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(
            f"{path}: must be a CSV file, but cannot be read as one ({error}); save it as CSV UTF-8"
        ) from error
    header = [name.strip() for name in table[0]] if table else []
    missing = [
        name for name in (ITEM, *text_columns(key), *answer_columns(key)) if name not in header
    ]
    if missing:
        raise DataError(
            f"{path}: must have the columns of its evaluation, but {', '.join(missing)} is not"
            f" among {', '.join(header)[:120] or 'none'}; restore the first row, or give the --key"
            " that belongs to it"
        )
    stripped = [[cell.strip() for cell in cells] for cells in table]
    return {
        number: dict(zip(header, [*cells, *[""] * (len(header) - len(cells))], strict=False))
        for number, cells in enumerate(stripped[1:], 2)
        if any(cells)
    }


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: a sheet must be a readable file, but is not ({error.strerror}); check"
            " --sheets"
        ) from error
    if data.startswith(b"PK"):
        raise DataError(
            f"{path}: a sheet must be a CSV file, but is a workbook; save it as CSV UTF-8"
        )
    try:
        return data.decode(_BYTE_ORDER_MARKS.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}:{line}: a sheet must be UTF-8, but is not ({error.reason}); save it as CSV"
            " UTF-8"
        ) from error


def _find_annotator(path: Path, rows: Mapping[int, Mapping[str, str]], key: Key) -> int:
    items = {cells[ITEM] for cells in rows.values()}
    counts = [len(items & set(sheet)) for sheet in key.sheets]
    if not any(counts):
        first = next(iter(items), "none")
        raise DataError(
            f"{path}: must belong to the key, whose rows are called {key.study}-..., but none of"
            f" its {len(rows)} rows does (the first is {first!r}); give the --key written with it"
        )
    return counts.index(max(counts))


def _check_rows(
    path: Path, rows: Mapping[int, Mapping[str, str]], key: Key, annotator: int
) -> None:
    """Each row of the annotator once, with the texts that were given out."""
    sheet = key.sheets[annotator]
    seen: dict[str, int] = {}
    for number, cells in rows.items():
        item = cells[ITEM]
        if item not in sheet:
            raise DataError(
                f"{path}, row {number}, column '{ITEM}': must name a row of annotator"
                f" {annotator + 1}, but is {item!r}; restore it"
            )
        if item in seen:
            raise DataError(
                f"{path}, row {number}: a row must be there once, but {item} is also row"
                f" {seen[item]}; remove one"
            )
        seen[item] = number
        if fingerprint(cells[column] for column in text_columns(key)) != sheet[item].shown:
            raise DataError(
                f"{path}, row {number}: the texts must be those that were given out, but {item} was"
                " altered; copy the answers into a fresh sheet (the same mclas human sample writes"
                " it again)"
            )
    missing = [item for item in sheet if item not in seen]
    if missing:
        raise DataError(
            f"{path}: must hold all {len(sheet)} rows of annotator {annotator + 1}, but"
            f" {len(missing)} are missing ({', '.join(missing[:_SHOWN])}); ask for the whole sheet"
        )


def _check_filled(path: Path, rows: Mapping[int, Mapping[str, str]], key: Key) -> None:
    empty = [
        f"row {number}, column '{column}'"
        for number, cells in rows.items()
        for column in answer_columns(key)
        if not cells[column]
    ]
    if empty:
        more = f" (and {len(empty) - _SHOWN} more)" if len(empty) > _SHOWN else ""
        raise DataError(
            f"{path}: every answer must be filled in, but {len(empty)} are not: "
            f"{'; '.join(empty[:_SHOWN])}{more}; ask the annotator to complete the sheet"
        )

"""One row for each document and training run of a system: every score, to look at and to test with.

Written as CSV or JSON lines, as the name of the file says. In CSV, ids and names that a spreadsheet
program would run as formulas get an apostrophe in front.
"""

import csv
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from mclas_fairseq.corpus.spreadsheets import guarded
from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.systems import System

SUFFIXES = (".csv", ".jsonl")


def check_name(path: Path) -> None:
    """Refuse a name that does not say how to write the file.

    Raises:
        ConfigError: it ends neither in .csv nor in .jsonl.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(
            f"--per-document: the name must end in {' or '.join(SUFFIXES)}, but is {path}; the"
            " ending says how the rows are written"
        )


def rows(systems: Sequence[System]) -> Iterator[dict[str, object]]:
    """Rows in the order of systems, runs and documents; scores in points.

    Yields:
        `document` (its id, or the number of its line from 1), `system`, `run` (from 1), `file`,
        every measure by its key, `length` and `reference_length` in tokens.
    """
    for system in systems:
        for run, (file, aligned) in enumerate(zip(system.files, system.runs, strict=True)):
            for document, row in enumerate(aligned.rows):
                yield {
                    "document": aligned.ids[document] if aligned.ids else row + 1,
                    "system": system.name,
                    "run": run + 1,
                    "file": file,
                    **{
                        key: round(100.0 * float(measure.values[run, document]), 4)
                        for key, measure in system.measures.items()
                    },
                    "length": int(system.lengths[run, document]),
                    "reference_length": round(float(system.reference_lengths[document]), 4),
                }


def write(path: Path, systems: Sequence[System]) -> None:
    """Write the rows, complete or not at all.

    Raises:
        ConfigError: see `check_name`.
    """
    check_name(path)
    with write_beside(path) as stream:
        if path.suffix == ".csv":
            found = rows(systems)
            first = next(found)
            writer = csv.DictWriter(stream, list(first), lineterminator="\n")
            writer.writeheader()
            for row in itertools.chain([first], found):
                cells = {
                    key: guarded(value) if isinstance(value, str) else value
                    for key, value in row.items()
                }
                writer.writerow(cells)
        else:
            for row in rows(systems):
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")

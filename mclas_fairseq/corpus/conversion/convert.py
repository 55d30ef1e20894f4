"""A researcher's own files become records: what `mclas convert` does, as a library.

1. Files are opened and their columns checked (`opening`).
2. Each row becomes a record or is dropped with a reason (`building`), one at a time.
3. Without a split, records go straight to the output. With one, they go to a temporary file first;
   near-duplicates are grouped (`near_duplicates`), every document gets its split (`splitting`), and
   the file is read once more into the outputs (`writing`).

Outputs appear together, when all of them are complete. Memory does not grow with the texts: per row
there are the ids and digests of `building`, and with a split some 50 bytes more.
"""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Optional, TextIO

from mclas_fairseq.corpus.conversion.building import Outcome, RecordBuilder
from mclas_fairseq.corpus.conversion.opening import expand_folders, open_source
from mclas_fairseq.corpus.conversion.options import ConvertOptions, check_outputs
from mclas_fairseq.corpus.conversion.parallel_text import TextSource
from mclas_fairseq.corpus.conversion.report import ConversionReport
from mclas_fairseq.corpus.conversion.rows import Row, Source
from mclas_fairseq.corpus.conversion.writing import NothingToWriteError, write_outputs
from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.errors import DataError


def convert(options: ConvertOptions) -> ConversionReport:
    """Convert files to records and report what became of every row.

    Raises:
        ConfigError: the outputs are not such files, or exist already.
        DataError: a file cannot be read, no row is left, or a split stays empty. Then no record is
            written; dropped rows are, if the files could be read to their end.
        SetupError: a package that a format needs is not installed.
    """
    check_outputs(options)
    sources = _open_sources(options)
    report = ConversionReport(dropped_file=options.dropped)
    builder = RecordBuilder(options.fields, options.drop_repeated)
    with ExitStack() as stack:
        dropped = None
        if options.dropped is not None:
            dropped = stack.enter_context(write_beside(options.dropped))
        records = _read(sources, builder, report, dropped)
        failure = ""
        try:
            write_outputs(records, options, report)
        except NothingToWriteError as nothing:
            failure = str(nothing)  # raised below, once the file of dropped rows is in its place
    if failure:
        raise DataError(failure)
    assert report.rows == report.kept + report.rows_dropped
    return report


def _open_sources(options: ConvertOptions) -> list[Source]:
    wanted = options.fields.all_columns()
    if not options.inputs:
        return [TextSource(wanted, options.reading.table.encoding)]
    files = expand_folders(options.inputs)
    return [open_source(path, wanted, options.reading) for path in files]


def _read(
    sources: Sequence[Source],
    builder: RecordBuilder,
    report: ConversionReport,
    dropped: Optional[TextIO],
) -> Iterator[dict[str, object]]:
    """Stream the records; every row is counted, and dropped ones are written down."""
    for source in sources:
        report.read.setdefault(source.name, (source.description, 0))
        for row in source.rows():
            outcome = builder.build(row)
            report.count(source, row, outcome)
            if outcome.record is not None:
                yield outcome.record
            elif dropped is not None:
                dropped.write(_dropped_line(row, outcome))


def _dropped_line(row: Row, outcome: Outcome) -> str:
    entry = {
        "origin": row.origin,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "row": row.raw,
    }
    # ASCII, as what is wrong with the row may be a character that no file can hold; and Parquet has
    # values, such as dates, that JSON has not.
    return json.dumps(_without_odd_numbers(entry), default=str, allow_nan=False) + "\n"


def _without_odd_numbers(value: object) -> object:
    """The same with the texts "nan", "inf" and "-inf" for the numbers that JSON has not."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _without_odd_numbers(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_odd_numbers(item) for item in value]
    return value

"""Writing records: to one file as they come, or to the files of a split once all are known.

A split is known when every document has been seen, so records go to a temporary file first, beside
the output, and are read once more. Whatever happens, the outputs appear together and complete, or
not at all.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mclas_fairseq.corpus.conversion.near_duplicates import NearDuplicates
from mclas_fairseq.corpus.conversion.options import ConvertOptions
from mclas_fairseq.corpus.conversion.report import ConversionReport, count_groups
from mclas_fairseq.corpus.conversion.splitting import SplitOptions, assign_splits
from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.corpus.unfinished import unfinished_folder

Record = dict[str, object]


class NothingToWriteError(Exception):
    """Ends the writing of outputs, but not that of dropped rows; its text says what is wrong."""


def write_outputs(
    records: Iterator[Record], options: ConvertOptions, report: ConversionReport
) -> None:
    """Write all outputs or none, and note in the report what was written.

    Raises:
        NothingToWriteError: no record came, or a split stays empty.
    """
    if options.split is None:
        _write_one(records, options, report)
    else:
        _write_splits(records, options, options.split, report)


def _write_one(
    records: Iterator[Record], options: ConvertOptions, report: ConversionReport
) -> None:
    with write_beside(options.out) as stream:
        for record in records:
            stream.write(_line(record))
        _check_kept(report)
    report.written[options.out] = report.kept


def _write_splits(
    records: Iterator[Record],
    options: ConvertOptions,
    split: SplitOptions,
    report: ConversionReport,
) -> None:
    outputs = options.outputs()
    with _temporary_folder(options.out) as folder:
        found = NearDuplicates(folder, split.similarity)
        spool = folder / "records"
        with spool.open("w", encoding="utf-8", newline="\n") as stream:
            for record in records:
                found.add(_document_text(record))
                stream.write(_line(record))
        _check_kept(report)
        groups = found.groups()
        splits = assign_splits(found.digests, groups, split)
        _check_splits(splits, split, report)
        report.near_duplicates = count_groups(groups.tolist(), split.similarity)
        with ExitStack() as stack, spool.open(encoding="utf-8", newline="\n") as lines:
            streams = {name: stack.enter_context(write_beside(outputs[name])) for name in outputs}
            for line, name in zip(lines, splits, strict=True):
                streams[name].write(line)
    for name, path in outputs.items():
        report.written[path] = splits.count(name)


@contextmanager
def _temporary_folder(out: Path) -> Iterator[Path]:
    """A folder beside the output, on the same disk, that is gone at the end."""
    with unfinished_folder(out) as folder:
        yield folder


def _line(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def _document_text(record: Record) -> str:
    documents = record["document"]
    assert isinstance(documents, dict)
    texts = [text if isinstance(text, str) else " ".join(text) for text in documents.values()]
    return "\n".join(texts)


def _check_kept(report: ConversionReport) -> None:
    if report.kept:
        return
    reasons = "; ".join(
        f"{tally.count:,} {reason}, such as {tally.examples[0]}"
        for reason, tally in report.dropped.items()
    )
    raise NothingToWriteError(
        f"{', '.join(report.read)}: must hold a row with a document and a summary, but of"
        f" {report.rows:,} rows none is left ({reasons or 'there are no rows'}); check --map and"
        " the files"
    )


def _check_splits(splits: Sequence[str], split: SplitOptions, report: ConversionReport) -> None:
    for name in split.used():
        if name not in splits:
            counts = ", ".join(f"{other} {splits.count(other):,}" for other in split.used())
            raise NothingToWriteError(
                f"--split: every split must get a document, but {name} gets none of the"
                f" {report.kept:,} ({counts}); give other shares, another --split-seed or, if"
                " near-duplicates tie too many together, a higher --similarity"
            )

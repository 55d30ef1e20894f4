"""Records: one document with its summaries and translations, one JSON object a line.

    {"id": "17", "document": {"en": "..."}, "summary": {"en": ["..."], "de": ["...", "..."]}}

The first station of the data: `read_corpus` yields what `mclas prepare` turns into a data-bin.
Every text is keyed by its language; keys that are not named here are ignored. Everything is read
as a stream, and every error names the file and the line.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mclas_fairseq.corpus.languages import check_language
from mclas_fairseq.corpus.parallel import parallel_files, read_parallel
from mclas_fairseq.corpus.record import Record, parse_record
from mclas_fairseq.corpus.text_files import read_lines, write_beside
from mclas_fairseq.errors import DataError

__all__ = ["Record", "input_files", "read_corpus", "read_parallel", "read_records", "write_records"]


def read_records(path: Path, *, translation_key: str = "translation") -> Iterator[Record]:
    """Stream the records of a `.jsonl` or `.jsonl.gz` file; blank lines are passed over.

    Args:
        path: the file.
        translation_key: the record's key that holds translations of the document.

    Raises:
        DataError: the file is missing, not UTF-8, or a line is not a record (file and line named).
    """
    for number, line in read_lines(path):
        if line.strip():
            yield parse_record(line, f"{path}:{number}", translation_key)


def write_records(path: Path, records: Iterable[Mapping[str, object]]) -> int:
    """Write records as JSON lines, complete or not at all, gzip when the name ends in `.gz`.

    Returns:
        The number of records written.
    """
    count = 0
    with write_beside(path) as stream:
        for record in records:
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count


def input_files(path: Path, *, source_lang: str, target_langs: Sequence[str]) -> list[Path]:
    """Name the files that `read_corpus` reads for one of its paths.

    Raises:
        DataError: there are none.
    """
    if path.exists():
        return [path]
    return list(parallel_files(path, source_lang, target_langs).values())


def read_corpus(
    paths: Sequence[Path],
    *,
    source_lang: str,
    target_langs: Sequence[str],
    translation_key: str = "translation",
) -> Iterator[Record]:
    """Stream one split of a corpus: files of records, and prefixes of parallel plain text.

    A path that exists is a file of records. Otherwise it is the prefix of parallel text:
    `PATH.<source_lang>` beside `PATH.<target>` (or `.gz`), one item a line.

    Raises:
        DataError: besides what the readers raise, an id that occurs twice, an unknown language, a
            record without a document in the source language or without any text of use: neither a
            summary in one of the languages nor a translation into a target language.
    """
    for language in (source_lang, *target_langs):
        check_language(language)

    def records() -> Iterator[Record]:
        for path in paths:
            if path.exists():
                yield from read_records(path, translation_key=translation_key)
            else:
                yield from read_parallel(path, source_lang, target_langs)

    met: set[str] = set()
    for record in records():
        _check_use(record, source_lang, target_langs, translation_key)
        if record.id in met:
            # Read once more to say where: holding every origin costs more than all else here.
            first = next(earlier for earlier in records() if earlier.id == record.id)
            raise DataError(
                f"{record.origin}: ids must be unique, but {record.id!r} is also that of"
                f" {first.origin}; rename or remove one of the two"
            )
        met.add(record.id)
        yield record


def _check_use(
    record: Record, source_lang: str, target_langs: Sequence[str], translation_key: str
) -> None:
    if source_lang not in record.document:
        found = ", ".join(record.document) or "none"
        raise DataError(
            f"{record.origin}: record {record.id!r} must have a document in the source language"
            f" {source_lang}, but has {found}; add it, or choose another source language"
        )
    summarised = any(language in record.summary for language in (source_lang, *target_langs))
    if not summarised and not any(language in record.translation for language in target_langs):
        found = ", ".join(record.summary) or "none"
        raise DataError(
            f"{record.origin}: record {record.id!r} must have a summary in {source_lang} or"
            f" {', '.join(target_langs)}, or a translation of its document, but its summaries are:"
            f" {found}; add one, remove the record, or name the key of its translation, if it is"
            f" another than {translation_key!r}"
        )

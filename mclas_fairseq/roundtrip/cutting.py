"""Cuts the input into shards of so many records, in order; the first thing a run does.

Everything that can be wrong with the input is found here, before anything is translated: a file
that is missing or cut off, a line that is no record. Only what a corpus of millions may well lack,
a summary, is no error: such records are listed among the rejected ones.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from mclas_fairseq.corpus.text_files import read_lines
from mclas_fairseq.errors import DataError
from mclas_fairseq.roundtrip.run_folder import RunFolder, write_whole
from mclas_fairseq.roundtrip.shard_files import Cut, check_count, pack, pack_raw
from mclas_fairseq.roundtrip.steps import Record, chain, make_document


@dataclass
class _Counter:
    count: int = 0


def hash_inputs(paths: Sequence[Path], flag: str = "--in") -> list[str]:
    """SHA-256 of each file, in order, as 64 hex digits; `flag` is where they were given.

    Raises:
        DataError: one cannot be read.
    """
    found = []
    for path in paths:
        try:
            with path.open("rb") as stream:
                found.append(hashlib.file_digest(stream, "sha256").hexdigest())
        except OSError as error:
            raise DataError(
                f"{path}: must be a readable file, but is not ({error.strerror}); check the name"
                f" given with {flag}"
            ) from error
    return found


def cut_input(
    paths: Sequence[Path],
    folder: RunFolder,
    shard_lines: int,
    languages: Sequence[str],
    steps: Sequence[PipelineStep] = (),
) -> Cut:
    """Write the shards of the input; what an earlier, unfinished cut left is removed.

    Args:
        paths: files of records, in order.
        folder: of the run.
        shard_lines: records of a shard.
        languages: whose summaries are checked.
        steps: cleaning steps that see the whole corpus.

    Raises:
        DataError: the input cannot be read, or holds no record.
    """
    shutil.rmtree(folder.shards, ignore_errors=True)
    entered = _Counter()
    lines: Iterator[bytes]
    if steps:
        documents = (make_document(record) for _, record in _read(paths, languages, entered))
        lines = map(pack, _counted(chain(steps, documents), entered))
    else:
        lines = (pack_raw(line, None) for line, _ in _read(paths, languages, entered))
    _write(lines, folder, shard_lines)
    if not entered.count:
        listed = ", ".join(map(str, paths))
        raise DataError(f"{listed}: must hold at least one record, but there is none; check --in")
    return Cut(entered.count, shard_lines)


def _counted(documents: Iterable[Document], entered: _Counter) -> Iterator[Document]:
    count = 0
    for document in documents:
        count += 1
        yield document
    check_count(count, entered.count, "cutting the input")


def _write(lines: Iterator[bytes], folder: RunFolder, shard_lines: int) -> None:
    # The inner loop takes lines from the same iterator.
    for shard, line in enumerate(lines):
        with write_whole(folder.shard(shard)) as stream:
            stream.write(line)
            for _, more in zip(range(shard_lines - 1), lines, strict=False):
                stream.write(more)


def _read(
    paths: Sequence[Path], languages: Sequence[str], entered: _Counter
) -> Iterator[tuple[bytes, Record]]:
    for path in paths:
        for number, line in read_lines(path):
            if not line.strip():
                continue
            record = _parse(line, f"{path}:{number}")
            for language in languages:
                _check_summary(record, language, f"{path}:{number}")
            entered.count += 1
            yield line.strip().encode("utf-8"), record


def _parse(line: str, origin: str) -> Record:
    try:
        record: Any = orjson.loads(line)
    except ValueError as error:
        raise DataError(
            f"{origin}: every line must be one JSON object, but this one cannot be read ({error});"
            " mend or remove the line"
        ) from error
    if not isinstance(record, dict) or not isinstance(record.get("summary", {}), dict):
        raise DataError(
            f'{origin}: every line must be a record, {{"id": ..., "summary": {{"en": ...}}}}, but'
            " this one is not; mend or remove the line"
        )
    return record


def _check_summary(record: Record, language: str, origin: str) -> None:
    value = record.get("summary", {}).get(language)
    if value is None or isinstance(value, str):
        return
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DataError(
            f"{origin}: summary.{language} must be a string or a list of strings, but is"
            f" {str(value)[:60]!r}; mend or remove the line"
        )

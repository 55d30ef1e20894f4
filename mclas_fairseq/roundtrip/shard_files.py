"""Shards on disk: the first and the last step of a pipeline, and the lines that they share.

`datatrove`'s own reader and writer share out whole files, pass over lines that they cannot read,
and write in place; these read the one shard of a task, lose nothing, and write a file that appears
when it is complete, before `datatrove` marks the task as completed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import orjson
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from mclas_fairseq.errors import DataError
from mclas_fairseq.roundtrip.run_folder import RunFolder, write_whole
from mclas_fairseq.roundtrip.steps import Record, make_document, record_of, rejection_of

_TRANSLATED = "translated"


@dataclass(frozen=True)
class Cut:
    """How the input was cut.

    Attributes:
        records: of the whole input.
        shard_lines: records of each shard; the last one may have fewer.
    """

    records: int
    shard_lines: int

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-self.records // self.shard_lines)

    def size(self, shard: int) -> int:
        """Records of one shard."""
        return min(self.shard_lines, self.records - shard * self.shard_lines)


def mark_translated(document: Document) -> None:
    """Say that the record's summary was made in this run, and so is to be judged."""
    document.metadata[_TRANSLATED] = True


def is_translated(document: Document) -> bool:
    """Whether the record's summary was made in this run."""
    return _TRANSLATED in document.metadata


def pack_raw(line: bytes, reason: Optional[str]) -> bytes:
    """A line of a shard from a record's JSON as it stands."""
    if reason is None:
        return b'{"record":' + line + b"}\n"
    return b'{"rejected":' + orjson.dumps(reason) + b',"record":' + line + b"}\n"


def pack(document: Document) -> bytes:
    """A line of a shard."""
    fields: Record = {"record": record_of(document)}
    reason = rejection_of(document)
    if reason is not None:
        fields["rejected"] = reason
    if is_translated(document):
        fields[_TRANSLATED] = True
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def read_shard(path: Path) -> Iterator[Document]:
    """Yield the documents of a shard.

    Raises:
        DataError: the file is missing or not one that this package wrote.
    """
    try:
        with path.open("rb") as stream:
            for line in stream:
                fields = orjson.loads(line)
                document = make_document(fields["record"], fields.get("rejected"))
                if _TRANSLATED in fields:
                    mark_translated(document)
                yield document
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: must be a shard as it was written, but is not ({error}); remove it and start"
            " the run again"
        ) from error


class ShardReader(PipelineStep):
    """Reads the records of a task's shard."""

    type = "mclas"
    name = "read shard"

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self._folder = folder

    def run(
        self, data: Optional[Iterable[Document]] = None, rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Yield the documents of shard `rank`."""
        yield from read_shard(self._folder.shard(rank))


class ShardWriter(PipelineStep):
    """Writes the records of a task's shard, all of them."""

    type = "mclas"
    name = "write shard"

    def __init__(self, folder: RunFolder, cut: Cut) -> None:
        super().__init__()
        self._folder = folder
        self._cut = cut

    def run(
        self, data: Iterable[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Write shard `rank`; nothing is handed on.

        Raises:
            DataError: a step lost or added records.
        """
        with write_whole(self._folder.translated(rank)) as stream:
            count = 0
            for document in data:
                stream.write(pack(document))
                count += 1
            check_count(count, self._cut.size(rank), f"shard {rank}")
        yield from ()


class AllShardsReader(PipelineStep):
    """Reads the translated records of all shards in order."""

    type = "mclas"
    name = "read translated shards"

    def __init__(self, folder: RunFolder, cut: Cut) -> None:
        super().__init__()
        self._folder = folder
        self._cut = cut

    def run(
        self, data: Optional[Iterable[Document]] = None, rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Yield all documents.

        Raises:
            DataError: a shard has another number of records than was cut.
        """
        for shard in range(self._cut.shards):
            count = 0
            for document in read_shard(self._folder.translated(shard)):
                count += 1
                yield document
            check_count(count, self._cut.size(shard), f"shard {shard}")


def check_count(count: int, wanted: int, place: str) -> None:
    """Refuse a number of records that differs from what came in.

    Raises:
        DataError: it does.
    """
    if count != wanted:
        raise DataError(
            f"{place}: {wanted:,} records must leave the steps, as many as entered, but {count:,}"
            " do; a cleaning step must reject records, not drop them"
        )


def first_text(record: Record, language: str) -> Optional[str]:
    """A record's summary in a language, of several the first; None where it has none."""
    summary = record.get("summary")
    value = summary.get(language) if isinstance(summary, dict) else None
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = value[0] if value else None
    return value if isinstance(value, str) and value.strip() else None

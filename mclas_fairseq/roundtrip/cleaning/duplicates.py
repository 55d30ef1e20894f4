"""Cleaning steps that see the whole corpus: documents that occur twice, or in a held-out split.

The first of several equal documents stays, unless one of them is held out: then none does. Equal
are documents with the same words, whatever case, punctuation and spaces. What must be remembered
lies on disk; of a document's near-duplicates 50 bytes are held in memory (`NearDuplicates`).
"""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Optional

import orjson
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from mclas_fairseq.corpus.conversion.near_duplicates import NearDuplicates
from mclas_fairseq.corpus.conversion.shingles import digest
from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.errors import DataError
from mclas_fairseq.roundtrip.cleaning.texts import text_of
from mclas_fairseq.roundtrip.cutting import hash_inputs
from mclas_fairseq.roundtrip.steps import make_document, record_of, reject, rejection_of

DUPLICATE = "duplicate document"
NEAR_DUPLICATE = "near-duplicate document"
HELD_OUT = "held-out document"
_AT_ONCE = 10_000  # rows of a transaction


class Duplicates(PipelineStep):
    """Rejects documents that came before, or that are held out.

    Args:
        language: of the documents.
        held_out: records whose documents must not be in the corpus.
        folder: where a temporary file may be; made when missing.
    """

    type = "mclas"
    name = "duplicates"

    def __init__(self, language: str, held_out: Sequence[Path], folder: Path) -> None:
        super().__init__()
        self._language = language
        self._held_out = tuple(held_out)
        self._folder = folder

    def settings(self) -> Mapping[str, object]:
        """The held-out files, by their contents."""
        return {"held_out": hash_inputs(self._held_out, "--held-out")}

    def run(
        self, data: Iterable[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Judge the documents that were not rejected before; hand on all."""
        with _temporary(self._folder) as folder:
            seen = _Seen(Path(folder) / "seen.sqlite")
            for text in held_out_texts(self._held_out, self._language):
                seen.add(digest(text), HELD_OUT)
            for document in data:
                text = text_of(record_of(document), "document", self._language)
                if text and rejection_of(document) is None:
                    reason = seen.add(digest(text), DUPLICATE)
                    if reason is not None:
                        reject(document, reason)
                yield document
            seen.close()


class NearDuplicateDocuments(PipelineStep):
    """Rejects documents that are versions of earlier or held-out ones (`NearDuplicates`).

    All documents are read before the first is handed on; meanwhile they lie in a file.

    Args:
        language: of the documents.
        held_out: records whose documents, and versions of them, must not be in the corpus.
        similarity: from which two documents are versions of one another.
        folder: where temporary files may be; made when missing.
    """

    type = "mclas"
    name = "near-duplicates"

    def __init__(
        self, language: str, held_out: Sequence[Path], similarity: float, folder: Path
    ) -> None:
        super().__init__()
        self._language = language
        self._held_out = tuple(held_out)
        self._similarity = similarity
        self._folder = folder

    def settings(self) -> Mapping[str, object]:
        """The similarity and the held-out files."""
        return {
            "similarity": self._similarity,
            "held_out": hash_inputs(self._held_out, "--held-out"),
        }

    def run(
        self, data: Iterable[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Judge the documents that were not rejected before; hand on all."""
        with _temporary(self._folder) as folder:
            index = NearDuplicates(Path(folder), self._similarity)
            positions = count()
            for text in held_out_texts(self._held_out, self._language):
                index.add(text)
                next(positions)
            held_out = len(index.digests)
            waiting = Path(folder) / "waiting"
            with waiting.open("wb") as stream:
                for document in data:
                    stream.write(self._spooled(document, index, positions))
            groups = index.groups()
            with waiting.open("rb") as lines:
                for line in lines:
                    record, reason, place = orjson.loads(line)
                    if place is not None and groups[place] != place:
                        reason = HELD_OUT if groups[place] < held_out else NEAR_DUPLICATE
                    yield make_document(record, reason)

    def _spooled(self, document: Document, index: NearDuplicates, positions: "count[int]") -> bytes:
        text = text_of(record_of(document), "document", self._language)
        place = None
        if text and rejection_of(document) is None:
            index.add(text)
            place = next(positions)
        line = (record_of(document), rejection_of(document), place)
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def held_out_texts(paths: Sequence[Path], language: str) -> Iterator[str]:
    """The documents of held-out records.

    Raises:
        DataError: a file cannot be read, or has no document in the language.
    """
    for path in paths:
        found = 0
        for record in read_records(path):
            if language in record.document:
                found += 1
                yield record.document_text(language)
        if not found:
            raise DataError(
                f"{path}: must hold documents in {language!r} to be held out, but holds none; check"
                " --held-out and --source-lang"
            )


class _Seen:
    """Which documents came before and why a later one is rejected, in a file."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")  # nobody reads it after a crash
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("CREATE TABLE seen (digest INTEGER PRIMARY KEY, reason TEXT)")
        self._connection.execute("BEGIN")
        self._waiting = 0

    def add(self, key: int, reason: str) -> Optional[str]:
        """Say why a document is rejected; None: it is the first, later ones are for `reason`."""
        key -= 2**63  # SQLite's integers are signed
        found = self._connection.execute("SELECT reason FROM seen WHERE digest = ?", (key,))
        row: Optional[tuple[str]] = found.fetchone()
        if row is not None:
            return row[0]
        self._connection.execute("INSERT INTO seen VALUES (?, ?)", (key, reason))
        self._waiting += 1
        if self._waiting % _AT_ONCE == 0:
            self._connection.execute("COMMIT")
            self._connection.execute("BEGIN")
        return None

    def close(self) -> None:
        self._connection.close()


def _temporary(folder: Path) -> "tempfile.TemporaryDirectory[str]":
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=".cleaning-", dir=folder)

"""Documents of raw text: one file or several a language, paragraphs by line ends.

Nothing is held but the document at hand, so that a file may be larger than the memory.
"""

import hashlib
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from mclas_fairseq.corpus.text_files import normalize_text, read_lines

# A file without an empty line would be one document; it is cut at paragraphs instead.
LONGEST_DOCUMENT = 100_000  # characters

_RANGE = 1 << 64


class Documents(StrEnum):
    """What ends a document in a file: an empty line, or each line."""

    EMPTY_LINES = "empty-lines"
    LINES = "lines"


def read_paragraphs(files: Sequence[Path]) -> Iterator[str]:
    """Yield the lines of files that hold text, with single spaces."""
    for file in files:
        for _, line in read_lines(file):
            if text := normalize_text(line):
                yield text


def read_documents(files: Sequence[Path], documents: Documents) -> Iterator[str]:
    """Yield the documents of files, their paragraphs joined by spaces; none is empty."""
    for file in files:
        paragraphs: list[str] = []
        length = 0
        for _, line in read_lines(file):
            text = normalize_text(line)
            if text:
                paragraphs.append(text)
                length += len(text)
            if not paragraphs:
                continue
            if not text or documents is Documents.LINES or length >= LONGEST_DOCUMENT:
                yield " ".join(paragraphs)
                paragraphs, length = [], 0
        if paragraphs:
            yield " ".join(paragraphs)


def is_set_aside(document: str, share: float) -> bool:
    """Whether a document is one of the share (0 to 1) that validation gets.

    It depends on the text alone: a document that occurs twice is on one side both times.
    """
    found = hashlib.blake2b(document.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(found, "big") < share * _RANGE

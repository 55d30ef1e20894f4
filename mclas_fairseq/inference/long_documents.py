"""Summarizing documents some of which are longer than the model reads (`windows.py`)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from mclas_fairseq.errors import DataError
from mclas_fairseq.inference.documents import Document, EncodedDocument, check_document
from mclas_fairseq.inference.on_long import OnLong, check_windows
from mclas_fairseq.inference.results import Summary
from mclas_fairseq.inference.windows import Reader, Windowed

_BUFFER = 512  # documents read ahead
_NAMED = 5  # documents in a message


class Streams(Protocol):
    """What of a summarizer is used here."""

    @property
    def reader(self) -> Reader:
        """How documents are cut."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Of the summaries."""

    def stream(self, documents: Iterable[Document], *, batch_size: int = 16) -> Iterator[Summary]:
        """Summarize documents as they come."""


def stream_long(
    summarizer: Streams, documents: Iterable[Document], on_long: OnLong, *, batch_size: int = 16
) -> Iterator[Summary]:
    """Summarize documents; what is longer than the model reads, as `on_long` says.

    Yields:
        The summary of each document, in input order.

    Raises:
        ConfigError: windows are asked for, and the model cannot read its own summaries.
        DataError: a document is refused; those before it in the buffer are not summarized.
    """
    if on_long is OnLong.TRUNCATE:
        yield from summarizer.stream(documents, batch_size=batch_size)
        return
    reader = summarizer.reader
    if on_long is OnLong.WINDOWS:
        check_windows(reader.language, summarizer.languages)
    rest, done = iter(documents), 0
    while buffer := list(islice(rest, _BUFFER)):
        encoded = [
            _encoded(check_document(number, one), reader)
            for number, one in enumerate(buffer, start=done + 1)
        ]
        if on_long is OnLong.REFUSE:
            _refuse(encoded, reader, done)
            yield from summarizer.stream(encoded, batch_size=batch_size)
        else:
            yield from _in_windows(summarizer, encoded, batch_size)
        done += len(buffer)


def _encoded(document: Document, reader: Reader) -> EncodedDocument:
    return reader.encode(document) if isinstance(document, str) else document


def _refuse(documents: Sequence[EncodedDocument], reader: Reader, before: int) -> None:
    long = {
        before + place: one.tokens
        for place, one in enumerate(documents, start=1)
        if not reader.fits(one)
    }
    if not long:
        return
    named = ", ".join(f"document {place}: {one:,}" for place, one in islice(long.items(), _NAMED))
    raise DataError(
        f"--on-long refuse: a document must have at most {reader.limit:,} tokens, which the model"
        f" reads, but {len(long):,} have more ({named}{', ...' if len(long) > _NAMED else ''});"
        " shorten them, or give --on-long windows or truncate"
    )


def _in_windows(
    summarizer: Streams, documents: Sequence[EncodedDocument], batch_size: int
) -> Iterator[Summary]:
    """Summarize a buffer, round by round, until no document has anything left to be joined."""
    reader = summarizer.reader
    done: dict[int, Summary] = {}
    short = [place for place, one in enumerate(documents) if reader.fits(one)]
    open_ = {
        place: Windowed(one, reader) for place, one in enumerate(documents) if not reader.fits(one)
    }
    parts = [documents[place] for place in short]
    while parts or open_:
        parts += [part for one in open_.values() for part in one.parts]
        found = summarizer.stream(parts, batch_size=batch_size)
        done.update((place, next(found)) for place in short)
        for place, one in list(open_.items()):
            summary = one.advance(list(islice(found, len(one.parts))))
            if summary is not None:
                done[place] = summary
                del open_[place]
        assert next(found, None) is None
        parts, short = [], []
    for place in range(len(documents)):
        yield done[place]

"""Summarizing documents some of which are longer than the model reads (`windows.py`)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from mclas_fairseq.errors import DataError
from mclas_fairseq.inference.on_long import OnLong
from mclas_fairseq.inference.results import Summary
from mclas_fairseq.inference.windows import Reader, Windowed, check_windows

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

    def stream(self, documents: Iterable[str], *, batch_size: int = 16) -> Iterator[Summary]:
        """Summarize documents as they come."""


def stream_long(
    summarizer: Streams, documents: Iterable[str], on_long: OnLong, *, batch_size: int = 16
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
        lengths = [reader.count(text) for text in buffer]
        if on_long is OnLong.REFUSE:
            _refuse(lengths, reader.limit, done)
            yield from summarizer.stream(buffer, batch_size=batch_size)
        else:
            yield from _in_windows(summarizer, buffer, lengths, batch_size)
        done += len(buffer)


def _refuse(lengths: Sequence[int], limit: int, before: int) -> None:
    long = {before + place: one for place, one in enumerate(lengths, start=1) if one > limit}
    if not long:
        return
    named = ", ".join(f"document {place}: {one:,}" for place, one in islice(long.items(), _NAMED))
    raise DataError(
        f"--on-long refuse: a document must have at most {limit:,} tokens, which the model reads,"
        f" but {len(long):,} have more ({named}{', ...' if len(long) > _NAMED else ''}); shorten"
        " them, or give --on-long windows or truncate"
    )


def _in_windows(
    summarizer: Streams, documents: Sequence[str], lengths: Sequence[int], batch_size: int
) -> Iterator[Summary]:
    """Summarize a buffer, round by round, until no document has anything left to be joined."""
    reader = summarizer.reader
    done: dict[int, Summary] = {}
    short = [place for place, one in enumerate(lengths) if one <= reader.limit]
    open_ = {
        place: Windowed(documents[place], reader)
        for place, one in enumerate(lengths)
        if one > reader.limit
    }
    texts = [documents[place] for place in short]
    while texts or open_:
        texts += [text for one in open_.values() for text in one.texts]
        found = summarizer.stream(texts, batch_size=batch_size)
        done.update((place, next(found)) for place in short)
        for place, one in list(open_.items()):
            summary = one.advance(list(islice(found, len(one.texts))))
            if summary is not None:
                done[place] = summary
                del open_[place]
        assert next(found, None) is None
        texts, short = [], []
    for place in range(len(documents)):
        yield done[place]

"""Documents that are longer than a model reads: cut off, refused, or read in windows.

`windows` cuts a document into windows that end at sentences, summarizes each, and summarizes the
joined summaries, which are in the language of the document (`S^A`): the same again while those are
too long. It needs a model that writes such summaries. A document that the model reads whole is
never touched.

Place in the pipeline: `mclas summarize`, `mclas serve` and the Python API give their documents to
`Windowed`, which says what is to be summarized next. That is in tokens already: it had
to be counted.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Optional

from mclas_fairseq.corpus.languages import is_unspaced
from mclas_fairseq.corpus.sentences import join_sentences, sentence_ends
from mclas_fairseq.errors import DataError
from mclas_fairseq.inference.documents import EncodedDocument
from mclas_fairseq.inference.results import Summary, Windows

# A pass that shortens a document by less goes nowhere: what is beyond is not read then.
_PROGRESS = 0.9


@dataclass(frozen=True)
class Reader:
    """What of a model says how documents are cut.

    Attributes:
        limit: tokens of a document that are read, EOS included.
        encode: makes tokens of a text.
        language: of the documents.
    """

    limit: int
    encode: Callable[[str], EncodedDocument]
    language: str

    def fits(self, document: EncodedDocument) -> bool:
        """Whether a document is read whole."""
        return document.tokens <= self.limit


def too_long(tokens: int, limit: int) -> DataError:
    """What is said of a document under `--on-long refuse`."""
    return DataError(
        f"a document must have at most {limit:,} tokens, which the model reads, this one has"
        f" {tokens:,}; shorten it, or give --on-long windows or truncate"
    )


class Windowed:
    """A long document on its way: `parts` are to be summarized now.

    Attributes:
        parts: windows, or in the last round the joined summaries alone.
    """

    def __init__(self, document: EncodedDocument, reader: Reader):
        self._reader = reader
        self._tokens = document.tokens
        self._passes = 1
        self._joined: Optional[str] = None
        self.parts = cut_windows(document.text, reader)
        self._windows = len(self.parts)

    @property
    def last(self) -> bool:
        """Whether the summary of `parts` is the document's."""
        return self._joined is not None

    def advance(self, summaries: Sequence[Summary]) -> Optional[Summary]:
        """Take the summaries of `parts`.

        Returns:
            The document's, or None where `parts` has what is to be summarized next.
        """
        if self._joined is not None:
            (summary,) = summaries
            windows = Windows(self._windows, self._passes, self._joined)
            return replace(summary, windows=windows)
        language = self._reader.language
        joined = join_sentences((one.summary[language] for one in summaries), language)
        whole = self._reader.encode(joined)
        self._passes += 1
        shorter = whole.tokens <= _PROGRESS * self._tokens
        self._tokens = whole.tokens
        if shorter and not self._reader.fits(whole):
            self.parts = cut_windows(joined, self._reader)
        else:
            self._joined, self.parts = joined, [whole]
        return None


def cut_windows(text: str, reader: Reader) -> list[EncodedDocument]:
    """Cut a text into as few windows as can be, of lengths as even as sentences allow.

    A sentence that is longer than a window is cut between words.

    Args:
        text: what is too long.
        reader: how much a window may hold.

    Returns:
        The windows; joined they are the text but for spaces between them.
    """
    bounds = [0, *sentence_ends(text), len(text)]
    sentences = [text[a:b].strip() for a, b in pairwise(bounds)]
    parts = [part for one in sentences if one for part in _within(one, reader)]
    groups = _even_groups([part.tokens - 1 for part in parts], reader.limit - 1)
    texts = [part.text for part in parts]
    windows = (join_sentences(texts[a:b], reader.language) for a, b in groups)
    # Joined sentences may have a token more than each alone.
    return [part for window in windows for part in _within(window, reader)]


def _within(text: str, reader: Reader) -> list[EncodedDocument]:
    """A text, in halves of halves until each can be read."""
    document = reader.encode(text)
    if reader.fits(document) or len(text) < 2:
        return [document]
    middle = len(text) // 2
    if not is_unspaced(reader.language):
        spaces = (text.rfind(" ", 1, middle), text.find(" ", middle, len(text) - 1))
        found = [place for place in spaces if place > 0]
        middle = min(found, key=lambda place: abs(place - middle), default=middle)
    halves = (text[:middle].strip(), text[middle:].strip())
    return [part for half in halves if half for part in _within(half, reader)]


def _even_groups(lengths: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Neighbours in as few groups as can be, the largest of which is as small as can be."""
    groups = list(_groups(lengths, most))
    low, high = max(1, math.ceil(sum(lengths) / len(groups))), most
    while low < high:
        middle = (low + high) // 2
        tried = list(_groups(lengths, middle))
        if len(tried) <= len(groups) and max(lengths) <= middle:
            groups, high = tried, middle
        else:
            low = middle + 1
    return groups


def _groups(lengths: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Start and end of groups whose lengths have a sum of at most `most`, each as large as can."""
    start = total = 0
    for place, length in enumerate(lengths):
        if place > start and total + length > most:
            yield start, place
            start, total = place, 0
        total += length
    yield start, len(lengths)

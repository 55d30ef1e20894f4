"""Documents as texts of one length: long ones are cut at sentences, short ones put together.

As the released mGLM does it: a window of a long document begins behind the end of a sentence, where
one is near, and ends with one, where that keeps half of it; short documents follow each other,
each behind `[CLS]`, and attention goes across them. Two samples in a hundred are shorter.
"""

from collections.abc import Callable, Sequence
from typing import Optional

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.mglm.corruption import Ids, Span, Text
from mclas_fairseq.mglm.symbols import Symbols

LENGTH = 512
_ENDS = frozenset(".?!;:。？！；…\n")
_SHORT = 0.02
_SHORTEST = 32
_REACH = 256  # tokens that the start of a window is moved at most
_LEAST_DOCUMENT = 2  # a last document is not begun for less room


def find_sentence_ends(entries: Sequence[str]) -> NDArray[np.bool_]:
    """For each dictionary entry whether a sentence may end with it: it holds such a mark, (V,)."""
    return np.array([not _ENDS.isdisjoint(entry) for entry in entries], dtype=np.bool_)


def draw_length(length: int, generator: np.random.Generator) -> int:
    """The length of a sample: `length`, or in 2 % of samples 32 up to `length` - 2."""
    if length - 2 > _SHORTEST and generator.random() < _SHORT:
        return int(generator.integers(_SHORTEST, length - 1))
    return length


def pack(
    draw: Callable[[np.random.Generator], Ids],
    symbols: Symbols,
    sentence_ends: NDArray[np.bool_],
    generator: np.random.Generator,
    length: int = LENGTH,
) -> Text:
    """Draw documents until a text of at most `length` tokens is full.

    Args:
        draw: gives a random document, without commands and without a mark at its end, not empty.
        symbols: ids of commands.
        sentence_ends: for each dictionary entry whether a sentence may end with it, (V,).
        generator: of this sample.
        length: of the text.
    """
    parts: list[Ids] = []
    documents: list[Span] = []
    used = 0
    while length - used > _LEAST_DOCUMENT + 1:
        document = np.append(draw(generator), symbols.eos)
        room = length - used - 1
        fits = len(document) <= room
        if not fits:
            start = 0 if parts else move_start(document, room, sentence_ends, generator)
            document = trim_end(document[start : start + room], sentence_ends)
        whole = document[-1] == symbols.eos
        parts += [np.array([symbols.cls], dtype=np.int64), document]
        documents.append((used + 1, used + 1 + len(document) - int(whole)))
        used += 1 + len(document)
        if not fits:
            break
    return Text(np.concatenate(parts), tuple(documents))


def move_start(
    document: Ids, room: int, sentence_ends: NDArray[np.bool_], generator: np.random.Generator
) -> int:
    """Where a window of `room` tokens begins: anywhere, then moved behind the end of a sentence.

    It is moved left or right by chance, at most 256 tokens and at most half of the window; where
    no sentence ends there, it stays.
    """
    start = int(generator.integers(0, len(document) - room + 1))
    reach = min(_REACH, room // 2)
    left = bool(generator.random() < 0.5)
    places = range(start, max(start - reach, 0) - 1, -1) if left else range(start, start + reach)
    found: Optional[int] = next(
        (place for place in places if place == 0 or sentence_ends[document[place - 1]]), None
    )
    return start if found is None else found


def trim_end(window: Ids, sentence_ends: NDArray[np.bool_]) -> Ids:
    """Cut a window back to the last end of a sentence, if that keeps half of it."""
    ends = np.flatnonzero(sentence_ends[window])
    if not len(ends) or 2 * (ends[-1] + 1) < len(window):
        return window
    return window[: ends[-1] + 1]

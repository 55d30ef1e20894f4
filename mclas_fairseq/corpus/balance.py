"""Draw from each language the same amount of text, whatever each one has.

A tokenizer learned from 46,000 English abstracts beside 2,000 German or Chinese summaries spends
nearly all its entries on English. So the tokenizers learn from a balanced corpus: large languages
are sampled down to a cap, small ones are repeated until they weigh the same. Text is weighed in
bytes of UTF-8, not in characters: a Chinese character says about as much as three Latin letters and
takes as many bytes. The draw depends on nothing but the lines and their order.

Lines are gone through twice and not held, but for those that are drawn: a list serves, and for a
large corpus `Lines`, which reads a file anew each time.

Place in the pipeline: called when a tokenizer of `mclas_fairseq.corpus.tokenizers` learns.
"""

import logging
import random
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mclas_fairseq.errors import DataError

logger = logging.getLogger(__name__)

_SEED = 1  # a constant: the same text must always give the same tokenizer


@dataclass(frozen=True)
class Lines:
    """Lines that can be gone through any number of times without being held.

    Attributes:
        source: starts from the first line.
    """

    source: Callable[[], Iterator[str]]

    def __iter__(self) -> Iterator[str]:
        return self.source()


def changed_lines(change: Callable[[str], str], lines: Iterable[str]) -> Lines:
    """Return lines as a function changes them; they are changed anew each time."""
    return Lines(lambda: map(change, lines))


def count_bytes(lines: Iterable[str]) -> int:
    """Return the number of UTF-8 bytes of all `lines` together."""
    return sum(len(line.encode("utf-8")) for line in lines)


def draw_lines(lines: Iterable[str], size: int) -> list[str]:
    """Return whole lines in a fixed random order until they hold `size` bytes.

    All lines come back, in the drawn order, if they hold less than that.

    Args:
        lines: gone through twice; memory holds a few bytes for each, and those that are drawn.
        size: in bytes of UTF-8.
    """
    lengths = array("L", (len(line.encode("utf-8")) for line in lines))
    order = array("L", range(len(lengths)))
    random.Random(_SEED).shuffle(order)
    places: dict[int, int] = {}  # of a line among all -> among the drawn
    held = 0
    for position in order:
        if held >= size:
            break
        places[position] = len(places)
        held += lengths[position]
    drawn = [""] * len(places)
    for position, line in enumerate(lines):
        if position in places:
            drawn[places[position]] = line
    return drawn


def draw_languages(texts: Mapping[str, Iterable[str]], cap: int) -> dict[str, list[str]]:
    """Return at most about `cap` bytes of lines for each language, none of them repeated.

    Empty lines are left out. Raises `DataError` for a language without any text.
    """
    if not texts:
        raise DataError("tokenizer: needs text to learn from, found none; check --train")
    drawn = {}
    for language, lines in texts.items():
        drawn[language] = draw_lines(_without_empty(lines), cap)
        if not drawn[language]:
            raise DataError(
                f"tokenizer: needs text in every language, found none in '{language}'; give "
                f"training records (--train) with text in '{language}' or drop the language"
            )
    return drawn


def _without_empty(lines: Iterable[str]) -> Lines:
    return Lines(lambda: filter(None, lines))


def language_weights(drawn: Mapping[str, Collection[str]]) -> dict[str, float]:
    """Return how often the lines of each language must count to weigh as much as the largest."""
    sizes = {language: count_bytes(lines) for language, lines in drawn.items()}
    target = max(sizes.values())
    weights = {language: target / size for language, size in sizes.items()}
    for language, lines in drawn.items():
        logger.info(
            "tokenizer text: '%s' %d lines, %d bytes, weighted %.2f times",
            *(language, len(lines), sizes[language], weights[language]),
        )
    return weights


def balance_by_repeating(texts: Mapping[str, Iterable[str]], cap: int) -> list[str]:
    """Return one list of lines in which each language has about the same number of bytes.

    That number is what the largest language has, but at most about `cap`. The lines of smaller
    languages are repeated as a whole; the rest is filled up with lines in the drawn order.
    """
    drawn = draw_languages(texts, cap)
    balanced: list[str] = []
    for language, weight in language_weights(drawn).items():
        lines = drawn[language]
        rounds = int(weight)
        balanced += lines * rounds
        balanced += draw_lines(lines, int((weight - rounds) * count_bytes(lines)))
    return balanced

"""Many texts as the numbers of their tokens, in two arrays of numpy.

A text is cut once, each distinct token gets a number, and what is compared then are arrays
(`evaluation/overlap.py`): a million summaries take four bytes a token and no object of their own.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.evaluation.protocols.base import RougeProtocol
from mclas_fairseq.evaluation.protocols.content import ContentProtocol


@dataclass(frozen=True)
class Rows:
    """R texts, the tokens of one behind those of the other.

    Attributes:
        ids: the number of each token, shape (T,).
        starts: where each text starts in `ids`, and T at the end, shape (R + 1,).
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, shape (R,)."""
        return np.diff(self.starts)

    def take(self, rows: NDArray[np.int64]) -> "Rows":
        """The texts with these numbers, in the order given."""
        sizes = self.lengths[rows]
        starts = starts_of(sizes)
        places = np.repeat(self.starts[rows] - starts[:-1], sizes) + np.arange(starts[-1])
        return Rows(self.ids[places], starts)

    def keep(self, wanted: NDArray[np.bool_]) -> "Rows":
        """The same texts with the tokens only for which `wanted`, shape (T,), is true."""
        return Rows(self.ids[wanted], starts_of(self._count(wanted)))

    def content(self, content: NDArray[np.bool_], word: NDArray[np.bool_]) -> "Rows":
        """Each text's content words; of a text without any, all its words.

        Args:
            content: of each number, whether its token is a content word.
            word: whether it is a word at all.
        """
        wanted = content[self.ids]
        without = self._count(wanted) == 0
        if without.any():
            wanted |= np.repeat(without, self.lengths) & word[self.ids]
        return self.keep(wanted)

    def _count(self, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many tokens of each text are wanted, shape (R,)."""
        return np.diff(np.searchsorted(np.flatnonzero(wanted), self.starts))


def starts_of(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where things of these sizes start when one lies behind the other, and where the last ends."""
    return np.concatenate(([0], np.cumsum(sizes)))


@dataclass(frozen=True)
class Texts:
    """N summaries and their references, in numbers of the same tokens.

    Attributes:
        hypotheses: N texts.
        references: all references, those of one document behind those of the other.
        groups: where each document's references start, and their number at the end, (N + 1,).
        distinct: numbers are below this.
    """

    hypotheses: Rows
    references: Rows
    groups: NDArray[np.int64]
    distinct: int

    def __len__(self) -> int:
        return len(self.hypotheses)


class TokenIds:
    """What a protocol makes of texts, in numbers.

    Args:
        rules: the protocol.
        keep: whether texts are cut once for as long as this lives: for texts that come again and
            again. A large corpus has too many to keep.

    Attributes:
        rules: as given.
    """

    def __init__(self, rules: RougeProtocol, *, keep: bool = True) -> None:
        self.rules = rules
        self._numbers: dict[str, int] = {}
        self._kept: dict[str, Sequence[int]] | None = {} if keep else None

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text in a row: n-grams run across sentences, as in ROUGE."""
        return self.rules.tokens(text)

    @property
    def distinct(self) -> int:
        """How many different tokens there were so far."""
        return len(self._numbers)

    def encode(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Texts:
        """N summaries and their references, one or more of each document."""
        sizes = np.fromiter(map(len, references), dtype=np.int64, count=len(references))
        summaries = self._encode(hypotheses)
        wanted = self._encode(text for group in references for text in group)
        return Texts(summaries, wanted, starts_of(sizes), len(self._numbers))

    def content(self, texts: Texts, protocol: ContentProtocol) -> Texts:
        """The content words of texts that were encoded here, where `protocol` has these words."""
        words = list(self._numbers)[: texts.distinct]
        is_content = np.fromiter(map(protocol.is_content, words), bool, len(words))
        is_word = np.fromiter(map(protocol.is_word, words), bool, len(words))
        return Texts(
            texts.hypotheses.content(is_content, is_word),
            texts.references.content(is_content, is_word),
            texts.groups,
            texts.distinct,
        )

    def number(self, texts: Iterable[Sequence[str]]) -> Rows:
        """Texts that are cut already, each a sequence of tokens."""
        return _in_rows(map(self._numbered, texts))

    def _encode(self, texts: Iterable[str]) -> Rows:
        return _in_rows(map(self._row, texts))

    def _row(self, text: str) -> Sequence[int]:
        if self._kept is None:
            return self._numbered(self.rules.tokens(text))
        if text not in self._kept:
            self._kept[text] = array("i", self._numbered(self.rules.tokens(text)))
        return self._kept[text]

    def _numbered(self, tokens: Sequence[str]) -> list[int]:
        numbers = self._numbers
        number = numbers.setdefault
        return [number(token, len(numbers)) for token in tokens]


def _in_rows(texts: Iterable[Sequence[int]]) -> Rows:
    ids, starts = array("i"), array("q", [0])
    for text in texts:
        ids.extend(text)
        starts.append(len(ids))
    return Rows(np.frombuffer(ids, np.int32), np.frombuffer(starts, np.int64))

"""Words of a text in pieces: word alignments are between words, attention is between pieces."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from mclas_fairseq.corpus.plain_words import WORD
from mclas_fairseq.corpus.tokenizers import Tokenizer

_ENDING = regex.compile(r"[.!?…。！？।؟]+")


@dataclass(frozen=True)
class Words:
    """A text as pieces and words.

    Attributes:
        pieces: of the tokenizer, T of them.
        texts: the words, W of them.
        of_piece: numbers of the words that each piece is a part of, T tuples. A piece that shows
            nothing, such as the start of a word alone, belongs to what the next one shows.
    """

    pieces: tuple[str, ...]
    texts: tuple[str, ...]
    of_piece: tuple[tuple[int, ...], ...]

    def ends_sentence(self, piece: int) -> bool:
        """Whether a piece is nothing but a sentence's final punctuation."""
        texts = [self.texts[number] for number in self.of_piece[piece]]
        return bool(texts) and all(_ENDING.fullmatch(text) for text in texts)


def words_of(pieces: Sequence[str], tokenizer: Tokenizer, language: str) -> Words:
    """The words that pieces make."""
    shares = tokenizer.shares(list(pieces), language) if pieces else []
    found = list(WORD.finditer("".join(shares)))
    starts, ends = [one.start() for one in found], [one.end() for one in found]
    of_piece: list[tuple[int, ...]] = []
    place = 0
    for share in shares:
        stop = place + len(share)
        begin = stop - len(share.lstrip())
        of_piece.append(tuple(range(bisect_right(ends, begin), bisect_left(starts, stop))))
        place = stop
    for number in range(len(of_piece) - 2, -1, -1):
        of_piece[number] = of_piece[number] or of_piece[number + 1]
    return Words(tuple(pieces), tuple(one[0] for one in found), tuple(of_piece))

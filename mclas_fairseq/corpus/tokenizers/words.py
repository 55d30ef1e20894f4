"""Plain words, without subwords: for small vocabularies and for comparison with older systems.

Place in the pipeline: see `mclas_fairseq.corpus.tokenizers.base`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from mclas_fairseq.corpus.tokenizers.base import Tokenizer, is_reserved, read_description
from mclas_fairseq.corpus.tokenizers.moses import join_words, split_words

_ESCAPE = "\u241b"
_ESCAPED = re.compile(f"{_ESCAPE}(.)")


class WordTokenizer(Tokenizer):
    """Words and punctuation marks by the rules of Moses.

    A word that would read as a special symbol gets the character U+241B behind its first letter;
    where that character stands in the text itself it is doubled.
    """

    name = "words"

    def _segment(self, text: str, language: str) -> list[str]:
        return [_escape(word) for word in split_words(text, language)]

    def decode(self, pieces: Sequence[str], language: str) -> str:
        """Return the text of `pieces` with the spacing that is usual in `language`."""
        return join_words([_ESCAPED.sub(r"\1", piece) for piece in pieces], language)

    def _save_model(self, folder: Path) -> None:
        """Write nothing: `tokenizer.json` says it all."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `tokenizer.json` from `folder`."""
        return cls(lowercase=bool(read_description(folder)["lowercase"]))

    @classmethod
    def train(cls, texts: Mapping[str, Iterable[str]], *, vocab_size: int, lowercase: bool) -> Self:
        """Return the tokenizer: there is nothing to learn; the dictionary counts the words."""
        return cls(lowercase=lowercase)


def _escape(word: str) -> str:
    """Return `word` as one that cannot be taken for a special symbol."""
    word = word.replace(_ESCAPE, _ESCAPE * 2)
    return f"{word[0]}{_ESCAPE}{word[1:]}" if is_reserved(word) else word

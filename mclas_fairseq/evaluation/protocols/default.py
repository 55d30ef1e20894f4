"""Protocol `default`: for every language, and the only one for languages without a published one.

Tokens are runs of letters, with their combining marks, and digits, lower-cased by the language's
rules; nothing is stemmed. Languages written without spaces between words are cut into characters (a
letter with its marks), while runs of Latin, Greek or Cyrillic letters and digits stay whole.
Compatibility forms (full-width letters, ligatures) count as the letters that they stand for, and
invisible characters (soft hyphens, joiners) as nothing.

Sentences, for ROUGE-Lsum, are those of `sentences.py`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Optional
from unicodedata import normalize

import regex

from mclas_fairseq.corpus.languages import is_unspaced
from mclas_fairseq.evaluation.code_points import count_letters
from mclas_fairseq.evaluation.protocols.base import RougeProtocol
from mclas_fairseq.evaluation.protocols.sentences import SPLITTING, split_at_marks

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_CHARACTER = regex.compile(
    r"[\p{Latin}\p{Greek}\p{Cyrillic}\p{Nd}][\p{Latin}\p{Greek}\p{Cyrillic}\p{Nd}\p{M}]*"
    r"|[\p{L}\p{N}]\p{M}*"
)
# A zero width space separates words; every other invisible character stands inside one.
_INVISIBLE = regex.compile(r"(?V1)[\p{Default_Ignorable_Code_Point}--\u200b]")
# Languages that tell dotted from dotless i.
_DOTTED_I_LANGUAGES = frozenset({"tr", "az"})
_DOTTED_I = str.maketrans({"I": "ı", "İ": "i"})


class DefaultProtocol(RougeProtocol):
    """Lower-cased words, or characters where words are not separated; no stemming."""

    name: ClassVar[str] = "default"
    splitting = SPLITTING

    def __init__(self, language: str, tokenizer: Optional[Path] = None) -> None:
        super().__init__(language, tokenizer)
        self.token_kind = "char" if is_unspaced(language) else "word"
        self._case = _DOTTED_I if language.split("-")[0].lower() in _DOTTED_I_LANGUAGES else {}
        self._token = _CHARACTER if is_unspaced(language) else _WORD

    def split_sentences(self, text: str) -> list[str]:
        """Cut at sentence marks and line breaks."""
        return split_at_marks(text)

    def words(self, sentence: str) -> list[str]:
        """Lower-cased words or characters; punctuation is dropped."""
        # Folding comes after splitting: it would turn the full-width "？" into a plain "?".
        return self._token.findall(self._folded(sentence))

    def tokens(self, text: str) -> list[str]:
        """As `tokenise`, in a row: no token reaches over a mark that ends a sentence."""
        return self.words(text)

    def _folded(self, text: str) -> str:
        if not text.isascii():  # ASCII has no other form, and nothing invisible
            text = _INVISIBLE.sub("", normalize("NFKC", text)).replace("\u200b", " ")
        return text.translate(self._case).lower()

    def _kept_letters(self, texts: Sequence[str]) -> int:
        """Every letter is in a token, so that they need not be cut to be counted."""
        return count_letters(self._folded("\n".join(texts)))

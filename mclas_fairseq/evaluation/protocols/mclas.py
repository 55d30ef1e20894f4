"""Protocol `mclas`: how MCLAS scores its summaries.

Bai et al., "Cross-Lingual Abstractive Summarization with Limited Parallel Resources" (2021,
arXiv:2105.13648). Chinese: the ids of multilingual BERT's word pieces, ROUGE-L at sentence level,
nothing stemmed; needs the vocabulary. Other languages: words in lower case and without accents, as
its uncased vocabulary leaves them, stemmed by Porter whatever the language, as ROUGE-1.5.5 does.

Differences: the references are the raw ones, not those that went through the vocabulary, and a
letter that has no accent to lose (the German ß) stays a letter, where ROUGE-1.5.5 cuts the word.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Optional
from unicodedata import normalize

import regex

from mclas_fairseq.corpus.languages import is_unspaced
from mclas_fairseq.evaluation.protocols.base import RougeProtocol
from mclas_fairseq.evaluation.protocols.pieces import (
    PieceModel,
    WordPieceModel,
    need_tokenizer,
)
from mclas_fairseq.evaluation.protocols.sentences import SPLITTING, split_after_marks
from mclas_fairseq.evaluation.protocols.stemming import porter

_ACCENT = regex.compile(r"\p{Mn}")
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")


class MclasProtocol(RougeProtocol):
    """Ids of word pieces for Chinese, stemmed words without accents for other languages.

    The tokenizer is used for Chinese only, so that one can be given for both languages of a system.
    Other languages that are written without spaces are not served.
    """

    name: ClassVar[str] = "mclas"
    takes_tokenizer: ClassVar[bool] = True
    splitting = SPLITTING

    def __init__(self, language: str, tokenizer: Optional[Path] = None) -> None:
        super().__init__(language, tokenizer)
        self._model: Optional[PieceModel] = None
        if not _is_chinese(language):
            self.token_kind, self.stemming, self.summary_level = "word-no-accent", "porter", "yes"
            self._stemmer = porter()
            return
        if tokenizer is None:
            raise need_tokenizer(self.name, language, "the vocabulary of multilingual BERT")
        self._model = WordPieceModel(tokenizer)
        self.token_kind = f"wordpiece-{self._model.sha256[:8]}"
        self.summary_level = "no"

    @classmethod
    def serves(cls, language: str) -> bool:
        """Chinese, and every language with spaces between words."""
        return _is_chinese(language) or not is_unspaced(language)

    def split_sentences(self, text: str) -> list[str]:
        """Cut after sentence marks, which are pieces too."""
        return split_after_marks(text)

    def words(self, sentence: str) -> list[str]:
        """Ids of word pieces, or lower-cased words without accents."""
        if self._model is not None:
            return [piece.id for piece in self._model.encode(sentence)]
        return _WORD.findall(_ACCENT.sub("", normalize("NFKD", sentence.lower())))

    def stem(self, token: str) -> str:
        """The Porter stem of a word; an id as it is."""
        return token if self._model is not None else self._stemmer(token)

    def tokenise(self, text: str) -> list[list[str]]:
        """The tokens of a text, sentence by sentence; pieces are those of the whole text."""
        return super().tokenise(text) if self._model is None else self._model.sentences(text)

    def lost_share(self, texts: Iterable[str]) -> float:
        """Share in [0, 1] of the letters that end up in no token, or of unknown pieces."""
        if self._model is None:
            return super().lost_share(texts)
        return self._model.unknown_share(texts)


def _is_chinese(language: str) -> bool:
    return language.split("-")[0].lower() == "zh"

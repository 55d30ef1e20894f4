"""Protocol `subword`: the ids of a given SentencePiece model, as mGLM is scored.

For every language. Nothing is stemmed, punctuation counts, and ROUGE-L is meant at sentence level.
The numbers say nothing without the model; the signature holds the beginning of its SHA-256.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Optional

from mclas_fairseq.evaluation.protocols.base import RougeProtocol
from mclas_fairseq.evaluation.protocols.pieces import SentencePieceModel, need_tokenizer
from mclas_fairseq.evaluation.protocols.sentences import SPLITTING, split_after_marks


class SubwordProtocol(RougeProtocol):
    """Ids of a SentencePiece model."""

    name: ClassVar[str] = "subword"
    takes_tokenizer: ClassVar[bool] = True
    splitting = SPLITTING
    summary_level = "no"

    def __init__(self, language: str, tokenizer: Optional[Path] = None) -> None:
        super().__init__(language, tokenizer)
        if tokenizer is None:
            raise need_tokenizer(self.name, language, "a SentencePiece model")
        self._model = SentencePieceModel(tokenizer)
        self.token_kind = f"spm-{self._model.sha256[:8]}"

    def split_sentences(self, text: str) -> list[str]:
        """Cut after sentence marks, which are pieces too."""
        return split_after_marks(text)

    def words(self, sentence: str) -> list[str]:
        """The ids of a sentence that stands alone."""
        return [piece.id for piece in self._model.encode(sentence)]

    def tokenise(self, text: str) -> list[list[str]]:
        """The ids of the whole text, sentence by sentence."""
        return self._model.sentences(text)

    def lost_share(self, texts: Iterable[str]) -> float:
        """Share in [0, 1] of the pieces that the model does not know."""
        return self._model.unknown_share(texts)

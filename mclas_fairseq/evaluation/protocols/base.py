"""What a ROUGE protocol is: the rules that turn a text into the tokens that ROUGE compares.

The same output scores 20 or 42 ROUGE-1 points depending on these rules, so they have a name, and
every number is shown with the signature of its protocol. A protocol is one small class; the n-gram
engine (`evaluation/rouge.py`) is the same for all of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Optional
from unicodedata import normalize

from mclas_fairseq.corpus.languages import normal_code
from mclas_fairseq.evaluation.code_points import blocks, count_letters


class RougeProtocol(ABC):
    """Tokenisation, stemming and sentence splitting for one language.

    Args:
        language: code of the language of the texts.
        tokenizer: file or folder of a tokenizer, for a protocol that needs one.

    Attributes:
        name: what `--protocol` calls it.
        languages: the codes it is defined for; None: every language.
        marks: marks of other programs that it knows what to do with, in lower case.
        takes_tokenizer: whether it needs a tokenizer for some language.
        language: its code as signatures write it: `en` where `EN` was given.
        token_kind: the signature's `tok`: what a token is.
        stemming: the signature's `stem`: the stemmer, or "no".
        splitting: the signature's `split`: where a text is cut into sentences for ROUGE-Lsum.
        summary_level: the signature's `lsum`: whether those who publish under the protocol mean
            `rougeLsum` by ROUGE-L ("yes") or `rougeL` ("no"); "both": there is no such habit.
    """

    name: ClassVar[str]
    languages: ClassVar[Optional[tuple[str, ...]]] = None
    marks: ClassVar[tuple[str, ...]] = ()
    takes_tokenizer: ClassVar[bool] = False
    token_kind: str
    stemming: str = "no"
    splitting: str
    summary_level: str = "both"

    def __init__(self, language: str, tokenizer: Optional[Path] = None) -> None:
        self.language = normal_code(language)
        self._tokenizer_path = tokenizer

    def __reduce__(self) -> tuple[type["RougeProtocol"], tuple[str, Optional[Path]]]:
        """To another process go the arguments: tokenizers and their caches are made there anew."""
        return type(self), (self.language, self._tokenizer_path)

    @classmethod
    def serves(cls, language: str) -> bool:
        """Say whether the protocol is defined for the language (its regional variants included)."""
        return cls.languages is None or language.split("-")[0].lower() in cls.languages

    @abstractmethod
    def split_sentences(self, text: str) -> list[str]:
        """Cut a text into its sentences; marks that only end sentences may be left out."""

    @abstractmethod
    def words(self, sentence: str) -> list[str]:
        """The tokens of a sentence before stemming; no token holds white space."""

    def stem(self, token: str) -> str:
        """Reduce a token to what is compared; here: the token itself."""
        return token

    def tokenise(self, text: str) -> list[list[str]]:
        """The tokens of a text, sentence by sentence; sentences without tokens are left out."""
        sentences = [self.words(sentence) for sentence in self.split_sentences(text)]
        if self.stemming == "no":  # then `stem` leaves every token as it is
            return [sentence for sentence in sentences if sentence]
        return [[self.stem(token) for token in sentence] for sentence in sentences if sentence]

    def tokens(self, text: str) -> list[str]:
        """The tokens of all sentences in a row."""
        return [token for sentence in self.tokenise(text) for token in sentence]

    def lost_share(self, texts: Iterable[str]) -> float:
        """Share in [0, 1] of the texts' letters that end up in no token.

        Near 0 for texts in a script that the protocol reads, near 1 for another one.
        """
        before = after = 0
        for block in blocks(texts):
            before += count_letters(normalize("NFKC", "\n".join(block)))
            after += self._kept_letters(block)
        return max(0.0, 1.0 - after / before) if before else 0.0

    def _kept_letters(self, texts: Sequence[str]) -> int:
        """How many letters the tokens of texts have, before stemming."""
        tokens = (
            token
            for text in texts
            for sentence in self.split_sentences(text)
            for token in self.words(sentence)
        )
        return count_letters("".join(tokens))

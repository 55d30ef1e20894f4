"""Protocol `ncls`: what ROUGE-1.5.5 through `files2rouge` did to the outputs of NCLS, ATS and VHM.

Zhu et al., "NCLS: Neural Cross-Lingual Summarization" (2019) and the papers that compare themselves
with it print such numbers for Zh2EnSum (into English) and En2ZhSum (into Chinese). English: runs of
`[a-z0-9]`, Porter-stemmed, sentences cut at a free-standing full stop. Chinese: characters, with
runs of Latin letters and of digits kept whole and punctuation counted; the Chinese full stop only
cuts sentences, and the marks `<t>` and `</t>` of the published files count as nothing. What these
papers call ROUGE-L is `rougeLsum` here.
"""

from pathlib import Path
from typing import ClassVar, Optional

import regex

from mclas_fairseq.evaluation.protocols.base import RougeProtocol
from mclas_fairseq.evaluation.protocols.stemming import porter

_FREE_FULL_STOP = regex.compile(r"(?<!\S)\.(?!\S)|\n")
_LATIN = regex.compile(r"[a-z0-9]+")
_CHINESE_FULL_STOP = regex.compile(r"[。\n]")
_CHINESE = regex.compile(r"[a-z]+|[0-9]+|\S")
_SENTENCE_TAG = regex.compile(r"</?t>")


class NclsProtocol(RougeProtocol):
    """The published protocol of Zh2EnSum and En2ZhSum."""

    name: ClassVar[str] = "ncls"
    languages: ClassVar[tuple[str, ...]] = ("en", "zh")
    # Published outputs have all three, and the published numbers count the last one's letters.
    marks: ClassVar[tuple[str, ...]] = ("<t>", "</t>", "<unk>")
    summary_level = "yes"

    def __init__(self, language: str, tokenizer: Optional[Path] = None) -> None:
        super().__init__(language, tokenizer)
        self._chinese = language.split("-")[0].lower() == "zh"
        self.token_kind = "char+punct" if self._chinese else "a-z0-9"
        self.stemming = "no" if self._chinese else "porter"
        self.splitting = "fullstop"
        self._stemmer = None if self._chinese else porter()

    def split_sentences(self, text: str) -> list[str]:
        """Cut at the Chinese full stop, or at a full stop between spaces."""
        if self._chinese:
            return _CHINESE_FULL_STOP.split(_SENTENCE_TAG.sub(" ", text))
        return _FREE_FULL_STOP.split(text)

    def words(self, sentence: str) -> list[str]:
        """Lower-cased tokens before stemming."""
        return (_CHINESE if self._chinese else _LATIN).findall(sentence.lower())

    def stem(self, token: str) -> str:
        """The Porter stem of an English word; a Chinese token as it is."""
        return token if self._stemmer is None else self._stemmer(token)

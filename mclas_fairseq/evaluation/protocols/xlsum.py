"""Protocol `xlsum`: the scorer of XL-Sum, which CrossSum and ClidSum use too.

Hasan et al., "XL-Sum: Large-Scale Multilingual Abstractive Summarization for 44 Languages" (2021,
arXiv:2106.13822). Text in lower case loses its punctuation and is cut into words: by a segmenter
for Chinese (jieba), Japanese (MeCab) and Thai (newmm); in other languages at white space and
between letters, digits and other signs. Words of four letters and more are stemmed in the languages
that have a stemmer there. ROUGE-L is meant at sentence level.

One habit of that scorer is kept, as its numbers rest on it: in Chinese and Thai a space is a token,
and every stretch of white space and punctuation inside a text is a space. Ours is written `␣`. A
Chinese text that comes as single characters with spaces between them is put together first: half of
its tokens would be spaces, which always match.

Differences: stop words, which that scorer leaves as they are, are stemmed too (its lists of them
are a download); some words of Hindi and Turkish get other stems, from Snowball; Bengali is not
stemmed; Japanese is cut sentence by sentence, with the small UniDic. Lao, Khmer and Burmese are not
served, for want of a segmenter.
"""

from pathlib import Path
from typing import ClassVar, Optional

import regex

from mclas_fairseq.corpus.languages import is_unspaced
from mclas_fairseq.evaluation.protocols.base import RougeProtocol
from mclas_fairseq.evaluation.protocols.segmenters import segmenter_for
from mclas_fairseq.evaluation.protocols.sentences import SPLITTING, split_after_marks
from mclas_fairseq.evaluation.protocols.stemming import snowball

SPACE = "␣"

_CONTROL = regex.compile(r"(?V1)[\p{C}--[\t\n\r]]|\ufffd")
_PUNCTUATION = regex.compile(r"[\p{P}!-/:-@\[-`{-~]")
_WORD = regex.compile(r"(?V1)\p{Han}|[\p{L}--\p{Han}][[\p{L}\p{M}]--\p{Han}]*|\p{N}+|\S")
_WRITTEN_TOGETHER = regex.compile(r"\p{Han}{2}")
_BETWEEN_CHARACTERS = regex.compile(r"(?<=\p{Han})\s+(?=\p{Han})")
_SEGMENTED = frozenset({"zh", "ja", "th"})


class XlsumProtocol(RougeProtocol):
    """Words by language, without punctuation."""

    name: ClassVar[str] = "xlsum"
    splitting = SPLITTING
    summary_level = "no"

    def __init__(self, language: str, tokenizer: Optional[Path] = None) -> None:
        super().__init__(language, tokenizer)
        self._chinese = language.split("-")[0].lower() == "zh"
        self._segmenter = segmenter_for(language)
        self._stemmer = snowball(language)
        self.token_kind = "word" if self._segmenter is None else self._segmenter.name
        self.stemming = "no" if self._stemmer is None else "snowball"

    @classmethod
    def serves(cls, language: str) -> bool:
        """Every language with spaces between words or a segmenter."""
        return not is_unspaced(language) or language.split("-")[0].lower() in _SEGMENTED

    def split_sentences(self, text: str) -> list[str]:
        """Cut after sentence marks and line breaks."""
        return split_after_marks(text)

    def words(self, sentence: str) -> list[str]:
        """Lower-cased words without punctuation."""
        clean = _PUNCTUATION.sub(" ", _CONTROL.sub("", sentence.lower()))
        text = " ".join(clean.split())
        if self._segmenter is None:
            return _WORD.findall(text)
        words = self._segmenter.cut(text)
        return [word if word.strip() else SPACE for word in words]

    def stem(self, token: str) -> str:
        """The stem of a word, where the language has a stemmer."""
        return token if self._stemmer is None else self._stemmer(token)

    def tokenise(self, text: str) -> list[list[str]]:
        """The tokens of a text, sentence by sentence; a space between two belongs to the first."""
        if self._chinese and _WRITTEN_TOGETHER.search(text) is None:
            text = _BETWEEN_CHARACTERS.sub("", text)
        sentences = super().tokenise(text)
        if self._segmenter is not None and self._segmenter.keeps_spaces:
            for sentence in sentences[:-1]:
                sentence.append(SPACE)
        return sentences

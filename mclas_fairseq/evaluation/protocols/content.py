"""Content words: a text without its function words and punctuation.

Half of the words of a summary are articles, prepositions and auxiliaries. A long constant summary
matches them in every reference, while what the document is about does not count: people's German
one-sentence summaries are not above the best constant summary by ROUGE-1, and far above it by
content words. The words are those of protocol `default`, not stemmed; in Chinese, Japanese and Thai
those of the segmenters of protocol `xlsum`. Which of them are function words is said by the lists
of the package `stopwordsiso` (Stopwords ISO), whose version stands in the signature. Words with a
digit always stay.

Place in the pipeline: content ROUGE and "matched minus shuffled" (`evaluation/content.py`). It is
no `--protocol` of its own, as no other metric is defined on content words.
"""

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Optional
from unicodedata import normalize

import regex
import stopwordsiso

from mclas_fairseq.corpus.languages import is_unspaced
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.protocols.base import RougeProtocol
from mclas_fairseq.evaluation.protocols.default import DefaultProtocol
from mclas_fairseq.evaluation.protocols.xlsum import XlsumProtocol

_DIGIT = regex.compile(r"\p{N}")
_WORD = regex.compile(r"[\p{L}\p{N}]")
# Codes of the lists that are not those of texts: Norwegian Bokmål and Nynorsk have one list.
_LISTS = {"nb": "no", "nn": "no"}


class ContentProtocol(RougeProtocol):
    """The words of another protocol without function words.

    A text of function words alone keeps them: otherwise such a reference would hold nothing to
    compare with.

    Raises:
        ConfigError: there is no list for the language, or no segmenter where one is needed.
        SetupError: the package of the segmenter is not installed.
    """

    name: ClassVar[str] = "content"
    summary_level = "both"

    def __init__(self, language: str, tokenizer: Optional[Path] = None) -> None:
        super().__init__(language, tokenizer)
        if not self.serves(language):
            raise ConfigError(
                f"content words in {language!r}: needs a list of function words and, in a script"
                " without spaces, a segmenter, but there is none for it (lists:"
                f" {', '.join(sorted(stopwordsiso.langs()))}); use metrics over all words, such as"
                " --learned-by rouge1"
            )
        unspaced = is_unspaced(language)
        self._words = XlsumProtocol(language) if unspaced else DefaultProtocol(language)
        self._left_out = function_words(_list_code(language), unspaced)
        self.token_kind = self._words.token_kind
        self.splitting = self._words.splitting
        self.stop_list = f"stopwordsiso-{version('stopwordsiso')}"

    @classmethod
    def serves(cls, language: str) -> bool:
        """Whether there is a list for the language and, where words are not spaced, a segmenter."""
        return stopwordsiso.has_lang(_list_code(language)) and XlsumProtocol.serves(language)

    def split_sentences(self, text: str) -> list[str]:
        """Cut as the protocol does that the words are of."""
        return self._words.split_sentences(text)

    def words(self, sentence: str) -> list[str]:
        """The words of a sentence that are not function words, without punctuation and spaces."""
        return [word for word in self._words.words(sentence) if self.is_content(word)]

    def tokenise(self, text: str) -> list[list[str]]:
        """The content words of a text, sentence by sentence; all its words where it has none."""
        sentences = self._words.tokenise(text)
        kept = [[word for word in sentence if self.is_content(word)] for sentence in sentences]
        if not any(kept):
            kept = [[word for word in sentence if self.is_word(word)] for sentence in sentences]
        return [sentence for sentence in kept if sentence]

    def is_word(self, word: str) -> bool:
        """Whether a token is more than punctuation."""
        return _WORD.search(word) is not None

    def is_content(self, word: str) -> bool:
        """Whether a token is a word that is no function word."""
        return word not in self._left_out and self.is_word(word)

    def is_part_of(self, protocol: RougeProtocol) -> bool:
        """Whether these words are those of a protocol, function words apart."""
        same = type(protocol) is type(self._words)
        return same and protocol.language == self._words.language


@cache
def function_words(code: str, whole_entries: bool) -> frozenset[str]:
    """The words that are left out: those of the list in lower case, none with a digit.

    Args:
        code: of the list.
        whole_entries: entries are words as they are, as a segmenter cuts texts. Otherwise they are
            cut as texts are: "doesn't" to "doesn" and "t".
    """
    entries = [normalize("NFKC", entry).lower() for entry in stopwordsiso.stopwords(code)]
    if not whole_entries:
        rules = DefaultProtocol(code)
        entries = [word for entry in entries for word in rules.words(entry)]
    return frozenset(entry for entry in entries if not _DIGIT.search(entry))


def _list_code(language: str) -> str:
    base = language.split("-")[0].lower()
    return _LISTS.get(base, base)

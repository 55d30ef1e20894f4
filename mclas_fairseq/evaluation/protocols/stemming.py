"""Stemmers of the published protocols: what is stemmed, and each word only once."""

from collections.abc import Callable
from typing import Optional

from mclas_fairseq.evaluation.protocols.nltk_stemmers import porter_stem, snowball_stem


class CachedStemmer:
    """Stems words from a length on; stemming takes ten times as long as everything else.

    Args:
        stem: a stemmer of a word.
        shortest: shorter words stay as they are.
    """

    def __init__(self, stem: Callable[[str], str], *, shortest: int = 4) -> None:
        self._stem = stem
        self._shortest = shortest
        self._stems: dict[str, str] = {}

    def __call__(self, token: str) -> str:
        """The stem of a lower-cased word."""
        if len(token) < self._shortest:
            return token
        if token not in self._stems:
            self._stems[token] = self._stem(token)
        return self._stems[token]


def porter() -> CachedStemmer:
    """Porter's stemmer for words of four letters and more, as in ROUGE-1.5.5."""
    return CachedStemmer(porter_stem())


# Languages that the XL-Sum scorer stems. NLTK's Snowball stemmers are the ones that it uses; for
# two languages it uses others, which follow the same publications as those of snowballstemmer.
_NLTK = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nb": "norwegian",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
}
_SNOWBALL = {"hi": "hindi", "tr": "turkish"}


def snowball(language: str) -> Optional[CachedStemmer]:
    """The Snowball stemmer of a language for words of four letters and more; None: it has none."""
    code = language.split("-")[0].lower()
    if code in _NLTK:
        return CachedStemmer(snowball_stem(_NLTK[code]))
    if code in _SNOWBALL:
        import snowballstemmer

        return CachedStemmer(snowballstemmer.stemmer(_SNOWBALL[code]).stemWord)
    return None

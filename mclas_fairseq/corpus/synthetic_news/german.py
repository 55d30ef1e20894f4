"""German sentences of the synthetic news. Place in the pipeline: one grammar of `realisation`.

The patterns fix word order (verb second, participle last, verb-final clauses), articles and
agreement; what varies is the noun, which is always plural without article: nominative and
accusative are alike, the dative has its own form in the lexicon. Numbers from two on do not change.
"""

from typing import ClassVar

from mclas_fairseq.corpus.synthetic_news.events import Count
from mclas_fairseq.corpus.synthetic_news.grammar import Grammar

_WORDS = (
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
)


class German(Grammar):
    """German: plural nouns with a dative."""

    language = "de"
    number_words: ClassVar = dict(enumerate(_WORDS, start=2))
    conjunction = " und "
    sentence_joint = " "

    def count(self, count: Count, spelled: bool, dative: bool) -> str:
        """For example "12 Arbeiter", dative "12 Arbeitern"."""
        noun = count.group.german_dative if dative else count.group.nouns["de"]
        return f"{self.number(count.number, spelled)} {noun}"

    def finish(self, sentence: str) -> str:
        """Starts with a capital letter."""
        return sentence[0].upper() + sentence[1:]

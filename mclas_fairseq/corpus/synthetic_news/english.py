"""English sentences of the synthetic news. Place in the pipeline: one grammar of `realisation`."""

from typing import ClassVar

from mclas_fairseq.corpus.synthetic_news.events import Count
from mclas_fairseq.corpus.synthetic_news.grammar import Grammar

_WORDS = (
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


class English(Grammar):
    """English: plural nouns, nothing inflected."""

    language = "en"
    number_words: ClassVar = dict(enumerate(_WORDS, start=2))
    conjunction = " and "
    sentence_joint = " "

    def count(self, count: Count, spelled: bool, dative: bool) -> str:
        """For example "12 workers"; numbers are never below two, so always plural."""
        return f"{self.number(count.number, spelled)} {count.group.nouns['en']}"

    def finish(self, sentence: str) -> str:
        """Starts with a capital letter."""
        return sentence[0].upper() + sentence[1:]

"""What a language must be able to do so that patterns can be filled.

Base class of `english`, `german` and `chinese`, which hold what is particular to each: number
words, counted nouns and the final shape of a sentence. Place in the pipeline: under `realisation`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from mclas_fairseq.corpus.synthetic_news.events import LARGEST_SPELLED, Count


class Grammar(ABC):
    """The grammar of one language, as far as the patterns need it."""

    language: ClassVar[str]
    number_words: ClassVar[Mapping[int, str]]
    conjunction: ClassVar[str]
    sentence_joint: ClassVar[str]  # what stands between two sentences of one text

    def number(self, value: int, spelled: bool) -> str:
        """A number in digits, or in words when `spelled` and small enough."""
        if spelled and value <= LARGEST_SPELLED:
            return self.number_words[value]
        return str(value)

    def counted(self, counts: Sequence[Count], spelled: bool, dative: bool = False) -> str:
        """Counted groups joined by "and", such as "8 women and 5 men"."""
        return self.conjunction.join(self.count(count, spelled, dative) for count in counts)

    @abstractmethod
    def count(self, count: Count, spelled: bool, dative: bool) -> str:
        """One counted group; only German tells the dative apart."""

    @abstractmethod
    def finish(self, sentence: str) -> str:
        """A filled pattern as a proper sentence: capital letter, or spaces around Latin words."""

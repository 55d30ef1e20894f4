"""Which pairs of summaries that one call of CTranslate2 wrote are hypotheses of the grammar.

A call has one list, for a pair that of both summaries, and knows neither lengths nor repetitions of
each. So what comes of it is looked at here. Where the best of a wider search keeps to the grammar,
a search within the grammar had every step of it open as well: greedy search finds the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mclas_fairseq.ctranslate.symbols import Symbols


@dataclass(frozen=True)
class PairRules:
    """What makes a pair a hypothesis of one plan.

    Attributes:
        allowed: ids that the first and the second summary may hold.
        separator: id between them.
        eos: id that ends the second.
        shortest: fewest tokens of a summary.
        longest: most tokens of a summary.
        ngram: length of n-grams that no summary may hold twice; 0: it may hold all.
    """

    allowed: tuple[frozenset[int], frozenset[int]]
    separator: int
    eos: int
    shortest: int
    longest: int
    ngram: int

    @classmethod
    def of(
        cls, symbols: Symbols, plan: int, *, separator: int, lengths: tuple[int, int], ngram: int
    ) -> "PairRules":
        """The rules of a plan by its number; `lengths` are the fewest and the most tokens."""
        ends = {separator, symbols.special.eos}
        first, second = (symbols.listed(number) - ends for number in symbols.list_of[plan])
        return cls((first, second), separator, symbols.special.eos, *lengths, ngram)

    def keep(self, tokens: Sequence[int]) -> bool:
        """Whether ids are a pair by these rules, with what ends both summaries."""
        if tokens[-1] != self.eos or self.separator not in tokens:
            return False
        middle = tokens.index(self.separator)
        summaries = tokens[:middle], tokens[middle + 1 : -1]
        return all(
            self.shortest <= len(summary) <= self.longest
            and allowed.issuperset(summary)
            and not self._repeats(summary)
            for summary, allowed in zip(summaries, self.allowed, strict=True)
        )

    def _repeats(self, summary: Sequence[int]) -> bool:
        every = [tuple(summary[n : n + self.ngram]) for n in range(len(summary) - self.ngram + 1)]
        return self.ngram > 0 and len(set(every)) < len(every)

"""The symbols of a model in CTranslate2's form: several language vocabularies in one model.

CTranslate2 restricts what is written by a map from tokens that were read to tokens that may be
written, and has one such map for a model. What is read here closes with a token of its own for each
list of entries that a summary, or both of a document, may hold: a marker. All markers have the
embedding of EOS, so that the encoder computes what it always does, and the map gives each its list.
The output projection is then computed for the list alone, and probabilities are those over the
list, as in our search.

The second summary is written with the first one given. Pieces of it that the second may hold, too
(names, numbers), are given under second names, with the same embeddings: n-grams of the first
summary do not count in the second, and what was given joins no list.

So a model has a row for each marker and each second name more than its dictionary has, in the
embedding that encoder, decoder and projection share, and nothing twice. A symbol's name is the
number of its row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Optional

from mclas_fairseq.generation.grammar import SummaryGrammar

# On a GPU CTranslate2 rounds the rows of the projection up, and forgets a list only where there is
# nothing to round.
_MULTIPLE = 16


Entries = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the dictionary's own symbols."""

    bos: int
    pad: int
    eos: int
    unk: int


@dataclass(frozen=True)
class Symbols:
    """Rows of the embeddings, and lists of them.

    Attributes:
        size: entries of the dictionary, V; they have the first rows.
        special: the dictionary's own symbols.
        lists: what a summary may hold and what ends it, or what two may, sorted, each once.
        list_of: number of the list of each summary of each plan of the grammar.
        pair_of: number of the list of both summaries of each plan; none where it has one summary.
        shared: entries that have second names, sorted: (K,) of them, whose rows are next.
    """

    size: int
    special: SpecialIds
    lists: tuple[tuple[int, ...], ...]
    list_of: tuple[tuple[int, ...], ...]
    pair_of: tuple[Optional[int], ...]
    shared: tuple[int, ...]

    @classmethod
    def of(cls, grammar: SummaryGrammar, dictionary: Any) -> "Symbols":
        """The symbols that a grammar over a dictionary needs."""
        lists, list_of, pair_of = cls.lists_of(grammar)
        shared: set[int] = set()
        for plan in grammar.plans:
            if len(plan.allowed) > 1:
                shared.update((plan.allowed[0] & plan.allowed[1]).nonzero().flatten().tolist())
        special = SpecialIds(dictionary.bos(), dictionary.pad(), dictionary.eos(), dictionary.unk())
        return cls(len(dictionary), special, lists, list_of, pair_of, tuple(sorted(shared)))

    @staticmethod
    def lists_of(
        grammar: SummaryGrammar,
    ) -> tuple[Entries, tuple[tuple[int, ...], ...], tuple[Optional[int], ...]]:
        """`lists`, `list_of` and `pair_of` of a grammar."""
        lists: dict[tuple[int, ...], int] = {}
        list_of: list[tuple[int, ...]] = []
        pair_of: list[Optional[int]] = []
        for plan in grammar.plans:
            ends = (grammar.eos,) if plan.separator is None else (plan.separator, grammar.eos)
            numbers = []
            for mask, end in zip(plan.allowed, ends[-len(plan.allowed) :], strict=True):
                entries = tuple(sorted({*mask.nonzero().flatten().tolist(), end}))
                numbers.append(lists.setdefault(entries, len(lists)))
            list_of.append(tuple(numbers))
            both = [entry for number in numbers for entry in list(lists)[number]]
            pair = lists.setdefault(tuple(sorted(set(both))), len(lists))
            pair_of.append(None if plan.separator is None else pair)
        return tuple(lists), tuple(list_of), tuple(pair_of)

    @property
    def copied(self) -> list[int]:
        """Entries whose embeddings the rows behind the dictionary's have (K + L and a few)."""
        used = self.size + len(self.shared) + len(self.lists)
        filling = -used % _MULTIPLE
        return [*self.shared, *[self.special.eos] * (len(self.lists) + filling)]

    @property
    def names(self) -> list[str]:
        """Names of all rows."""
        return [str(row) for row in range(self.size + len(self.copied))]

    def marker(self, number: int) -> str:
        """What closes a document whose summary is to be of the list `number`."""
        return str(self.size + len(self.shared) + number)

    def listed(self, number: int) -> frozenset[int]:
        """The list `number`, as a set."""
        return self._sets[number]

    @cached_property
    def _sets(self) -> tuple[frozenset[int], ...]:
        return tuple(map(frozenset, self.lists))

    @cached_property
    def _second_names(self) -> dict[int, str]:
        return {entry: str(self.size + place) for place, entry in enumerate(self.shared)}

    def given(self, tokens: Sequence[int], *, apart: bool) -> list[str]:
        """Names under which a summary that is written already is given.

        Args:
            tokens: its ids.
            apart: whether its n-grams are not to count in what is written next.
        """
        seconds = self._second_names if apart else {}
        return [seconds.get(token) or str(token) for token in tokens]

    def vocabulary_map(self) -> str:
        """CTranslate2's map: a line for each marker, with the list that it stands for."""
        return "".join(
            f"{self.marker(number)}\t{' '.join(map(str, entries))}\n"
            for number, entries in enumerate(self.lists)
        )

"""Scores of labels: token accuracy, and F1 of spans by the rules of conlleval.

A span is a run of tags of one type; which tag begins and which ends one is as in conlleval.pl of
CoNLL 2000 and in seqeval's default mode, for tags that are no proper IOB2 too: an I- after O or
after another type begins a span, and so does every B-.

Chunk F1 is the same on bare tags, as Ma et al. (2021) report parts of speech: their code gives UPOS
tags to seqeval, which takes the first letter of a tag as its mark and the rest as its type. Equal
neighbours melt into one chunk (NOUN NOUN), those that begin with S never do (SYM SYM). It is here
to compare with; a tag's accuracy is what one wants to know. (The tag X, one letter, is lost by
seqeval at the edges of sentences; here it is a chunk as others are.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

Span = tuple[str, int, int]  # type, first and last word

_CLOSES = {("B", "B"), ("B", "S"), ("B", "O"), ("I", "B"), ("I", "S"), ("I", "O")}


@dataclass(frozen=True)
class LabelCounts:
    """What scores are made of; counts of sentences can be added.

    Attributes:
        words: how many.
        right: of them with the right tag.
        common: spans that both have.
        found: spans of the hypothesis.
        gold: spans of the reference.
    """

    words: int = 0
    right: int = 0
    common: int = 0
    found: int = 0
    gold: int = 0

    def __add__(self, other: "LabelCounts") -> "LabelCounts":
        pairs = zip(self.values(), other.values(), strict=True)
        return LabelCounts(*(one + two for one, two in pairs))

    def values(self) -> tuple[int, int, int, int, int]:
        """The counts, in the order of the attributes."""
        return self.words, self.right, self.common, self.found, self.gold

    @property
    def accuracy(self) -> float:
        """Share of the words with the right tag, 0 to 1."""
        return self.right / self.words if self.words else 0.0

    @property
    def precision(self) -> float:
        """Share of the spans found that are gold, 0 to 1."""
        return self.common / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold spans that were found, 0 to 1."""
        return self.common / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 where there is nothing in common."""
        total = self.found + self.gold
        return 2 * self.common / total if total else 0.0


def spans(tags: Sequence[str]) -> list[Span]:
    """Spans of a sentence's tags, in order."""
    found: list[Span] = []
    mark, kind, begin = "O", "_", 0
    for place, tag in enumerate([*tags, "O"]):
        new_mark, new_kind = _parts(tag)
        if _ends(mark, kind, new_mark, new_kind):
            found.append((kind, begin, place - 1))
        if _begins(mark, kind, new_mark, new_kind):
            begin = place
        mark, kind = new_mark, new_kind
    return found


def count(hypothesis: Sequence[str], reference: Sequence[str]) -> LabelCounts:
    """Counts of one sentence, whose two rows of tags are as long."""
    pairs = zip(hypothesis, reference, strict=True)
    found, gold = set(spans(hypothesis)), set(spans(reference))
    return LabelCounts(
        len(reference),
        sum(one == two for one, two in pairs),
        len(found & gold),
        len(found),
        len(gold),
    )


def _parts(tag: str) -> tuple[str, str]:
    """Mark and type: of B-PER B and PER, of the bare NOUN N and OUN."""
    kind = tag[1:].split("-", maxsplit=1)[-1]
    return tag[0], kind or "_"


def _ends(mark: str, kind: str, new_mark: str, new_kind: str) -> bool:
    """Whether a span that goes on at one tag ends before the next one."""
    if mark == "O":
        return False
    return mark in "ES" or (mark, new_mark) in _CLOSES or kind != new_kind or new_mark == "O"


def _begins(mark: str, kind: str, new_mark: str, new_kind: str) -> bool:
    """Whether a span begins at the second of two tags."""
    if new_mark == "O":
        return False
    return (
        new_mark in "BS" or (mark in "ES" and new_mark in "EI") or mark == "O" or kind != new_kind
    )

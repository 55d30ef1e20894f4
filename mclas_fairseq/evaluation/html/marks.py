"""A summary's text with marks around the numbers and names that its document does not have."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from mclas_fairseq.evaluation import names, numbers
from mclas_fairseq.evaluation.names import NameRule


@dataclass(frozen=True)
class Mark:
    """A part of a text, from `start` to before `end`: kind "number" or "name"."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Evidence:
    """What a document has: its numbers and words, in the forms in which they are compared."""

    numbers: frozenset[str]
    words: frozenset[str]

    @classmethod
    def of(cls, document: str) -> "Evidence":
        """Read a document."""
        return cls(numbers.known_numbers(document), names.known_words(document))


def find_marks(text: str, evidence: Evidence, rule: NameRule) -> list[Mark]:
    """Numbers and names of a text that are not in its document, in order, none overlapping."""
    found = [
        Mark(start, end, "name")
        for start, end in rule.find(text)
        if not names.is_known(text[start:end], evidence.words)
    ]
    taken = [range(mark.start, mark.end) for mark in found]
    found += [
        Mark(number.start, number.end, "number")
        for number in numbers.find_numbers(text)
        if not numbers.is_known(number, evidence.numbers)
        and not any(number.start in place for place in taken)
    ]
    return sorted(found, key=lambda mark: mark.start)


def marked(text: str, marks: Sequence[Mark]) -> str:
    """The text as HTML, with everything escaped and the marks in it."""
    titles = {"number": "number not in the document", "name": "name not in the document"}
    pieces, place = [], 0
    for mark in marks:
        pieces.append(escape(text[place : mark.start]))
        inner = escape(text[mark.start : mark.end])
        pieces.append(f'<mark class="{mark.kind}" title="{titles[mark.kind]}">{inner}</mark>')
        place = mark.end
    return "".join([*pieces, escape(text[place:])])

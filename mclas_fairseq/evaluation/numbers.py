"""Numbers in a text, compared by value: 1,234.5 in English is 1.234,5 in German.

A number written in digits has one or several readings, because a point or comma can separate
thousands or decimals; two numbers agree when a reading of one is a reading of the other. A word for
thousands, millions or more behind it multiplies it ("1.2 million", "120万"). Numbers in words
("three", "三") are not read.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import regex

_GROUPED_BY_SPACE = r"\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3})+(?!\d)"
_NUMBER = regex.compile(
    rf"(?<!\d)(?:{_GROUPED_BY_SPACE}|\d+)(?:[.,'’\u066b\u066c]\d+)*", regex.VERSION1
)
_SEPARATORS = regex.compile(r"[.,'’\u066b\u066c \u00a0\u2009\u202f]")
_DECIMAL_MARKS = ".,\u066b"
_UNITS = {
    "thousand": 10**3, "tausend": 10**3, "mille": 10**3,
    "million": 10**6, "millions": 10**6, "millionen": 10**6, "mio": 10**6, "milioni": 10**6,
    "billion": 10**9, "billions": 10**9, "milliarde": 10**9, "milliarden": 10**9, "mrd": 10**9,
    "milliard": 10**9, "milliards": 10**9, "miliardi": 10**9,
    "千": 10**3, "万": 10**4, "萬": 10**4, "百万": 10**6, "亿": 10**8, "億": 10**8,
}  # fmt: skip
_UNIT = regex.compile(
    r"\s?({})(?![\p{{Latin}}])".format("|".join(sorted(_UNITS, key=len, reverse=True))),
    regex.IGNORECASE,
)


@dataclass(frozen=True)
class Number:
    """A number in a text.

    Attributes:
        start: place of its first digit.
        end: place after its last digit.
        readings: what it can mean, in a normal form.
        parts: of a date, a version or two numbers with a space between, what they are made of.
    """

    start: int
    end: int
    readings: frozenset[str]
    parts: frozenset[str]


def find_numbers(text: str) -> Iterator[Number]:
    """The numbers of a text, in digits of any script."""
    for match in _NUMBER.finditer(text):
        unit = _UNIT.match(text, match.end())
        scale = _UNITS[unit[1].lower()] if unit else 1
        values = _values(match[0])
        chained = not values or " " in match[0]
        groups = _SEPARATORS.split(match[0]) if chained else []
        yield Number(
            start=match.start(),
            end=match.end(),
            readings=frozenset(_normal(value * factor) for value in values for factor in (1, scale))
            or frozenset([match[0]]),
            parts=frozenset(_normal(Decimal(_ascii(group))) for group in groups),
        )


def known_numbers(text: str) -> frozenset[str]:
    """All readings of all numbers of a text, and of their parts."""
    return frozenset(
        reading for number in find_numbers(text) for reading in number.readings | number.parts
    )


def is_known(number: Number, known: frozenset[str]) -> bool:
    """Whether one of a number's readings is known, or, of a date and the like, all its parts."""
    return bool(number.readings & known) or (bool(number.parts) and number.parts <= known)


def _values(token: str) -> set[Decimal]:
    """What a number can mean; nothing for dates and other chains of numbers."""
    groups = [_ascii(group) for group in _SEPARATORS.split(token)]
    marks = _SEPARATORS.findall(token)
    if not marks:
        return {Decimal(groups[0])}
    values = set()
    if _is_grouped(groups, marks):
        values.add(Decimal("".join(groups)))
    is_decimal = marks[-1] in _DECIMAL_MARKS and marks[-1] not in marks[:-1]
    if is_decimal and _is_grouped(groups[:-1], marks[:-1]):
        values.add(Decimal("".join(groups[:-1]) + "." + groups[-1]))
    return values


def _is_grouped(groups: list[str], marks: list[str]) -> bool:
    """Whether the marks can separate thousands: one kind of mark, three digits after each."""
    same = all(first == second for first, second in pairwise(marks))
    return same and (not marks or (len(groups[0]) <= 3 and all(len(g) == 3 for g in groups[1:])))


def _ascii(digits: str) -> str:
    return "".join(str(unicodedata.digit(char)) for char in digits)


def _normal(value: Decimal) -> str:
    """Without zeros that do not change the value: 007 is 7, 3.50 is 3.5."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).lstrip("0") or "0"

"""Cells of CSV files that spreadsheet programs open as they are: no text may run as a formula."""

import re

# What makes a cell a formula, full-width forms included, which Excel reads as their plain ones.
_SIGNS = tuple("=+-@＝＋－＠")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet program could run a text: it begins with a sign, and is no number."""
    return text.lstrip().startswith(_SIGNS) and _NUMBER.fullmatch(text.strip()) is None


def guarded(text: str) -> str:
    """A text as a cell: with an apostrophe in front, which makes it a text, where it could run."""
    return f"'{text}" if is_formula(text) else text

"""Cutting a summary into sentences for translation, and joining translated ones.

Marks stay with their sentence: a translator needs them. Sentences end at `.`, `!`, `?` or an
ellipsis, with closing quotes or brackets, before white space and anything but a small letter; and
at any other mark that Unicode calls a sentence terminator (the Chinese full stop, the danda).
Names such as "Dr. Jones" are cut, as ROUGE's default protocol cuts them.
"""

from collections.abc import Iterable

import regex

from mclas_fairseq.corpus.languages import is_unspaced

_BETWEEN = regex.compile(
    r"""(?V1)
      (?<=[.!?…][\p{Pe}\p{Pf}"']*) \s+ (?!\p{Ll})
    | (?<=[\p{Sentence_Break=STerm}--[.!?…]][\p{Pe}\p{Pf}"']*) (?![\p{Pe}\p{Pf}"'\p{STerm}]) \s*
    """,
    regex.VERBOSE,
)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, marks included; joined again they are the text but for spaces."""
    return [sentence for sentence in _BETWEEN.split(text) if sentence]


def join_sentences(sentences: Iterable[str], language: str) -> str:
    """One text, with spaces between sentences where the language writes them."""
    filled = (sentence for sentence in sentences if sentence)
    return ("" if is_unspaced(language) else " ").join(filled)

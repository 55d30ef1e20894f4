"""Where sentences end: cutting a summary into them, and joining them again.

Marks stay with their sentence: a translator needs them. Sentences end at `.`, `!`, `?` or an
ellipsis, with closing quotes or brackets, before white space and anything but a small letter; and
at any other mark that Unicode calls a sentence terminator (the Chinese full stop, the danda).
Names such as "Dr. Jones" are cut, as ROUGE's default protocol cuts them.
"""

from collections.abc import Iterable

import regex

from mclas_fairseq.corpus.languages import is_unspaced


def _between(not_before: str) -> regex.Pattern[str]:
    """What stands between two sentences, the second of which begins with anything but this."""
    return regex.compile(
        r"""(?V1)
          (?<=[.!?…][\p{Pe}\p{Pf}"']*) \s+ NOT_BEFORE
        | (?<=[\p{Sentence_Break=STerm}--[.!?…]][\p{Pe}\p{Pf}"']*) (?![\p{Pe}\p{Pf}"'\p{STerm}]) \s*
        """.replace("NOT_BEFORE", not_before),
        regex.VERBOSE,
    )


_BETWEEN = _between(r"(?!\p{Ll})")
_IN_SMALL_LETTERS = _between("")
_CAPITAL = regex.compile(r"\p{Lu}")


def sentence_ends(text: str) -> list[int]:
    """Where sentences end that another one follows: offsets behind their last mark.

    In a text without capitals a small letter begins sentences as well.
    """
    between = _BETWEEN if _CAPITAL.search(text) else _IN_SMALL_LETTERS
    return [found.start() for found in between.finditer(text) if found.start() > 0]


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, marks included; joined again they are the text but for spaces."""
    return [sentence for sentence in _BETWEEN.split(text) if sentence]


def join_sentences(sentences: Iterable[str], language: str) -> str:
    """One text, with spaces between sentences where the language writes them."""
    filled = (sentence for sentence in sentences if sentence)
    return ("" if is_unspaced(language) else " ").join(filled)

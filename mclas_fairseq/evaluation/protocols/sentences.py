"""Where a text is cut into sentences for ROUGE-Lsum, by protocols that have no rule of their own.

Sentences end in the same places in every language: at a line break; at `.`, `!`, `?` or an ellipsis
before white space; at any other mark that Unicode calls a sentence terminator (the Chinese full
stop, the danda, the Arabic question mark, ...), with or without white space. Abbreviations such as
"Dr. Jones" are therefore cut, and Thai or Lao, which have no such mark, are cut at line breaks
only.
"""

import regex

SPLITTING = "marks"  # what signatures call this rule

_END = regex.compile(
    r"""(?V1)
      [.!?…]+ [\p{Pe}\p{Pf}"']* (?=\s|$)    # needs white space: 3.5 and z.B. are not cut
    | [\p{Sentence_Break=STerm}--[!?]]+     # 。 ！ ？ । ؟ ۔ ...
    | [\r\n\u2028\u2029]+
    """,
    regex.VERBOSE,
)


def split_at_marks(text: str) -> list[str]:
    """The sentences of a text without the marks that end them."""
    return [sentence for sentence in _END.split(text) if sentence]


def split_after_marks(text: str) -> list[str]:
    """The sentences of a text, each with the marks that end it; joined, they are the text."""
    ends = [found.end() for found in _END.finditer(text)]
    starts = [0, *ends]
    pieces = [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]
    return [piece for piece in pieces if piece]

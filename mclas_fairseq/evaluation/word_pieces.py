"""Whether texts are whole words, or still the pieces that a model writes.

Outputs that were never put together again ("▁the ▁rent al", "ren@@ tal", "rent ##al") score a
little too low rather than 0, so nobody notices. Place in the pipeline: between reading and scoring.
"""

from collections.abc import Iterable

import regex

from mclas_fairseq.errors import DataError

# Above this share of the texts, marks are no accident. Not all of them need to have some: subword
# BPE and WordPiece mark only words of several pieces.
MOST_MARKED = 0.2

_MARKS = {
    "▁": (regex.compile(r"(?<!\S)▁\S"), "sed 's/ //g; s/▁/ /g' joins those of SentencePiece"),
    "@@": (regex.compile(r"\S@@(?!\S)"), "sed 's/@@ //g' joins those of subword BPE"),
    "##": (regex.compile(r"(?<!\S)##\p{L}"), "sed 's/ ##//g' joins those of WordPiece"),
}


def check_whole_words(origin: str, texts: Iterable[str]) -> None:
    """Refuse texts that are in pieces.

    Args:
        origin: the file or the system that the texts come from.
        texts: all of one side: hypotheses or references.

    Raises:
        DataError: more than a fifth of the texts that are not empty have pieces; the message says
            how many, and how they are joined.
    """
    written = [text for text in texts if text.strip()]
    for mark, (pattern, remedy) in _MARKS.items():
        count = sum(mark in text and pattern.search(text) is not None for text in written)
        if count > MOST_MARKED * len(written):
            raise DataError(
                f"{origin}: texts must be whole words, but {count} of {len(written)} are in a"
                f" model's pieces (marked {mark}); join them before scoring: {remedy}"
            )

"""Cutting a text to a number of words, at the end of a sentence where there is one."""

import re

from mclas_fairseq.corpus.languages import is_unspaced
from mclas_fairseq.corpus.sentences import sentence_ends


def shorten(text: str, max_words: int, language: str) -> str:
    """The beginning of a text that has at most so many words.

    Args:
        text: one or more sentences.
        max_words: most words, at least 1; characters, spaces apart, where words are not spaced.
        language: of the text.

    Returns:
        The whole text if it has no more words; else its sentences that end within the limit, or,
        where the first one goes beyond it, the words up to the limit.
    """
    unit = r"\S" if is_unspaced(language) else r"\S+"
    ends = [found.end() for found in re.finditer(unit, text)]
    if len(ends) <= max_words:
        return text
    limit = ends[max_words - 1]
    within = [end for end in sentence_ends(text) if end <= limit]
    return text[: within[-1] if within else limit]

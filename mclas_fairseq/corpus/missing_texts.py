"""Texts that are no texts: how programs write that there is none."""

import logging
from collections import Counter
from collections.abc import Iterable

logger = logging.getLogger(__name__)

# pandas writes an empty cell as "nan", str(None) is "None", JSON and R have words of their own.
# "None" and "null" are words of languages too, but seldom a whole text.
_MISSING = frozenset({"nan", "none", "null", "<na>", "n/a", "nat"})
_LONGEST = max(map(len, _MISSING))


def tell_missing(origin: str, texts: Iterable[str]) -> int:
    """Warn of texts that are nothing but a mark of a missing one.

    They are kept: whether "nan" is a text, only its owner knows.

    Args:
        origin: the file that the texts come from.
        texts: all of one side.

    Returns:
        how many there are.
    """
    found: Counter[str] = Counter()
    for text in texts:
        if len(text) <= _LONGEST + 2 and text.strip().lower() in _MISSING:
            found[text.strip()] += 1
    if found:
        logger.warning(
            "%s: %d texts are nothing but %s, as programs write a missing one; they are scored as"
            " they stand: leave them out, or fill them in",
            origin,
            found.total(),
            ", ".join(repr(text) for text, _ in found.most_common()),
        )
    return found.total()

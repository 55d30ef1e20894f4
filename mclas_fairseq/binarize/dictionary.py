"""The one dictionary of a data-bin: what it holds, how it is written, what it does not know."""

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Optional

from fairseq.data import Dictionary

from mclas_fairseq.corpus.tokenizers import SEPARATOR, TASK_TAGS, target_separator


def build_dictionary(
    entries: Optional[Sequence[str]], counts: Counter[str], limit: Optional[int]
) -> Dictionary:
    """Build the dictionary: pieces, then the reserved symbol `[LSEP]`.

    Args:
        entries: the tokenizer's closed list of pieces, kept in its order; None where only counting
            can tell, then the most frequent pieces, ties in code point order.
        counts: piece -> occurrences in the training text.
        limit: at most this many pieces are taken from the counts; None for all.
    """
    if entries is None:
        ranked = sorted(counts, key=lambda piece: (-counts[piece], piece))
        entries = ranked[:limit]
    dictionary = Dictionary()
    for entry in entries:
        if entry not in dictionary:
            dictionary.add_symbol(entry, n=counts[entry])
    dictionary.add_symbol(SEPARATOR, n=0)
    return dictionary


def extend_dictionary(
    earlier: Dictionary, added: Sequence[str], counts: Counter[str]
) -> Dictionary:
    """Build an earlier dictionary's extension: all its entries, `[LSEP]` among them, keep their
    numbers; `added` ones follow, with their occurrences in the training text.
    """
    dictionary = deepcopy(earlier)
    for symbol in added:
        assert symbol not in dictionary, f"{symbol!r} is an entry of the earlier dictionary"
        dictionary.add_symbol(symbol, n=counts[symbol])
    return dictionary


def add_task_tags(dictionary: Dictionary) -> None:
    """Append the tags of the tasks, behind all else; those that are there keep their numbers."""
    for tag in TASK_TAGS.values():
        if tag not in dictionary:
            dictionary.add_symbol(tag, n=0)


def add_target_separators(dictionary: Dictionary, target_langs: Sequence[str]) -> None:
    """Append the separators of several target languages, behind all else; of one there is none.

    Those that are there keep their numbers.
    """
    if len(target_langs) < 2:
        return
    for language in target_langs:
        if target_separator(language) not in dictionary:
            dictionary.add_symbol(target_separator(language), n=0)


def write_dictionary(dictionary: Dictionary, path: Path) -> None:
    """Write the dictionary in fairseq's format."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        dictionary.save(stream)


def unknown_share(pieces: Counter[str], dictionary: Dictionary) -> float:
    """Share, from 0 to 1, of the counted pieces that the dictionary does not hold."""
    total = pieces.total()
    unknown = sum(count for piece, count in pieces.items() if piece not in dictionary)
    return unknown / total if total else 0.0

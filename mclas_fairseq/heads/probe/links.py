"""Which words of `S^B` render which of `S^A`: learned from the training pairs, or given in a file.

A file has a line for each document, {"id": "17", "links": ["0-2", "3-1"]}: word of `S^A`, word of
`S^B`, counted from 0. Words are runs of letters and digits and single other signs
(`corpus/plain_words.py`); `mclas synthetic --links` writes such files. Links of punctuation are
left out either way: it stands where it stands in every sentence.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.plain_words import is_spoken, split_words
from mclas_fairseq.corpus.text_files import read_lines
from mclas_fairseq.errors import DataError
from mclas_fairseq.lexicon.alignment import align

logger = logging.getLogger(__name__)

Links = list[tuple[int, int]]


@dataclass(frozen=True)
class Pair:
    """The words of a document's two summaries.

    Attributes:
        name: id of the document.
        first: words of `S^A`.
        second: words of `S^B`.
    """

    name: str
    first: Sequence[str]
    second: Sequence[str]

    def spoken(self, links: Sequence[tuple[int, int]]) -> Links:
        """Links between words that are more than punctuation."""
        return [(i, j) for i, j in links if is_spoken(self.first[i]) and is_spoken(self.second[j])]


def learned_links(
    pairs: Sequence[Pair], training: Sequence[tuple[str, str]], symmetrisation: str
) -> list[Links]:
    """Align pairs, learning from them and from the training summaries.

    Args:
        pairs: to be aligned.
        training: texts of `S^A` and `S^B`.
        symmetrisation: of both directions, see `lexicon/symmetry.py`.

    Returns:
        Links of each pair.
    """
    sources = [[word.lower() for word in pair.first] for pair in pairs]
    targets = [[word.lower() for word in pair.second] for pair in pairs]
    for first, second in training:
        sources.append(split_words(first.lower()))
        targets.append(split_words(second.lower()))
    logger.info("aligning %s pairs of summaries", f"{len(sources):,}")
    found = align(sources, targets, symmetrisation=symmetrisation)
    return [pair.spoken(links) for pair, links in zip(pairs, found, strict=False)]


def read_links(path: Path, pairs: Sequence[Pair]) -> list[Links]:
    """Read the links of pairs from a file, which may have others, too.

    Raises:
        DataError: a line is not as it must be, a pair is missing, or a link is of no word.
    """
    given: dict[str, Links] = {}
    for number, line in read_lines(path):
        try:
            row: Mapping[str, Any] = json.loads(line)
            links = [_link(text) for text in row["links"]]
            given[str(row["id"])] = links
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path}:{number}: must be as {_SHAPE}, but is not ({type(error).__name__}:"
                f" {error}); write it so"
            ) from error
    return [_checked(path, pair, given) for pair in pairs]


_SHAPE = '{"id": "17", "links": ["0-2", "3-1"]}'


def _link(text: Any) -> tuple[int, int]:
    first, _, second = text.partition("-")
    return int(first), int(second)


def _checked(path: Path, pair: Pair, given: Mapping[str, Links]) -> Links:
    if pair.name not in given:
        raise DataError(
            f"{path}: must have links of every document that is probed, but has none of"
            f" {pair.name!r}; add a line for it, with no links where there are none"
        )
    for i, j in given[pair.name]:
        if not (0 <= i < len(pair.first) and 0 <= j < len(pair.second)):
            raise DataError(
                f"{path}: links of {pair.name!r} must be of its words, {len(pair.first)} in the"
                f" first summary and {len(pair.second)} in the second, but one is {i}-{j}; count"
                " words from 0, as docs/heads.md says"
            )
    return pair.spoken(given[pair.name])

"""Documents of validation and test that are nearly in training: scores on them say little.

The same document under another id is one thing (`--dedup` leaves it out); another version of it,
with a sentence more or a date changed, is found by what `mclas convert` splits a corpus with: the
share of common sequences of five words (`mclas_fairseq.corpus.conversion.shingles`). Every training
document is compared with all of validation and test, exactly; memory holds the latter alone.
"""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from mclas_fairseq.binarize.reading import Corpus
from mclas_fairseq.binarize.spool import SpooledSplit
from mclas_fairseq.corpus.conversion.shingles import hash_sequences
from mclas_fairseq.data.data_bin import DOCUMENT_SIDE

logger = logging.getLogger(__name__)

# Of the sequences of two documents. Texts written to one pattern (weather, results of matches, the
# built-in corpus) reach a quarter; half is another version of the same text.
ALIKE = 0.5
_BLOCK = 1024
_SHOWN = 3


def warn_of_near_duplicates(corpus: Corpus) -> dict[str, int]:
    """Compare training documents with those of validation and test, and warn of what is alike.

    Returns:
        Split -> how many of its documents are nearly in training.
    """
    if corpus.train is None:
        return {}
    return {
        split.name: _warn(split, corpus.train) for split in corpus.splits if split != corpus.train
    }


def _warn(split: SpooledSplit, train: SpooledSplit) -> int:
    found = nearest(_documents(split), _documents(train), ALIKE)
    if found:
        shown = ", ".join(
            f"{split.ids[row]!r} and {train.ids[other]!r} ({share:.0%})"
            for row, (other, share) in islice(sorted(found.items()), _SHOWN)
        )
        more = ", ..." if len(found) > _SHOWN else ""
        logger.warning(
            "%s: %d of %d documents are nearly alike to a training document (%s%s): scores on them"
            " say little; leave those out of training (--exclude-ids, --dedup for equal ones), or"
            " split the corpus anew with mclas convert, which keeps versions together",
            *(split.name, len(found), len(split.ids), shown, more),
        )
    return len(found)


def nearest(
    held_out: Iterator[str], training: Iterator[str], least: float
) -> dict[int, tuple[int, float]]:
    """Find training documents that are alike to held-out ones.

    Args:
        held_out: M documents, which are held.
        training: any number of documents, which are not.
        least: share of common sequences, 0 to 1, from which two count as alike.

    Returns:
        Row of a held-out document -> row of the training document that is most like it (the first
        of several), and their share.
    """
    known, sets, sizes = _index(list(held_out))
    found: dict[int, tuple[int, float]] = {}
    first = 0
    while block := list(islice(training, _BLOCK)):
        for row, other, share in _alike(block, known, sets, sizes, least):
            if row not in found or share > found[row][1]:
                found[row] = (first + other, share)
        first += len(block)
    return found


def _index(texts: Sequence[str]) -> tuple[Any, Any, Any]:
    """The sequences of all texts (K,), which text has which (M, K), and how many each has (M,)."""
    hashes, starts = hash_sequences(texts)
    known, columns = np.unique(hashes, return_inverse=True)
    return known, _matrix(columns, starts, len(known)), np.diff(starts)


def _alike(
    texts: Sequence[str], known: Any, sets: Any, sizes: Any, least: float
) -> Iterator[tuple[int, int, float]]:
    hashes, starts = hash_sequences(texts)
    places = np.searchsorted(known, hashes).clip(max=len(known) - 1)
    met = known[places] == hashes
    inside = np.concatenate([[0], np.cumsum(met)])[starts]
    own = np.diff(starts)
    common = (sets @ _matrix(places[met], inside, len(known)).T).tocoo()
    shares = common.data / (sizes[common.row] + own[common.col] - common.data)
    for at in np.flatnonzero(shares >= least):
        yield int(common.row[at]), int(common.col[at]), float(shares[at])


def _matrix(columns: Any, starts: Any, width: int) -> Any:
    from scipy.sparse import csr_matrix

    ones = np.ones(len(columns), np.int32)
    return csr_matrix((ones, columns, starts), shape=(len(starts) - 1, width))


def _documents(split: SpooledSplit) -> Iterator[str]:
    path: Path = split.raw_file(DOCUMENT_SIDE)
    with path.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield line.removesuffix("\n")

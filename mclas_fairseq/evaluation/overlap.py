"""Overlap of n-grams between texts that are tokenised once and compared many times.

ROUGE-N as `evaluation/rouge.py` defines it (Lin, 2004), for measures that score each summary
against many references: those of ten other documents, or all references but one. Texts are numbers
(`evaluation/token_ids.py`), and a block of documents is compared at once: the n-grams of its
summaries and references become integers that hold the row, the n-gram, and which occurrence in its
text it is. None occurs twice on one side, so that those found on both, by sorting, are the hits.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.token_ids import Rows, Texts, TokenIds

Values = NDArray[np.float64]
Places = Sequence[int] | NDArray[np.integer]

# Documents of a block, and tokens, of which longer texts reach the bound first: it stays within a
# processor's nearer caches.
_BLOCK_ROWS = 4096
_BLOCK_TOKENS = 1 << 17
_LARGEST = 1 << 62


@dataclass(frozen=True)
class Counted:
    """N summaries and their references, to be compared by n-grams of one order.

    Attributes:
        texts: all of them.
        order: 1 for words, 2 for pairs of words.
    """

    texts: Texts
    order: int = 1

    def __len__(self) -> int:
        return len(self.texts)


class TextCounts(TokenIds):
    """What a protocol makes of texts, to be compared."""

    def count(
        self, hypotheses: Sequence[str], references: Sequence[Sequence[str]], order: int
    ) -> Counted:
        """N summaries and their references; `order` is 1 for words, 2 for pairs of words."""
        return Counted(self.encode(hypotheses, references), order)


def overlap_scores(
    counted: Counted, *, multi_reference: str = "max", places: Places | None = None
) -> Values:
    """ROUGE-N of each summary: shape (N, 3), precision, recall and F1 in [0, 1].

    Args:
        counted: the texts.
        multi_reference: "max": the reference with the highest F1 counts; "mean": the mean over the
            references.
        places: for each summary, the row whose references it is scored against; None: its own.
    """
    found = np.empty((len(counted), 3))
    mean = multi_reference == "mean"
    for rows, block in _blocks(counted):
        where = np.arange(rows.start, rows.stop) if places is None else np.asarray(places[rows])
        found[rows] = block.scores(where, mean=mean)
    return found


def gaps(counted: Counted, places: Sequence[Places], *, multi_reference: str = "max") -> Values:
    """F1 of each summary against its references, minus the mean F1 in several rounds of `places`.

    Returns:
        Shape (N,). See `overlap_scores` for the arguments.
    """
    found = np.empty(len(counted))
    mean = multi_reference == "mean"
    for rows, block in _blocks(counted):
        others = [block.scores(np.asarray(order[rows]), mean=mean)[:, 2] for order in places]
        own = block.scores(np.arange(rows.start, rows.stop), mean=mean)[:, 2]
        found[rows] = own - np.mean(others, axis=0)
    return found


def _blocks(counted: Counted) -> Iterator[tuple[slice, "_Block"]]:
    """Slices of the documents, and their summaries prepared for comparison."""
    texts = counted.texts
    longest = max((int(rows.lengths.max(initial=0)) for rows in _sides(texts)), default=0)
    span, repeats = max(1, texts.distinct) ** counted.order, longest + 1
    most = _LARGEST // (span * repeats)
    if not most:
        raise DataError(
            f"overlap of texts: distinct words and words of a text are too many to compare"
            f" ({texts.distinct} and {longest}); cut the longest texts or score fewer at a time"
        )
    tokens = sum(len(rows.ids) for rows in _sides(texts))
    mean = max(1, tokens // max(1, len(texts)))
    size = max(1, min(_BLOCK_ROWS, _BLOCK_TOKENS // mean, most))
    for start in range(0, len(texts), size):
        rows = slice(start, min(start + size, len(texts)))
        yield rows, _Block(counted, rows, span, repeats)


def _sides(texts: Texts) -> tuple[Rows, Rows]:
    return texts.hypotheses, texts.references


class _Block:
    """B documents of which the summaries are prepared, to be compared with any references.

    Args:
        counted: all documents.
        rows: those of this block.
        span: n-grams are below this.
        repeats: an n-gram occurs fewer times in a text.
    """

    def __init__(self, counted: Counted, rows: slice, span: int, repeats: int) -> None:
        self._counted, self._span, self._repeats = counted, span, repeats
        every = np.arange(rows.start, rows.stop)
        self._keys, self._sizes = self._prepare(counted.texts.hypotheses.take(every))

    def scores(self, places: NDArray[np.int64], *, mean: bool) -> Values:
        """The summaries against the references of the documents at `places`, (B,): (B, 3)."""
        groups = self._counted.texts.groups
        firsts, counts = groups[places], groups[places + 1] - groups[places]
        return over_references(self._against, firsts, counts, mean=mean)

    def _against(self, references: NDArray[np.int64]) -> Values:
        keys, sizes = self._prepare(self._counted.texts.references.take(references))
        both = np.concatenate((self._keys, keys))
        both.sort()
        shared = both[1:][both[1:] == both[:-1]]
        rows = shared // (self._span * self._repeats)
        return scores_of_hits(np.bincount(rows, minlength=len(sizes)), self._sizes, sizes)

    def _prepare(self, texts: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The n-grams of B texts as integers, none twice, and how many each text has (B,)."""
        grams, sizes = _grams(texts, self._counted.order, self._counted.texts.distinct)
        keys = np.repeat(np.arange(len(sizes)) * self._span, sizes) + grams
        keys.sort()
        again = keys[1:] == keys[:-1]
        numbered = keys * self._repeats
        if again.any():
            place = np.arange(1, len(keys))
            first = np.maximum.accumulate(np.where(again, 0, place))
            numbered[1:] += place - first
        return numbered, sizes


def over_references(
    against: Callable[[NDArray[np.int64]], Values],
    firsts: NDArray[np.int64],
    counts: NDArray[np.int64],
    *,
    mean: bool,
) -> Values:
    """Scores of B summaries with several references each: (B, 3).

    Args:
        against: the scores against one reference of each, by their numbers (B,): (B, 3).
        firsts: the first reference of each, (B,).
        counts: how many it has from there on, (B,).
        mean: whether their mean counts; otherwise the first of those with the best F1.
    """
    found = against(firsts)
    for number in range(1, int(counts.max(initial=0))):
        # Those with fewer references are compared with their last once more, and left alone.
        scores = against(firsts + np.minimum(number, counts - 1))
        more = counts > number
        if mean:
            found[more] += scores[more]
        else:
            better = more & (scores[:, 2] > found[:, 2])
            found[better] = scores[better]
    return found / counts[:, None] if mean else found


def _grams(texts: Rows, order: int, distinct: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The n-grams of texts in a row, as integers below distinct ** order, and how many each has."""
    ids = texts.ids.astype(np.int64)
    sizes = np.maximum(texts.lengths - (order - 1), 0)
    if order == 1:
        return ids, sizes
    inside = np.ones(len(ids), dtype=bool)  # whether an n-gram that starts there ends in its text
    for step in range(1, order):
        ends = texts.starts[1:] - step
        inside[ends[ends >= texts.starts[:-1]]] = False
    starts = np.flatnonzero(inside)
    grams = ids[starts]
    for step in range(1, order):
        grams = grams * distinct + ids[starts + step]
    return grams, sizes


def scores_of_hits(
    hits: NDArray[np.int64], predicted: NDArray[np.int64], wanted: NDArray[np.int64]
) -> Values:
    """Precision, recall and F1, (B, 3), in the operations of `rouge-score`; 0 without a hit."""
    found = np.zeros((len(hits), 3))
    some = np.flatnonzero(hits)
    precision, recall = hits[some] / predicted[some], hits[some] / wanted[some]
    found[some] = np.stack(
        (precision, recall, 2 * precision * recall / (precision + recall)), axis=1
    )
    return found

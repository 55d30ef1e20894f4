"""A trigram model of target summaries: the NLL of a model that never reads the document.

A system's validation NLL says little by itself: a good part of it is what summaries look like in
general. This baseline knows nothing else. It is an interpolated trigram model with modified
Kneser-Ney smoothing (Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language
Modeling", 1999), over the pieces of a data-bin, so that its bits a piece (the end of the summary
counted) stand beside `cls_nll_loss` of a system on the same pieces. A system that is not below it
has learned nothing of its documents that its NLL shows. Place in the pipeline: `mclas report
--data`.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log2

from mclas_fairseq.errors import DataError

ORDER = 3
_START = ("start of the summary",)  # no piece: pieces are numbers or texts
_FALLBACK = 0.75  # discount where there are too few n-grams to estimate one

Piece = Hashable
Gram = tuple[Piece, ...]


@dataclass(frozen=True)
class _Level:
    """Counts of the n-grams of one order, and what is taken off them.

    Attributes:
        counts: n-gram -> how often it stands (highest order), or after how many different pieces.
        totals: context -> sum of the counts of its n-grams.
        left: context -> mass that its discounts leave to the next lower order.
        discounts: of counts of one, two, and three or more.
    """

    counts: dict[Gram, int]
    totals: dict[Gram, int]
    left: dict[Gram, float]
    discounts: tuple[float, float, float]

    def discounted(self, gram: Gram) -> float:
        """The count of an n-gram without its discount; 0 where it was never seen."""
        count = self.counts.get(gram, 0)
        return count - self.discounts[min(count, 3) - 1] if count else 0.0


class TrigramModel:
    """Learned from summaries; gives each piece a probability by the two before it.

    Args:
        summaries: pieces of the training summaries, the end among them.
        vocabulary: how many different pieces there can be.

    Raises:
        DataError: there are no summaries.
    """

    def __init__(self, summaries: Iterable[Sequence[Piece]], vocabulary: int) -> None:
        self._vocabulary = vocabulary
        counts = Counter(gram for pieces in summaries for gram in _grams(pieces))
        if not counts:
            raise DataError(
                "trigram model: must learn from one training summary or more, but there is none;"
                " give a data-bin with summaries in this language"
            )
        self._levels = [_level(counts)]
        for _ in range(ORDER - 1):
            # A lower order counts in how many different contexts a piece stands, not how often.
            counts = Counter(gram[1:] for gram in counts)
            self._levels.insert(0, _level(counts))

    def probability(self, piece: Piece, context: Sequence[Piece]) -> float:
        """The probability of a piece after the pieces of a summary so far, in (0, 1]."""
        before = (*(_START,) * (ORDER - 1), *context)[-(ORDER - 1) :]
        found = 1.0 / self._vocabulary
        for order, level in enumerate(self._levels):
            history = before[ORDER - 1 - order :]
            total = level.totals.get(history)
            if total is None:  # nor is any longer context known
                break
            gram = (*history, piece)
            found = (level.discounted(gram) + level.left[history] * found) / total
        return found

    def bits_per_piece(self, summaries: Iterable[Sequence[Piece]]) -> float:
        """Mean of -log2 p over all pieces of summaries, the end of each among them.

        Raises:
            DataError: there are no pieces.
        """
        bits, count = 0.0, 0
        for pieces in summaries:
            for place, piece in enumerate(pieces):
                context = pieces[max(0, place - ORDER + 1) : place]
                bits -= log2(self.probability(piece, context))
                count += 1
        if not count:
            raise DataError(
                "trigram model: must score one summary or more, but there is none; give a data-bin"
                " with summaries in this language"
            )
        return bits / count


def _grams(pieces: Sequence[Piece]) -> Iterator[Gram]:
    padded = (*(_START,) * (ORDER - 1), *pieces)
    for end in range(ORDER, len(padded) + 1):
        yield tuple(padded[end - ORDER : end])


def _level(counts: Counter[Gram]) -> _Level:
    discounts = _discounts(counts)
    totals: dict[Gram, int] = defaultdict(int)
    left: dict[Gram, float] = defaultdict(float)
    for gram, count in counts.items():
        totals[gram[:-1]] += count
        left[gram[:-1]] += discounts[min(count, 3) - 1]
    return _Level(dict(counts), dict(totals), dict(left), discounts)


def _discounts(counts: Counter[Gram]) -> tuple[float, float, float]:
    """Chen and Goodman's estimates by how many n-grams have a count of one to four."""
    how_many = Counter(counts.values())
    once, twice, *_ = (how_many[count] for count in range(1, 5))
    if not once or not twice:
        return (_FALLBACK,) * 3
    ratio = once / (once + 2 * twice)
    found = [
        count - (count + 1) * ratio * how_many[count + 1] / how_many[count]
        if how_many[count]
        else _FALLBACK
        for count in (1, 2, 3)
    ]
    # A discount must leave something and may not add to a count.
    first, second, more = (min(max(found[at], 0.0), at + 1.0) for at in range(3))
    return first, second, more

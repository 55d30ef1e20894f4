"""Weights of a text's pieces, and inverse document frequencies counted over the scored texts."""

import logging
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mclas_fairseq.evaluation.similarity.encoder import Pieces

logger = logging.getLogger(__name__)


class Weights(Protocol):
    """What weighs pieces."""

    def weight(self, piece: int) -> float:
        """Weight of the piece of this id, 0 or more."""


@dataclass(frozen=True)
class InverseDocumentFrequency:
    """Weights of pieces by how few texts they occur in.

    Attributes:
        texts: how many texts were counted, M.
        counts: piece id -> in how many of them it occurs.
    """

    texts: int
    counts: Mapping[int, int]

    @classmethod
    def count(cls, texts: Iterable[Pieces]) -> "InverseDocumentFrequency":
        """Count over texts; one that is given twice counts twice."""
        rows = [set(text.ids) for text in texts]
        return cls(len(rows), Counter(piece for row in rows for piece in row))

    def weight(self, piece: int) -> float:
        """ln((M + 1) / (count + 1)), as bert-score and the released MoverScore have it.

        It is 0 for a piece that is in every text, and so for special ones.
        """
        return math.log((self.texts + 1) / (self.counts.get(piece, 0) + 1))


@dataclass(frozen=True)
class Uniform:
    """Weight 1 for every piece."""

    def weight(self, piece: int) -> float:
        """1, whatever the piece."""
        return 1.0


def warn_unweighted(metric: str, texts: Collection[Sequence[int]], weights: Weights) -> None:
    """Log how many texts, given as ids of their pieces, have no piece with a weight above 0.

    So it is with all texts when one document is scored by itself: every piece is in every counted
    text. There is nothing to weigh by, and their pieces weigh the same.
    """
    count = sum(not any(weights.weight(piece) for piece in ids) for ids in texts)
    if count:
        logger.warning(
            "%s: in %d of %d different texts every piece is as frequent as can be (inverse document"
            " frequency 0); their pieces weigh the same",
            metric,
            count,
            len(texts),
        )

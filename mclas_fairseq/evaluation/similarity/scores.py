"""What BERTScore and MoverScore give back: values of each document, and what they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class SimilarityScores:
    """BERTScore of N documents.

    Attributes:
        precision: of each document, shape (N,); a cosine, so at most 1 and hardly ever below 0.
        recall: as `precision`.
        f1: as `precision`.
        signature: what the numbers are, for `f1`; for the others, `bertscore.p` or `bertscore.r`
            stands in the place of `bertscore.f`.
        empty: hypotheses without any piece; each of them scored 0.
        truncated: different texts that were longer than the encoder reads, and were cut.
    """

    precision: Scores
    recall: Scores
    f1: Scores
    signature: str
    empty: int
    truncated: int

    def __len__(self) -> int:
        return len(self.f1)


@dataclass(frozen=True)
class MoverScores:
    """MoverScore of N documents.

    Attributes:
        scores: of each document, shape (N,); at most 1 (identical texts), at least -1.
        signature: what the numbers are.
        empty: hypotheses without any piece to move; each of them scored 0.
        truncated: different texts that were longer than the encoder reads, and were cut.
    """

    scores: Scores
    signature: str
    empty: int
    truncated: int

    def __len__(self) -> int:
        return len(self.scores)

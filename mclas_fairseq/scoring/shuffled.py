"""Whose references a summary is scored against beside its own: matched minus shuffled in training.

What training logs is added up over batches and workers, each of which sees some documents only. So
the derangements of `evaluation/sanity.py` are drawn over all documents that will be decoded, from
their number and a seed: every worker draws the same, and the sum is that of scoring them at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.evaluation.intervals import SEED
from mclas_fairseq.evaluation.overlap import Counted, TextCounts, Values, overlap_scores
from mclas_fairseq.evaluation.protocols import RougeProtocol
from mclas_fairseq.evaluation.rouge import KINDS
from mclas_fairseq.evaluation.sanity import derangements

References = Sequence[Mapping[str, Sequence[str]]]


@dataclass(frozen=True)
class Shuffled:
    """The documents of a split that are decoded, and what they are compared with.

    Attributes:
        language: of the summaries.
        rows: rows of the split that are decoded and have references, ascending, shape (N,).
        references: of every row of the split, by language.
    """

    language: str
    rows: NDArray[np.int64]
    references: References

    @classmethod
    def of(cls, language: str, decoded: NDArray[np.bool_], references: References) -> "Shuffled":
        """Those of a split; `decoded`, shape (rows of the split,), says which are decoded."""
        there = (bool(row.get(language)) for row in references)
        wanted = decoded & np.fromiter(there, dtype=bool, count=len(references))
        return cls(language, np.flatnonzero(wanted), references)

    def __len__(self) -> int:
        return len(self.rows)

    def gaps(self, rows: Sequence[int], summaries: Sequence[str], rules: RougeProtocol) -> Values:
        """ROUGE-1 F1 matched minus shuffled of B summaries, (B,); 1 is 100 points.

        Args:
            rows: whose summaries they are: some of `rows`.
            summaries: B texts.
            rules: what their words are: of a ROUGE protocol, or content words.
        """
        counts = TextCounts(rules)
        places = np.searchsorted(self.rows, np.asarray(rows))

        def against(whose: NDArray[np.integer]) -> Values:
            groups = [self.references[row][self.language] for row in self.rows[whose]]
            scores = overlap_scores(Counted(counts.encode(summaries, groups)))
            return scores[:, KINDS.index("f1")]

        others = [against(order[places]) for order in _rounds(len(self.rows))]
        found: Values = against(places) - np.mean(others, axis=0)
        return found


@lru_cache(maxsize=16)
def _rounds(size: int) -> tuple[NDArray[np.int32], ...]:
    """The derangements that `mclas score` draws for so many documents, unless it has a --seed."""
    return tuple(derangements(size, SEED))

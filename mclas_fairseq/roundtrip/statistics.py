"""What is counted while pairs are filtered: of a fixed size, whatever the size of the corpus."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional

from mclas_fairseq.roundtrip.judging import needed_sentences
from mclas_fairseq.roundtrip.scoring import PairScores

# Thresholds for which the kept share is counted, and edges of the histogram's bins.
GRID = tuple(step / 10 for step in range(11))
EDGES = tuple(step / 20 for step in range(21))


def _table() -> list[list[int]]:
    return [[0] * len(GRID) for _ in GRID]


@dataclass
class Statistics:
    """Counts over a run.

    Attributes:
        sentence_share: least share of sentences that must pass.
        kept: records of the corpus, those that were complete before among them.
        complete: records that had both summaries before.
        rejected: reason -> records.
        scored: records that were translated and scored.
        units: what was scored by itself: summaries, or sentences.
        histogram: counts of the units by bin of `EDGES`, for ROUGE-1 and ROUGE-2; the last bin
            includes 1.
        copied: records by their share of copied words, likewise, but that a bin holds its upper
            edge and not its lower one, as a cap does; None: not counted.
    """

    sentence_share: float
    kept: int = 0
    complete: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    scored: int = 0
    units: int = 0
    histogram: tuple[list[int], list[int]] = field(
        default_factory=lambda: ([0] * (len(EDGES) - 1), [0] * (len(EDGES) - 1))
    )
    copied: Optional[list[int]] = None
    # Row T1, column T2: records that pass with this T1 up to this T2, and no higher one.
    _last_passed: list[list[int]] = field(default_factory=_table)

    @property
    def records(self) -> int:
        """All records that came in."""
        return self.kept + self.rejected.total()

    def count(self, reason: Optional[str], *, complete: bool) -> None:
        """Count a record that leaves the run: rejected for a reason, or kept."""
        if reason is not None:
            self.rejected[reason] += 1
            return
        self.kept += 1
        self.complete += complete

    def add_scores(self, units: Sequence[PairScores]) -> None:
        """Count the scores of a record, whatever becomes of it."""
        self.scored += 1
        self.units += len(units)
        last = len(EDGES) - 2
        for scores in units:
            for bins, value in zip(self.histogram, scores, strict=True):
                bins[min(last, bisect_right(EDGES, value) - 1)] += 1
        needed = needed_sentences(len(units), self.sentence_share)
        for row, t1 in enumerate(GRID):
            reached = sorted((r2 for r1, r2 in units if r1 >= t1), reverse=True)
            if len(reached) < needed:
                return  # nor will it pass a higher T1
            column = bisect_right(GRID, reached[needed - 1]) - 1 if needed else len(GRID) - 1
            self._last_passed[row][column] += 1

    def add_copied(self, share: float) -> None:
        """Count the share of copied words of a scored record."""
        if self.copied is None:
            self.copied = [0] * (len(EDGES) - 1)
        self.copied[max(0, bisect_left(EDGES, share) - 1)] += 1

    def kept_by_cap(self) -> list[float]:
        """For each upper edge of the bins as the cap: the share of counted records kept."""
        counts = self.copied or []
        return [sum(counts[: end + 1]) / max(1, sum(counts)) for end in range(len(counts))]

    def kept_shares(self) -> list[list[float]]:
        """Row T1, column T2 of `GRID`: share in [0, 1] of the scored records that would pass."""
        return [
            [sum(row[column:]) / max(1, self.scored) for column in range(len(GRID))]
            for row in self._last_passed
        ]

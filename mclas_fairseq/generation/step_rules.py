"""Rules of a step that look at what a hypothesis holds: blocking and penalties of repetition.

A rule names dictionary entries of each row and changes their log-probabilities. Search gives these
by dictionary entry or by column of a row's list (`search_call.py`); where an entry stands is known
here, so that rules are the same for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional, Protocol

from torch import Tensor

from mclas_fairseq.generation.sliced_projection import SlicedProjection


class StepRule(Protocol):
    """Changes log-probabilities of some entries at a step."""

    def entries(self, tokens: Tensor, step: int) -> Optional[Tensor]:
        """Entries to change.

        Args:
            tokens: hypotheses, what the decoder read first in column 0, filled up to column `step`,
                shape (N, T_buffer).
            step: tokens written so far.

        Returns:
            Dictionary ids, that of padding where a row has fewer of them, shape (N, K); None: no
            row has any.
        """

    def change(self, lprobs: Tensor, columns: Tensor, step: int) -> Tensor:
        """Change columns (N, K) of log-probabilities (N, V), in place where that is possible."""


@dataclass(frozen=True)
class StepRules:
    """Rules in their order, as fairseq's search calls its blocker of n-grams.

    Attributes:
        rules: the rules.
        projection: of a search by columns of lists; None where columns are dictionary ids.
    """

    rules: Sequence[StepRule]
    projection: Optional[SlicedProjection] = None

    def by_column(self, projection: SlicedProjection) -> "StepRules":
        """The same rules for scores by column of each row's list."""
        return replace(self, projection=projection)

    def __call__(
        self, tokens: Tensor, lprobs: Tensor, bsz: int, beam_size: int, step: int
    ) -> Tensor:
        """Apply the rules; the arguments are those of fairseq's `NGramRepeatBlock`.

        Args:
            tokens: see `StepRule`, N = bsz * beam_size.
            lprobs: log-probabilities of the next token, (N, V) or by column (N, W).
            bsz: documents in the batch (B).
            beam_size: hypotheses of each.
            step: tokens written so far.

        Returns:
            `lprobs`, changed.
        """
        for rule in self.rules:
            entries = rule.entries(tokens, step)
            if entries is not None:
                lprobs = rule.change(lprobs, self._columns(entries), step)
        return lprobs

    def _columns(self, entries: Tensor) -> Tensor:
        """Where entries (N, K) stand in the scores; what a list lacks stands where padding does."""
        if self.projection is None:
            return entries
        # Of each row (N, 1) the list, of each entry in it (N, K) the column.
        return self.projection.lists.columns[self.projection.lists_of_rows.unsqueeze(1), entries]


def marks_of(tokens: Tensor, ids: Sequence[int]) -> Tensor:
    """Which tokens are marks, i.e. one of `ids`: bool, the shape of `tokens`."""
    marks = tokens.eq(ids[0])
    for mark in ids[1:]:
        marks = marks | tokens.eq(mark)
    return marks

"""Blocking of repeated n-grams during search (trigram blocking, Paulus et al. 2018).

fairseq's own blocker needs a CUDA extension; without it, it compares with the padded end of the
token buffer and blocks nothing. This one is a handful of tensor operations, the same on every
device, without a loop over rows. It starts afresh at the separator unless told otherwise: a name
or number that the first summary holds must be free to occur in the second.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import torch
from torch import Tensor

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import search_option
from mclas_fairseq.generation.step_rules import marks_of


@dataclass(frozen=True)
class NGramBlocker:
    """Gives -inf to every token that would repeat an n-gram; a `StepRule`.

    Separator and EOS are never blocked, and n-grams that hold one of them do not count. What
    remains is not renormalised, so that scores stay those of the restricted model. A row whose
    every choice would repeat an n-gram is left as it is: a repetition is better than no summary.

    Attributes:
        size: n.
        pad: id of padding, which search has excluded already.
        marks: ids of EOS and of separators between summaries.
        fewest_choices: size of the smallest vocabulary; shorter hypotheses cannot run out of it.
        scope: "summary": n-grams of the current summary; "sequence": of both.

    Raises:
        ConfigError: the scope is unknown or the size below 1.
    """

    size: int
    pad: int
    marks: Sequence[int]
    fewest_choices: int
    scope: str = "summary"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(
                f"--no-repeat-ngram-size: n-grams have at least 1 token, met {self.size}; "
                "give 1 or more, or 0 for no blocking"
            )
        search_option("ngram_block_scope").check(self.scope)

    def entries(self, tokens: Tensor, step: int) -> Optional[Tensor]:
        """What would repeat an n-gram in each row, (N, step - n + 1); see `StepRule`."""
        if step < self.size:
            return None
        repeats, last = self._repeats(tokens[:, 1 : step + 1])
        return last.masked_fill(~repeats, self.pad)

    def change(self, lprobs: Tensor, columns: Tensor, step: int) -> Tensor:
        """Give -inf to columns (N, K), save in rows that would lose all choices; see `StepRule`."""
        if step < self.fewest_choices:
            return lprobs.scatter_(1, columns, -math.inf)
        blocked = lprobs.scatter(1, columns, -math.inf)
        stuck = blocked.amax(dim=1, keepdim=True).isneginf()
        return torch.where(stuck, lprobs, blocked)

    def _repeats(self, written: Tensor) -> tuple[Tensor, Tensor]:
        """Find the n-grams whose first n - 1 tokens are also the latest n - 1 tokens.

        Args:
            written: tokens so far without BOS, shape (N, T_tgt), T_tgt >= n.

        Returns:
            Whether an n-gram matches, bool, and its last token, both (N, T_tgt - n + 1).
        """
        windows = written.unfold(1, self.size, 1)  # N x W x n
        latest = written[:, written.size(1) - self.size + 1 :]  # N x (n - 1)
        # N x W x (n - 1) beside N x 1 x (n - 1) -> N x W
        matches = windows[..., :-1].eq(latest.unsqueeze(1)).all(dim=-1)
        return matches & self._counted(written), windows[..., -1]

    def _counted(self, written: Tensor) -> Tensor:
        """Which n-grams count, shape (N, T_tgt - n + 1).

        Those that hold no mark and, in scope "summary", have none after them.
        """
        marks = marks_of(written, self.marks)
        if self.scope == "sequence":
            # N x T_tgt -> N x W x n -> N x W
            return ~marks.unfold(1, self.size, 1).any(dim=-1)
        # N x T_tgt: how many marks stand
        marks_from_here = marks.flip(1).cumsum(1).flip(1)  # at this position or later
        return marks_from_here[:, : written.size(1) - self.size + 1].eq(0)

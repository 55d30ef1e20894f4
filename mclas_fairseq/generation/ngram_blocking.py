"""Blocking of repeated n-grams during search (trigram blocking, Paulus et al. 2018).

fairseq's own blocker needs a CUDA extension; without it, it compares with the padded end of the
token buffer and blocks nothing. This one is a handful of tensor operations, the same on every
device, without a loop over rows. It starts afresh at the separator unless told otherwise: a name
or number that the first summary holds must be free to occur in the second.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

import torch
from torch import Tensor

from mclas_fairseq.errors import ConfigError

NGRAM_BLOCK_SCOPES = ("summary", "sequence")


@dataclass(frozen=True)
class NGramBlocker:
    """Gives -inf to every token that would repeat an n-gram; called by fairseq's search.

    Separator and EOS are never blocked, and n-grams that hold one of them do not count. What
    remains is not renormalised, so that scores stay those of the restricted model. A row whose
    every choice would repeat an n-gram is left as it is: a repetition is better than no summary.

    Attributes:
        size: n.
        pad: id of padding, which search has excluded already.
        eos: id of EOS.
        separator: id of the separator between two summaries, or ids of several; or None.
        fewest_choices: size of the smallest vocabulary; shorter hypotheses cannot run out of it.
        scope: "summary": n-grams of the current summary; "sequence": of both.

    Raises:
        ConfigError: the scope is unknown or the size below 1.
    """

    size: int
    pad: int
    eos: int
    separator: Union[int, Sequence[int], None]
    fewest_choices: int
    scope: str = "summary"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(
                f"--no-repeat-ngram-size: n-grams have at least 1 token, met {self.size}; "
                "give 1 or more, or 0 for no blocking"
            )
        if self.scope not in NGRAM_BLOCK_SCOPES:
            raise ConfigError(
                f"--ngram-block-scope: it must be one of {', '.join(NGRAM_BLOCK_SCOPES)}, met "
                f"{self.scope!r}; choose one of them"
            )

    def __call__(
        self, tokens: Tensor, lprobs: Tensor, bsz: int, beam_size: int, step: int
    ) -> Tensor:
        """Block in place; the arguments are those of fairseq's `NGramRepeatBlock`.

        Args:
            tokens: hypotheses, BOS first, filled up to column `step`, shape (N, T_buffer) with
                N = bsz * beam_size.
            lprobs: log-probabilities of the next token, shape (N, V).
            bsz: documents in the batch (B).
            beam_size: hypotheses of each.
            step: tokens written so far.

        Returns:
            `lprobs`.
        """
        if step < self.size:
            return lprobs
        return self.block(lprobs, self.banned(tokens, step), step)

    def banned(self, tokens: Tensor, step: int) -> Tensor:
        """Ids that would repeat an n-gram, padding elsewhere, (N, W); step >= n."""
        repeats, last = self._repeats(tokens[:, 1 : step + 1])
        return last.masked_fill(~repeats, self.pad)

    def block(self, lprobs: Tensor, banned: Tensor, step: int) -> Tensor:
        """Give -inf to columns `banned` (N, W) of lprobs, save in rows that would lose them all."""
        if step < self.fewest_choices:
            return lprobs.scatter_(1, banned, -math.inf)
        blocked = lprobs.scatter(1, banned, -math.inf)
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
        matches = windows[..., :-1].eq(latest.unsqueeze(1)).all(dim=-1)
        return matches & self._counted(written), windows[..., -1]

    def _counted(self, written: Tensor) -> Tensor:
        """Which n-grams count, shape (N, T_tgt - n + 1).

        Those that hold no mark and, in scope "summary", have none after them.
        """
        marks = written.eq(self.eos)
        if self.separator is not None:
            several = (self.separator,) if isinstance(self.separator, int) else self.separator
            for separator in several:
                marks = marks | written.eq(separator)
        if self.scope == "sequence":
            return ~marks.unfold(1, self.size, 1).any(dim=-1)
        marks_from_here = marks.flip(1).cumsum(1).flip(1)  # at this position or later
        return marks_from_here[:, : written.size(1) - self.size + 1].eq(0)

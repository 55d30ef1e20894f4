"""A penalty on what a summary holds already, in place of forbidding it.

Keskar et al. (2019), "CTRL: A Conditional Transformer Language Model for Controllable Generation"
(arXiv:1909.05858), section 4.1: scores of tokens written before are made worse by a factor. As in
transformers (`RepetitionPenaltyLogitsProcessor`) positive scores are divided by it and negative
ones multiplied. In beam search transformers hands log-probabilities to it, and so does this one:
they are never positive, so that they are multiplied, p becomes p^penalty, and nothing is
renormalised. The same number does the same for one model, for an ensemble and for a model that
copies, none of which need have logits. (CTranslate2 changes logits, before the softmax: the same
number is another penalty there.)

Log-probabilities are those of the restricted model. The penalty starts afresh at the separator: a
name in the first summary belongs into the second. Separator and EOS come once in a summary, so that
they are never penalised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import torch
from torch import Tensor

from mclas_fairseq.generation.step_rules import marks_of


@dataclass(frozen=True)
class RepetitionPenalty:
    """Multiplies the log-probabilities of what the current summary holds; a `StepRule`.

    Attributes:
        penalty: the factor, above 0; 1 does nothing, less than 1 favours repetition.
        pad: id of padding, which search has excluded already.
        marks: ids of EOS and of separators between summaries.
    """

    penalty: float
    pad: int
    marks: Sequence[int]

    def entries(self, tokens: Tensor, step: int) -> Optional[Tensor]:
        """What each row's summary holds, (N, step); see `StepRule`."""
        if step == 0:
            return None
        written = tokens[:, 1 : step + 1]  # N x T_tgt, without what was read first
        marks = marks_of(written, self.marks)
        marks_from_here = marks.flip(1).cumsum(1).flip(1)  # N x T_tgt: at this position or later
        return written.masked_fill(marks_from_here.gt(0), self.pad)

    def change(self, lprobs: Tensor, columns: Tensor, step: int) -> Tensor:
        """Penalise columns (N, K), each once however often it is named; see `StepRule`."""
        return lprobs.scatter_(1, columns, lprobs.gather(1, columns) * self.penalty)

    def factors(self, targets: Tensor) -> Tensor:
        """What the log-probability of each given token is multiplied by, fp32, shape (N, T_tgt).

        Args:
            targets: hypotheses or targets without what the decoder reads first, padded at the end,
                shape (N, T_tgt).
        """
        marks = marks_of(targets, (*self.marks, self.pad))
        summary = marks.cumsum(1)  # N x T_tgt: number of the summary, a mark begins the next one
        # N x T_tgt x T_tgt: whether the token of a row is that of an earlier column, same summary.
        same = targets.unsqueeze(2).eq(targets.unsqueeze(1))
        same &= summary.unsqueeze(2).eq(summary.unsqueeze(1))
        repeated = same.tril(diagonal=-1).any(dim=2) & ~marks
        return torch.ones(targets.shape, device=targets.device).masked_fill_(repeated, self.penalty)

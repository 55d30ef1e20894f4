"""The output projection over the entries that a step allows, in place of the whole dictionary.

A softmax over what may be chosen needs the logits of what may be chosen: of 105,879 word pieces a
summary in one language uses a quarter, and three quarters of the product, and of all that follows
on it, would be computed to be masked. Bai et al. (2021), section 5.2: "we only generate tokens from
the corresponding vocabulary".

Rows that stand in different summaries have different lists, and are two products: over the union of
both lists each row would pay for the other's.
"""

import math
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mclas_fairseq.generation.vocabulary_lists import VocabularyLists


class SlicedProjection:
    """Log-probabilities of what the grammar allows, for one call of a search.

    The rows of the projection's weight that a list needs are gathered when a step first needs
    them, and thrown away with this object: a later call finds the weights as they are then.

    Args:
        projection: the decoder's output layer, (V, C).
        lists: which entries each state needs.
        compact: whether scores are given by column of the row's list, (N, W), in place of (N, V).
        pad: id of padding, which has no probability in any state.

    Attributes:
        lists_of_rows: the list of each row of the latest step, int64, shape (N,).
    """

    def __init__(self, projection: nn.Linear, lists: VocabularyLists, *, compact: bool):
        self.lists = lists
        self.compact = compact
        self.lists_of_rows = lists.of_state[:0]
        self._projection = projection
        self._gathered: dict[int, tuple[Tensor, Optional[Tensor]]] = {}

    def __call__(self, features: Tensor, states: Tensor, temperature: float) -> Tensor:
        """Log-probabilities in nats, fp32, renormalised over what each row may choose.

        Args:
            features: the decoder's last position, shape (N, C).
            states: state of the grammar of each row, int64, shape (N,).
            temperature: what logits are divided by.

        Returns:
            Shape (N, W), columns as in the row's list, or (N, V); -inf where nothing may be chosen.
        """
        self.lists_of_rows = self.lists.of_state[states]
        only = self.lists.only[states]
        scores: Optional[Tensor] = None
        for number in range(len(self.lists.entries)):
            # N -> n x 1 -> n: the rows that use this list
            rows = (self.lists_of_rows.eq(number) & only.lt(0)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            whole = rows.numel() == states.numel()
            mine = (features, states) if whole else (features[rows], states[rows])
            found = self._of_list(number, *mine, temperature)
            if whole and self.compact and found.size(1) == self.lists.width:
                return found
            scores = self._empty(features) if scores is None else scores
            self._put(scores, rows, number, found)
        scores = self._empty(features) if scores is None else scores
        self._put_only(scores, only)
        return scores

    def _of_list(self, number: int, features: Tensor, states: Tensor, temperature: float) -> Tensor:
        """Log-probabilities (n, W_l) of n rows that have the same list."""
        weight, bias = self._weights(number)
        logits = F.linear(features, weight, bias)
        if temperature != 1.0:
            logits.div_(temperature)
        logits.scatter_(1, self.lists.shut[states], -math.inf)
        return F.log_softmax(logits, dim=-1, dtype=torch.float32)

    def _weights(self, number: int) -> tuple[Tensor, Optional[Tensor]]:
        if number not in self._gathered:
            ids = self.lists.entries[number]
            bias: Optional[Tensor] = self._projection.bias
            self._gathered[number] = (
                self._projection.weight.index_select(0, ids),
                None if bias is None else bias.index_select(0, ids),
            )
        return self._gathered[number]

    def _empty(self, features: Tensor) -> Tensor:
        width = self.lists.width if self.compact else self._projection.out_features
        size = (features.size(0), width)
        return torch.full(size, -math.inf, dtype=torch.float32, device=features.device)

    def _put(self, scores: Tensor, rows: Tensor, number: int, found: Tensor) -> None:
        if self.compact:
            scores[rows, : found.size(1)] = found
        else:
            # n x 1 and W_l name n x W_l places of N x V
            scores[rows.unsqueeze(1), self.lists.entries[number]] = found

    def _put_only(self, scores: Tensor, only: Tensor) -> None:
        """A state of one entry: its probability is 1."""
        # N -> n x 1 -> n
        rows = only.ge(0).nonzero().squeeze(1)
        columns = only[rows]
        if not self.compact:
            columns = self.lists.ids[self.lists_of_rows[rows], columns]
        scores[rows, columns] = 0.0

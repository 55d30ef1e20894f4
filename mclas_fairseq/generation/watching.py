"""Looking on while a summary is searched for: tokens as they are chosen, with a beam of one.

A wider beam changes its mind about what it has written, so there is nothing to tell before its end.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

WATCH = "watch"  # key of a batch: what is told of its tokens
TokenWatch = Callable[[list[int], Tensor], None]


class WatchedSearch:
    """A search strategy of fairseq's that tells what was chosen before it chooses the next token.

    Args:
        search: the strategy, of which nothing is changed.
        watch: told at each step of the rows that are still written, `id` of the batch, (B,), and
            what they hold, ids, (B, steps): the symbol that the decoder starts with, then tokens.
    """

    def __init__(self, search: Any, watch: TokenWatch):
        self._search, self._watch = search, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._search, name)

    def step(
        self,
        step: int,
        lprobs: Tensor,
        scores: Tensor,
        prev_output_tokens: Tensor,
        original_batch_idxs: Tensor,
    ) -> Any:
        """See fairseq's `Search.step`."""
        self._watch(original_batch_idxs.tolist(), prev_output_tokens)
        return self._search.step(step, lprobs, scores, prev_output_tokens, original_batch_idxs)

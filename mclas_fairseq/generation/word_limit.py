"""A limit of words, applied to finished hypotheses: `--max-words`.

Search knows tokens, whose number says little of words. What it has found is therefore cut
afterwards, tokens and text alike: each summary to its last sentence that ends within the limit, or
to the limit where none does. Order and scores of the hypotheses stay those of the whole ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor


class ShortensSummaries(Protocol):
    """What knows the words of a hypothesis, see `data/summary_text.py`."""

    def shorten(self, tokens: Sequence[int], max_words: int) -> list[int]:
        """Places of the tokens (T_tgt,) that stay."""


@dataclass(frozen=True)
class WordLimit:
    """Cuts hypotheses.

    Attributes:
        text: knows which tokens make which words.
        max_words: most words of each summary, above 0.
    """

    text: ShortensSummaries
    max_words: int

    def __call__(self, hypothesis: dict[str, Any]) -> None:
        """Cut `tokens` and `positional_scores` (T_tgt,), and what attention (T_src, T_tgt) has."""
        tokens: Tensor = hypothesis["tokens"]
        places = self.text.shorten(tokens.tolist(), self.max_words)
        if len(places) == tokens.numel():
            return
        kept = tokens.new_tensor(places)
        hypothesis["tokens"] = tokens[kept]
        if "positional_scores" in hypothesis:  # CTranslate2 gives none
            hypothesis["positional_scores"] = hypothesis["positional_scores"][kept]
        attention = hypothesis.get("attention")
        if isinstance(attention, Tensor) and attention.dim() == 2:
            # A given first symbol has no column of attention.
            columns = kept - (tokens.numel() - attention.size(1))
            hypothesis["attention"] = attention[:, columns[columns.ge(0)]]

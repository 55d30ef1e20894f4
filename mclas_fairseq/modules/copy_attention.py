"""Copying from the document: a mixture of the vocabulary and the attention over the source.

See, Liu and Manning (2017), "Get To The Point: Summarization with Pointer-Generator Networks"
(ACL 2017, arXiv:1704.04368), Eqs. 8 and 9, with one dictionary for documents and summaries, so
that no extended vocabulary is needed:

    P(w) = g * P_vocab(w) + (1 - g) * sum over source positions i with x_i = w of a_i

With `Translations` (`translation_table.py`) a source token offers its translations w with weights
P_T(w | x_i), and the sum is over all positions i and what they offer of a_i P_T(w | x_i). In Zhu et
al. (2020) this is p_trans = 1 - g.

The MCLAS paper has no such part; it is an option (`--copy-attention`), meant for small data.
"""

from typing import Optional

import torch
from torch import Tensor, nn

from mclas_fairseq.modules.translation_table import Translations


class CopyGate(nn.Module):
    """Probability g of generating rather than copying, from the decoder's features."""

    def __init__(self, embed_dim: int):
        super().__init__()
        self.projection = nn.Linear(embed_dim, 1)
        nn.init.xavier_uniform_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, T_tgt, C) to g in (0, 1), shape (B, T_tgt, 1)."""
        return torch.sigmoid(self.projection(features))


def mixture_log_probs(
    vocabulary_probs: Tensor,
    attention: Tensor,
    gate: Tensor,
    src_tokens: Tensor,
    translations: Optional[Translations] = None,
) -> Tensor:
    """Log-probabilities of the mixture.

    Args:
        vocabulary_probs: P_vocab, shape (B, T_tgt, V), fp32.
        attention: weights over the source, rows sum to 1 and are 0 on padding, (B, T_tgt, T_src).
        gate: g, shape (B, T_tgt, 1).
        src_tokens: source ids, shape (B, T_src).
        translations: what they offer; None: themselves.

    Returns:
        log P in nats, shape (B, T_tgt, V), finite also where P is 0.
    """
    probs = vocabulary_probs * gate
    index = src_tokens.unsqueeze(1).expand(-1, attention.size(1), -1)  # B x T_tgt x T_src
    shares = ((1.0 - gate) * attention).to(probs)
    if translations is not None:
        offered = translations.weights[translations.number].to(probs)
        shares = (shares.unsqueeze(3) * offered).flatten(2)
        index = translations.ids[translations.number].flatten(2)  # B x T_tgt x (T_src * M)
    probs = probs.scatter_add(2, index, shares)
    return probs.clamp_min(torch.finfo(probs.dtype).tiny).log()

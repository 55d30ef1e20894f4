"""How likely each translation of a source token is here: the adaptive strategy of ATS.

Zhu, Zhou, Zhang and Zong (2020), "Attend, Translate and Summarize: An Efficient Method for Neural
Cross-Lingual Summarization" (ACL 2020), section 3.3, ATS-A: the encoder's state of a source token
attends to the embeddings of its translation candidates. The released code takes the candidates
whose lexicon probability is too small out after the attention, so that mass is lost; here the
attention is over the candidates alone.

Every source token has candidates of its own, so that their vectors, one beside the other, would be
a table of P * M by C. Here a few tokens at a time, few enough for the processor's cache, go from
vectors to scores, and once more from vectors to the gradient.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# Numbers in the vectors of a block's candidates: one megabyte at 4 bytes. A GPU wants fewer steps.
_BLOCK = 1 << 18
_BLOCK_ON_GPU = 1 << 26


class CandidateAttention(nn.Module):
    """Multi-head attention of states over candidates; the weights are the mean of the heads'.

    Keys are never projected: a query is taken through the transposed projection instead, which
    costs as much as the query's own and spares a product for each candidate.

    Args:
        state_dim: size C_enc of the encoder's states.
        embed_dim: size C of the embeddings, a multiple of the number of heads.
        heads: H of them.
    """

    def __init__(self, state_dim: int, embed_dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.state_norm = nn.LayerNorm(state_dim)
        self.key_norm = nn.LayerNorm(embed_dim)
        self.query = nn.Linear(state_dim, embed_dim)
        self.key = nn.Linear(embed_dim, embed_dim, bias=False)  # one would be the same for all
        for layer in (self.query, self.key):
            nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(self.query.bias)

    def forward(
        self, states: Tensor, candidates: Tensor, there: Tensor, embeddings: Tensor
    ) -> Tensor:
        """Weights of the candidates of P source tokens.

        Args:
            states: of the encoder, shape (P, C_enc).
            candidates: dictionary ids, shape (P, M).
            there: which of them are candidates, bool, at least one in a row, shape (P, M).
            embeddings: of the dictionary's entries, shape (V, C).

        Returns:
            fp32, shape (P, M); rows sum to 1 and are 0 outside the candidates.
        """
        entries, place = candidates.unique(return_inverse=True)
        keys = self.key_norm(F.embedding(entries, embeddings))  # of U entries
        queries = self.query(self.state_norm(states)).unflatten(1, (self.heads, -1))
        projection = self.key.weight.unflatten(0, (self.heads, -1))
        found: Tensor = _Scores.apply(queries, projection, keys, place)
        scores = found.float() * queries.size(2) ** -0.5  # P x H x M
        weights: Tensor = scores.masked_fill(~there.unsqueeze(1), -torch.inf).softmax(2).mean(1)
        return weights


class _Scores(torch.autograd.Function):
    """Products of queries with the projected keys of their candidates, shape (P, H, M).

    Given are queries (P, H, D), the projection of keys (H, D, C), keys (U, C) and, of each query,
    the numbers of its candidates among them, (P, M).
    """

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> Tensor:
        ctx.save_for_backward(*given)
        queries, projection, _, place = given
        scores = queries.new_empty(*queries.shape[:2], place.size(1))
        for rows, vectors in _blocks(*given[2:]):
            # H x k x D times H x D x C -> H x k x C -> k x H x C
            taken = torch.bmm(queries[rows].transpose(0, 1), projection).transpose(0, 1)
            torch.bmm(taken, vectors.transpose(1, 2), out=scores[rows])
        return scores

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        queries, projection, keys, place = ctx.saved_tensors
        d_queries, d_keys = torch.empty_like(queries), torch.zeros_like(keys)
        d_projection = torch.zeros_like(projection, dtype=torch.float)
        for rows, vectors in _blocks(keys, place):
            grad, by_head = grads[0][rows], queries[rows].transpose(0, 1)
            # k x H x M times k x M x C -> k x H x C -> H x k x C
            d_taken = torch.bmm(grad, vectors).transpose(0, 1)
            d_queries[rows] = torch.bmm(d_taken, projection.transpose(1, 2)).transpose(0, 1)
            d_projection += torch.bmm(by_head.transpose(1, 2), d_taken)
            taken = torch.bmm(by_head, projection).transpose(0, 1)
            # The vectors are not needed any more.
            d_vectors = torch.bmm(grad.transpose(1, 2), taken, out=vectors)
            d_keys.index_add_(0, place[rows].flatten(), d_vectors.flatten(0, 1))
        return d_queries, d_projection.to(projection), d_keys, None


def _blocks(keys: Tensor, place: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """A few rows (P) after the others, with their candidates' vectors, (k, M, C), overwritten."""
    width, size = place.size(1), keys.size(1)
    rows = max(1, (_BLOCK_ON_GPU if keys.is_cuda else _BLOCK) // max(1, width * size))
    room = keys.new_empty(min(rows, len(place)) * width, size)
    for start in range(0, len(place), rows):
        chosen = place[start : start + rows]
        part = room[: chosen.numel()]
        torch.index_select(keys, 0, chosen.flatten(), out=part)
        yield slice(start, start + rows), part.view(*chosen.shape, size)

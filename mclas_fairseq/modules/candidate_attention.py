"""How likely each translation of a source token is here: the adaptive strategy of ATS.

Zhu, Zhou, Zhang and Zong (2020), "Attend, Translate and Summarize: An Efficient Method for Neural
Cross-Lingual Summarization" (ACL 2020), section 3.3, ATS-A: the encoder's state of a source token
attends to the embeddings of its translation candidates. The released code takes the candidates
whose lexicon probability is too small out after the attention, so that mass is lost; here the
attention is over the candidates alone.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
        keys = self.key_norm(F.embedding(entries, embeddings))
        keys = F.embedding(place, keys)  # P x M x C
        by_head = self.query(self.state_norm(states)).unflatten(1, (self.heads, -1))
        # H x P x C/H times H x C/H x C -> H x P x C -> P x H x C
        projection = self.key.weight.unflatten(0, (self.heads, -1))
        queries = torch.bmm(by_head.transpose(0, 1), projection).transpose(0, 1)
        # P x H x C times P x C x M -> P x H x M
        scores = torch.bmm(queries, keys.transpose(1, 2)).float() * by_head.size(2) ** -0.5
        weights: Tensor = scores.masked_fill(~there.unsqueeze(1), -torch.inf).softmax(2).mean(1)
        return weights

"""Attention of mGLM's stack: a document is read in both directions, spans are read backwards.

What is written (part B) sees all of the document (part A) and all of part B before it; the document
never sees part B. So the document's keys and values are made once, and part B attends to both at
once, which equals one masked pass over A and B.

Keys and values of the document may have fewer rows than the queries: in beam search each document
has one row, and its hypotheses, which follow each other, attend to that row. Nothing is copied for
them.
"""

from typing import NamedTuple, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional


class KeysValues(NamedTuple):
    """Keys and values of a layer, each (B, H, T, C / H)."""

    keys: Tensor
    values: Tensor


class GlmAttention(nn.Module):
    """Multi-head attention whose three projections are one matrix: queries, keys, values.

    Args:
        dim: C.
        heads: H, a divisor of C.
        dropout: of attention weights.
    """

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def project(self, states: Tensor) -> tuple[Tensor, KeysValues]:
        """Queries (B, H, T, C / H), and keys and values, of states (B, T, C)."""
        queries, keys, values = self.qkv(states).chunk(3, dim=-1)
        return self._by_head(queries), KeysValues(self._by_head(keys), self._by_head(values))

    def keys_values(self, states: Tensor) -> KeysValues:
        """Keys and values alone, of states (B, T, C)."""
        dim = states.size(-1)
        projected = functional.linear(states, self.qkv.weight[dim:], self.qkv.bias[dim:])
        keys, values = projected.chunk(2, dim=-1)
        return KeysValues(self._by_head(keys), self._by_head(values))

    def read(self, states: Tensor, readable: Optional[Tensor]) -> tuple[Tensor, KeysValues]:
        """Let a document attend to itself.

        Args:
            states: (B, S, C).
            readable: False at padding, (B, S); None where there is none.

        Returns:
            What was read, (B, S, C), and the document's keys and values.
        """
        queries, made = self.project(states)
        mask = None if readable is None else readable[:, None, None, :]
        found = functional.scaled_dot_product_attention(
            queries, made.keys, made.values, attn_mask=mask, dropout_p=self._dropout
        )
        return self._joined(found), made

    def write(
        self,
        states: Tensor,
        document: KeysValues,
        before: Optional[KeysValues],
        readable: Optional[Tensor],
    ) -> tuple[Tensor, KeysValues]:
        """Let tokens of part B attend to the document, to part B before them and to themselves.

        Args:
            states: of N rows, (N, T, C).
            document: of B documents, where N is B times the hypotheses of each.
            before: of the tokens of part B before these; None at its beginning.
            readable: False at the padding of documents, (B, S); None where there is none.

        Returns:
            What was read, (N, T, C), and keys and values of part B up to here.
        """
        queries, own = self.project(states)
        if before is not None:
            own = KeysValues(
                torch.cat([before.keys, own.keys], dim=2),
                torch.cat([before.values, own.values], dim=2),
            )
        # One query a row: joining document and part B would copy the document for each token.
        joined = queries.size(2) > 1 and queries.size(0) == document.keys.size(0)
        attend = self._attend_joined if joined else self._attend_in_two_parts
        return self._joined(attend(queries, document, own, readable)), own

    def _attend_joined(
        self, queries: Tensor, document: KeysValues, own: KeysValues, readable: Optional[Tensor]
    ) -> Tensor:
        rows, _, steps, _ = queries.shape
        if readable is None:
            readable = queries.new_ones(rows, document.keys.size(2), dtype=torch.bool)
        mask = torch.cat(
            [
                readable[:, None, None, :].expand(-1, -1, steps, -1),
                _backwards(queries, own)[None, None].expand(rows, -1, -1, -1),
            ],
            dim=-1,
        )
        return functional.scaled_dot_product_attention(
            queries,
            torch.cat([document.keys, own.keys], dim=2),
            torch.cat([document.values, own.values], dim=2),
            attn_mask=mask,  # (N, 1, T, S + T)
            dropout_p=self._dropout,
        )

    def _attend_in_two_parts(
        self, queries: Tensor, document: KeysValues, own: KeysValues, readable: Optional[Tensor]
    ) -> Tensor:
        rows, heads, steps, width = queries.shape
        documents, _, length, _ = document.keys.shape
        beam = rows // documents
        scaled = queries * width**-0.5
        # (B * beam) x H x T x d -> B x H x (beam * T) x d: a document's hypotheses are its queries
        grouped = scaled.view(documents, beam, heads, steps, width).transpose(1, 2)
        grouped = grouped.reshape(documents, heads, beam * steps, width)
        on_document = grouped @ document.keys.transpose(-1, -2)
        if readable is not None:
            on_document = on_document.masked_fill(~readable[:, None, None, :], float("-inf"))
        # B x H x (beam * T) x S -> (B * beam) x H x T x S
        on_document = on_document.view(documents, heads, beam, steps, length).transpose(1, 2)
        on_document = on_document.reshape(rows, heads, steps, length)
        on_own = scaled @ own.keys.transpose(-1, -2)
        on_own = on_own.masked_fill(~_backwards(queries, own), float("-inf"))
        weights = torch.cat([on_document, on_own], dim=-1)
        weights = torch.softmax(weights, dim=-1, dtype=_precise(weights)).type_as(queries)
        weights = functional.dropout(weights, self._dropout)
        for_document = weights[..., :length].reshape(documents, beam, heads, steps, length)
        for_document = for_document.transpose(1, 2).reshape(documents, heads, -1, length)
        read = (for_document @ document.values).view(documents, heads, beam, steps, width)
        read = read.transpose(1, 2).reshape(rows, heads, steps, width)
        return read + weights[..., length:] @ own.values

    @property
    def _dropout(self) -> float:
        return self.dropout if self.training else 0.0

    def _by_head(self, states: Tensor) -> Tensor:
        rows, length, dim = states.shape
        # B x T x C -> B x H x T x d
        return states.view(rows, length, self.heads, dim // self.heads).transpose(1, 2)

    def _joined(self, found: Tensor) -> Tensor:
        rows, _, length, _ = found.shape
        # B x H x T x d -> B x T x C
        output: Tensor = self.out(found.transpose(1, 2).reshape(rows, length, -1))
        return output


def _backwards(queries: Tensor, own: KeysValues) -> Tensor:
    """Which tokens of part B the last T of them may see, (T, T_all): those before, themselves."""
    steps, length = queries.size(2), own.keys.size(2)
    everything = torch.ones(steps, length, dtype=torch.bool, device=queries.device)
    return everything.tril(length - steps)


def _precise(weights: Tensor) -> torch.dtype:
    return torch.promote_types(weights.dtype, torch.float32)

"""mGLM's one stack of Transformer layers: reads a corrupted text, writes what it lacks.

Du et al. (2022), "GLM: General Language Model Pretraining with Autoregressive Blank Infilling",
section 2.2, and the released mGLM: layer norm before each part of a layer and after the last one,
GELU in its tanh form, biases everywhere but in the output projection, which is the word embedding.
Two tables of learned positions are added to the embedding: of a token's place in the corrupted text
(for what is written: the place of its blank), and of its place in its span (0 in the text).
"""

import math
from dataclasses import dataclass
from typing import Any, Optional

from torch import Tensor, nn
from torch.nn import functional

from mclas_fairseq.mglm.attention import GlmAttention, KeysValues

_STANDARD_DEVIATION = 0.02


@dataclass(frozen=True)
class GlmShape:
    """Sizes of a stack.

    Attributes:
        entries: V, of the dictionary.
        pad: id of padding.
        layers: number of layers.
        dim: C.
        ffn_dim: of the feed-forward parts.
        heads: H, a divisor of C.
        positions: rows of each of both tables of positions.
        dropout: after embedding, attention and feed-forward parts.
        attention_dropout: of attention weights.
    """

    entries: int
    pad: int
    layers: int
    dim: int
    ffn_dim: int
    heads: int
    positions: int
    dropout: float
    attention_dropout: float


class GlmLayer(nn.Module):
    """A layer: attention and a feed-forward part, each behind a layer norm."""

    def __init__(self, shape: GlmShape):
        super().__init__()
        self.dropout = shape.dropout
        self.attention_norm = nn.LayerNorm(shape.dim, eps=1e-5)
        self.attention = GlmAttention(shape.dim, shape.heads, shape.attention_dropout)
        self.ffn_norm = nn.LayerNorm(shape.dim, eps=1e-5)
        self.fc1 = nn.Linear(shape.dim, shape.ffn_dim)
        self.fc2 = nn.Linear(shape.ffn_dim, shape.dim)

    def read(self, states: Tensor, readable: Optional[Tensor]) -> tuple[Tensor, KeysValues]:
        """Read a document; see `GlmAttention.read`. States (B, S, C) in and out."""
        found, made = self.attention.read(self.attention_norm(states), readable)
        return self._rest(states, found), made

    def keys_values(self, states: Tensor) -> KeysValues:
        """What the last layer gives of a document: nothing reads its output. States (B, S, C)."""
        made: KeysValues = self.attention.keys_values(self.attention_norm(states))
        return made

    def write(
        self,
        states: Tensor,
        document: KeysValues,
        before: Optional[KeysValues],
        readable: Optional[Tensor],
    ) -> tuple[Tensor, KeysValues]:
        """Go on in part B; see `GlmAttention.write`. States (N, T, C) in and out."""
        normed = self.attention_norm(states)
        found, own = self.attention.write(normed, document, before, readable)
        return self._rest(states, found), own

    def _rest(self, states: Tensor, found: Tensor) -> Tensor:
        states = states + functional.dropout(found, self.dropout, self.training)
        hidden = functional.gelu(self.fc1(self.ffn_norm(states)), approximate="tanh")
        return states + functional.dropout(self.fc2(hidden), self.dropout, self.training)


class GlmStack(nn.Module):
    """Embeddings, layers, last norm, and the output projection, whose weight is the embedding."""

    def __init__(self, shape: GlmShape):
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.entries, shape.dim, padding_idx=shape.pad)
        self.embed_positions = nn.Embedding(shape.positions, shape.dim)
        self.embed_span_positions = nn.Embedding(shape.positions, shape.dim)
        self.layers = nn.ModuleList([GlmLayer(shape) for _ in range(shape.layers)])
        self.final_norm = nn.LayerNorm(shape.dim, eps=1e-5)
        self.output_projection = nn.Linear(shape.dim, shape.entries, bias=False, device="meta")
        self.output_projection.weight = self.embed_tokens.weight
        self._start()

    def read(
        self, tokens: Tensor, positions: Tensor, readable: Optional[Tensor]
    ) -> list[KeysValues]:
        """Keys and values of a corrupted text, by layer.

        Args:
            tokens: (B, S).
            positions: of each in the text, (B, S).
            readable: False at padding, (B, S); None where there is none.
        """
        states = self._embed(tokens, positions, positions.new_zeros(()))
        *below, last = self._typed_layers()
        found = []
        for layer in below:
            states, made = layer.read(states, readable)
            found.append(made)
        return [*found, last.keys_values(states)]

    def write(
        self,
        tokens: Tensor,
        positions: tuple[Tensor, Tensor],
        document: list[KeysValues],
        before: Optional[list[KeysValues]] = None,
        readable: Optional[Tensor] = None,
    ) -> tuple[Tensor, list[KeysValues]]:
        """Read tokens of part B, each to say what follows.

        Args:
            tokens: of N rows, (N, T).
            positions: of their blanks in the text, and in their spans, from 1; each (N, T).
            document: what `read` gave for B documents; N is B times the hypotheses of each.
            before: what this method gave for the tokens of part B before these.
            readable: as given to `read`.

        Returns:
            Features (N, T, C), and keys and values of part B up to here, by layer.
        """
        states = self._embed(tokens, *positions)
        found = []
        for index, layer in enumerate(self._typed_layers()):
            kept = None if before is None else before[index]
            states, own = layer.write(states, document[index], kept, readable)
            found.append(own)
        features: Tensor = self.final_norm(states)
        return features, found

    def _embed(self, tokens: Tensor, positions: Tensor, span_positions: Tensor) -> Tensor:
        states = self.embed_tokens(tokens) + self.embed_positions(positions)
        states = states + self.embed_span_positions(span_positions)
        return functional.dropout(states, self.shape.dropout, self.training)

    def _typed_layers(self) -> list[Any]:
        return list(self.layers)

    def _start(self) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.dim() > 1:
                ends_a_part = name.endswith(("attention.out.weight", "fc2.weight"))
                parts = 2 * self.shape.layers if ends_a_part else 1
                nn.init.normal_(parameter, std=_STANDARD_DEVIATION / math.sqrt(parts))
        nn.init.zeros_(self.embed_tokens.weight.data[self.shape.pad])

"""Writing with mGLM's stack: what the blanks of a text stand for (part B)."""

from typing import Any, Optional

import torch
from fairseq.models import FairseqIncrementalDecoder
from torch import Tensor

from mclas_fairseq.mglm.attention import KeysValues
from mclas_fairseq.mglm.encoder import EncoderOut
from mclas_fairseq.mglm.stack import GlmStack
from mclas_fairseq.mglm.symbols import Symbols

IncrementalState = dict[str, dict[str, Optional[Tensor]]]

_KEPT = "part_b"


class GlmDecoder(FairseqIncrementalDecoder):
    """Writes part B. The stack is the model's; it is not a part of the decoder alone."""

    def __init__(self, dictionary: Any, stack: GlmStack, symbols: Symbols):
        super().__init__(dictionary)
        self._shared = (stack,)
        self.symbols = symbols

    @property
    def output_projection(self) -> Any:
        """The linear layer from features to logits; its weight is the word embedding."""
        return self._shared[0].output_projection

    def forward(
        self,
        prev_output_tokens: Tensor,
        encoder_out: Optional[EncoderOut] = None,
        incremental_state: Optional[IncrementalState] = None,
        tgt_pos1: Optional[Tensor] = None,
        tgt_pos2: Optional[Tensor] = None,
        features_only: bool = False,
    ) -> tuple[Tensor, dict[str, Any]]:
        """Say what follows each token of part B.

        Args:
            prev_output_tokens: `<sop>` and what follows, span after span, padded on the right,
                (N, T). What stands first is read as `<sop>`, whatever it is: where a search names
                a target language there, the prompt has named it already.
            encoder_out: of part A.
            incremental_state: what is kept between calls; only tokens behind those of the last
                call are computed then.
            tgt_pos1: where the tokens' blanks are in part A, (N, T); None: at its one blank.
            tgt_pos2: places in their spans, from 1, (N, T); None: there is one span.
            features_only: leave out the output projection.

        Returns:
            Logits (N, T, V), or features (N, T, C), of the tokens that were computed; and `attn`,
            which mGLM does not give.
        """
        assert encoder_out is not None
        positions = self._positions(prev_output_tokens, encoder_out, tgt_pos1, tgt_pos2)
        before = self._recall(incremental_state)
        known = 0 if before is None else before[0].keys.size(2)
        tokens = prev_output_tokens[:, known:]
        if not known:
            tokens = torch.cat([torch.full_like(tokens[:, :1], self.symbols.sop), tokens[:, 1:]], 1)
        document = [
            KeysValues(*pair)
            for pair in zip(encoder_out["keys"], encoder_out["values"], strict=True)
        ]
        features, own = self._shared[0].write(
            tokens,
            (positions[0][:, known:], positions[1][:, known:]),
            document,
            before,
            encoder_out["readable"][0] if encoder_out["readable"] else None,
        )
        if incremental_state is not None:
            self._keep(incremental_state, own)
        return (features if features_only else self.output_layer(features)), {"attn": [None]}

    def output_layer(self, features: Tensor, **_: Any) -> Tensor:
        """Logits (N, T, V) of features (N, T, C)."""
        logits: Tensor = self.output_projection(features)
        return logits

    def reorder_incremental_state(
        self, incremental_state: IncrementalState, new_order: Tensor
    ) -> None:
        """Move what is kept of part B to where hypotheses have moved."""
        kept = self.get_incremental_state(incremental_state, _KEPT)
        if kept:
            moved = {name: one.index_select(0, new_order) for name, one in kept.items()}
            self.set_incremental_state(incremental_state, _KEPT, moved)

    def max_positions(self) -> int:
        """Longest part B: places in a span begin at 1."""
        return int(self._shared[0].shape.positions) - 1

    def _positions(
        self,
        tokens: Tensor,
        encoder_out: EncoderOut,
        tgt_pos1: Optional[Tensor],
        tgt_pos2: Optional[Tensor],
    ) -> tuple[Tensor, Tensor]:
        rows, length = tokens.shape
        if tgt_pos1 is None:
            blank = encoder_out["blank"][0]
            # B -> (B * beam) x T
            tgt_pos1 = blank.repeat_interleave(rows // blank.size(0))[:, None].expand(-1, length)
        if tgt_pos2 is None:
            tgt_pos2 = torch.arange(1, length + 1, device=tokens.device).expand(rows, -1)
        return tgt_pos1, tgt_pos2

    def _recall(self, incremental_state: Optional[IncrementalState]) -> Optional[list[KeysValues]]:
        kept = self.get_incremental_state(incremental_state, _KEPT)
        if not kept:
            return None
        layers = range(len(kept) // 2)
        return [KeysValues(kept[f"keys_{index}"], kept[f"values_{index}"]) for index in layers]

    def _keep(self, incremental_state: IncrementalState, own: list[KeysValues]) -> None:
        kept = {f"keys_{index}": layer.keys for index, layer in enumerate(own)}
        kept |= {f"values_{index}": layer.values for index, layer in enumerate(own)}
        self.set_incremental_state(incremental_state, _KEPT, kept)

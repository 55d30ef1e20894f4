"""The decoder of all models: fairseq's, with a gate for copying, and logits where wanted.

To compute logits of target tokens alone, not of a batch's padding, is what fairseq's RoBERTa does
with `masked_tokens` (Liu et al. 2019, arXiv:1907.11692).
"""

from typing import Any, Optional

from fairseq.models.transformer import TransformerConfig, TransformerDecoderBase
from torch import Tensor, nn

from mclas_fairseq.modules.copy_attention import CopyGate
from mclas_fairseq.modules.translation_table import Documents, TranslationTable

_COPY_HEADS = 1  # one head of the last layer points; the others are free to attend elsewhere


class SummaryDecoder(TransformerDecoderBase):
    """fairseq's decoder, with a gate for copying from the document when asked for."""

    def __init__(
        self, cfg: TransformerConfig, dictionary: Any, embed_tokens: nn.Embedding, copy: bool
    ):
        super().__init__(cfg, dictionary, embed_tokens, no_encoder_attn=cfg.no_cross_attention)
        self.copy_gate = CopyGate(self.output_embed_dim) if copy else None
        self.translations: Optional[TranslationTable] = None  # copies are themselves

    @property
    def reads_documents_by_attention_alone(self) -> bool:
        """Whether hypotheses of one document may share its row of encoder output."""
        return type(self) is SummaryDecoder

    def forward(
        self,
        prev_output_tokens: Tensor,
        encoder_out: Optional[dict[str, list[Tensor]]] = None,
        incremental_state: Optional[dict[str, Any]] = None,
        features_only: bool = False,
        full_context_alignment: bool = False,
        alignment_layer: Optional[int] = None,
        alignment_heads: Optional[int] = None,
        src_lengths: Optional[Tensor] = None,
        return_all_hiddens: bool = False,
        target_mask: Optional[Tensor] = None,
    ) -> tuple[Tensor, dict[str, Any]]:
        """Decode prev_output_tokens (B, T_tgt).

        Args:
            prev_output_tokens: what the decoder reads.
            target_mask: the positions whose logits are wanted, bool, shape (B, T_tgt); None: all.
                In training those of padding are not, and the output projection is a dear layer.

        Returns:
            Logits (B, T_tgt, V), or features (B, T_tgt, C) with `features_only`, and fairseq's
            extra dictionary; with copying also `copy_gate` (B, T_tgt, 1) and `src_tokens`
            (B, T_src), and where copies are translated `translations`, from which
            `MclasModel.get_normalized_probs` makes the mixture. With `target_mask` the logits are
            (n, V), the features (n, C), and `rows` (n,) says which of the B * T_tgt they are;
            `MclasModel.smoothed_loss` makes the loss of them.
        """
        if self.copy_gate is not None and alignment_heads is None:
            alignment_heads = _COPY_HEADS
        features, extra = self.extract_features(
            prev_output_tokens,
            encoder_out=encoder_out,
            incremental_state=incremental_state,
            full_context_alignment=full_context_alignment,
            alignment_layer=alignment_layer,
            alignment_heads=alignment_heads,
        )
        if self.copy_gate is not None:
            assert encoder_out is not None
            extra["copy_gate"] = self.copy_gate(features)
            copied = encoder_out["src_tokens"][0]
            # Search may keep one row for all hypotheses of a document.
            extra["src_tokens"] = copied.repeat_interleave(len(features) // len(copied), dim=0)
            if self.translations is not None:
                documents = Documents(
                    copied, encoder_out["encoder_out"][0], self.embed_tokens.weight
                )
                extra["translations"] = self.translations(
                    prev_output_tokens,
                    documents,
                    features.size(1),  # one position alone where what stands before it is known
                    incremental_state,
                )
        if target_mask is not None:
            extra["rows"] = target_mask.reshape(-1).nonzero().view(-1)
            features = features.reshape(-1, features.size(-1)).index_select(0, extra["rows"])
        return (features if features_only else self.output_layer(features)), extra

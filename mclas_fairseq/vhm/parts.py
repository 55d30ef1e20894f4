"""Encoder and decoder of VHM: fairseq's, with latent variables between them.

Liang et al. (2022), "A Variational Hierarchical Model for Neural Cross-Lingual Summarization"
(ACL 2022, arXiv:2203.03820), sections 3.1 to 3.3. The encoder owns the prior and recognition
networks, because search calls nothing but encoder and decoder: what it draws travels in its output
dictionary, along with the rows of the beam, to the decoder's projection (Eq. 8).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import torch
import torch.nn.functional as F
from fairseq.models.transformer import TransformerConfig
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.summarization.decoder import SummaryDecoder
from mclas_fairseq.summarization.encoders import CopiedEncoder
from mclas_fairseq.vhm.latents import (
    GLOBAL,
    LatentNetworks,
    LatentOutput,
    LatentPlan,
    LatentProjection,
    join_latents,
    mean_pool,
)
from mclas_fairseq.vhm.noise import Draw, LatentNoise, draw_mean

EncoderOut = dict[str, list[Any]]

LATENT = "latent"  # in the encoder's output: what the decoder reads, (B, Z), (B, 2 Z) or (B, 0)
_MOST_PADDED = 1.1  # positions, padding that a common width adds included, over those without it
LATENT_TASK = "latent_task"  # and the task, whose projection it goes through


class LatentEncoder(CopiedEncoder):
    """fairseq's encoder, with the networks of the latent variables.

    Args:
        cfg: fairseq's options of a Transformer.
        dictionary: the one dictionary.
        embed_tokens: the one embedding.
        plan: which latent variables there are; without any, this is the plain encoder.
        latent_dim: Z.
        bare_projection: without any, whether the decoder goes through Eq. 8's layer all the same:
            it is then given a latent variable of no dimensions.
    """

    def __init__(
        self,
        cfg: TransformerConfig,
        dictionary: Any,
        embed_tokens: nn.Embedding,
        plan: LatentPlan,
        latent_dim: int,
        bare_projection: bool = False,
    ):
        super().__init__(cfg, dictionary, embed_tokens)
        self.plan = plan
        self.bare_projection = bare_projection
        self.latents = (
            LatentNetworks(plan, cfg.encoder.embed_dim, latent_dim) if plan.names else None
        )

    def forward(
        self,
        src_tokens: Tensor,
        src_lengths: Optional[Tensor] = None,
        return_all_hiddens: bool = False,
        token_embeddings: Optional[Tensor] = None,
        task_name: str = GLOBAL,
        draw: Draw = draw_mean,
    ) -> EncoderOut:
        """Encode documents for decoding, with latent variables from the prior networks.

        Args:
            src_tokens: (B, T_src), padded on either side.
            src_lengths: not needed; fairseq's callers give it.
            return_all_hiddens: as fairseq's.
            token_embeddings: as fairseq's.
            task_name: what will be decoded: "mt", "ms" or "cls".
            draw: a value of each latent variable; its prior mean by default.

        Returns:
            fairseq's dictionary and, where the decoder goes through Eq. 8, the entries `latent`
            and `latent_task`. Nothing of it depends on a reference or on other rows.
        """
        out = self.encode(src_tokens, return_all_hiddens, token_embeddings)
        if self.latents is None:
            return self.attach(out, task_name, LatentOutput())
        return self.attach(out, task_name, self.latents.from_prior(task_name, pool(out), draw))

    def encode(
        self,
        src_tokens: Tensor,
        return_all_hiddens: bool = False,
        token_embeddings: Optional[Tensor] = None,
    ) -> EncoderOut:
        """Encode texts (B, T) and nothing else."""
        return super().forward(
            src_tokens,
            return_all_hiddens=return_all_hiddens,
            token_embeddings=token_embeddings,
        )

    def encode_together(self, texts: Sequence[Tensor]) -> list[EncoderOut]:
        """Encode several batches of texts (B_i, T_i), in one call where that is faster.

        Each comes out as if it had a call of its own, and has one where much would be padding:
        summaries beside documents.
        """
        width = max(tokens.size(1) for tokens in texts)
        rows = sum(tokens.size(0) for tokens in texts)
        if rows * width > _MOST_PADDED * sum(tokens.numel() for tokens in texts):
            return [self.encode(tokens) for tokens in texts]
        padded = [
            F.pad(tokens, (width - tokens.size(1), 0), value=self.padding_idx) for tokens in texts
        ]
        out = self.encode(torch.cat(padded))
        outs, start = [], 0
        for tokens in texts:
            end, length = start + tokens.size(0), tokens.size(1)
            outs.append(_cut(out, slice(start, end), length))
            start = end
        return outs

    def attach(self, out: EncoderOut, task: str, latents: LatentOutput) -> EncoderOut:
        """The encoder's output with what the decoder reads of the latent variables in a task."""
        names = self.plan.decoder_inputs(task)
        if names:
            z = join_latents(latents.z, names)
        elif self.bare_projection:
            states = out["encoder_out"][0]
            z = states.new_zeros(states.size(1), 0)
        else:
            return out
        return {**out, LATENT: [z], LATENT_TASK: [task]}

    def reorder_encoder_out(self, encoder_out: EncoderOut, new_order: Tensor) -> EncoderOut:
        """Choose and repeat rows; fairseq's would drop the entries that it does not know."""
        out: EncoderOut = super().reorder_encoder_out(encoder_out, new_order)
        if LATENT in encoder_out:
            out[LATENT] = [encoder_out[LATENT][0].index_select(0, new_order)]
            out[LATENT_TASK] = encoder_out[LATENT_TASK]
        return out


class LatentDecoder(SummaryDecoder):
    """fairseq's decoder, whose top states go through Eq. 8 in tasks that read latent variables.

    Args:
        cfg: fairseq's options of a Transformer.
        dictionary: the one dictionary.
        embed_tokens: the one embedding.
        copy: with a gate for copying; it reads what Eq. 8 gives.
        latent_dims: size of what is read, for each task that goes through Eq. 8: 0 where that
            reads nothing but the states.
    """

    def __init__(
        self,
        cfg: TransformerConfig,
        dictionary: Any,
        embed_tokens: nn.Embedding,
        copy: bool,
        latent_dims: dict[str, int],
    ):
        super().__init__(cfg, dictionary, embed_tokens, copy=copy)
        self.latent_projections = nn.ModuleDict(
            {
                task: LatentProjection(self.output_embed_dim, dim)
                for task, dim in latent_dims.items()
            }
        )

    @property
    def reads_documents_by_attention_alone(self) -> bool:
        """Whether hypotheses of one document may share its row of encoder output.

        Latent variables are a row's as well, but `extract_features` repeats them.
        """
        return self.copy_gate is None

    def extract_features(
        self,
        prev_output_tokens: Tensor,
        encoder_out: Optional[EncoderOut] = None,
        incremental_state: Optional[dict[str, Any]] = None,
        full_context_alignment: bool = False,
        alignment_layer: Optional[int] = None,
        alignment_heads: Optional[int] = None,
    ) -> tuple[Tensor, dict[str, Any]]:
        """Features o_t of Eq. 8, (B, T_tgt, C), or the top states where no latent is read."""
        features, extra = super().extract_features(
            prev_output_tokens,
            encoder_out,
            incremental_state,
            full_context_alignment,
            alignment_layer,
            alignment_heads,
        )
        if encoder_out is not None and LATENT in encoder_out:
            projection = self.latent_projections[encoder_out[LATENT_TASK][0]]
            z = encoder_out[LATENT][0]
            if len(features) > len(z):  # search keeps one row for all hypotheses of a document
                z = z.repeat_interleave(len(features) // len(z), dim=0)
            features = projection(features, z)
        return features, extra


def encoder_pass(
    encoder: LatentEncoder,
    task: str,
    batch: Mapping[str, Any],
    noise: Optional[LatentNoise],
    locals_in_cls: str,
) -> tuple[EncoderOut, LatentOutput]:
    """Encode a batch's sources, and its references where the task's latents read them.

    Returns:
        The encoder's output for the sources, with what the decoder reads of the latent variables,
        and the latent variables themselves (empty where the task has none).
    """
    texts = [batch["net_input"]["src_tokens"]]
    if encoder.latents is None or not encoder.plan.needed(task):
        return encoder.attach(encoder.encode(texts[0]), task, LatentOutput()), LatentOutput()
    texts.append(batch["tgt_src_tokens"])
    with_summary = (
        task == GLOBAL and locals_in_cls == "summary" and "ms" in encoder.plan.needed(task)
    )
    if with_summary:
        if "ms_tgt_src_tokens" not in batch:
            raise ConfigError(
                "--cls-local-latents summary: documents of the CLS corpus must have a summary in "
                "their own language, those of this batch have none; give --cls-local-latents prior"
            )
        texts.append(batch["ms_tgt_src_tokens"])
    out, *references = encoder.encode_together(texts)
    latents = encoder.latents.from_posterior(
        task,
        pool(out),
        pool(references[0]),
        draw_mean if noise is None else noise.draw(task, batch["id"]),
        locals_in_cls=locals_in_cls,
        summary=pool(references[1]) if with_summary else None,
    )
    return encoder.attach(out, task, latents), latents


def pool(encoder_out: EncoderOut) -> Tensor:
    """Mean of the encoder's states over the tokens of each text, (B, C), fp32."""
    return mean_pool(encoder_out["encoder_out"][0], encoder_out["encoder_padding_mask"][0])


def _cut(out: EncoderOut, rows: slice, length: int) -> EncoderOut:
    """The entries of some rows, without the padding that stands before their last positions."""
    return {
        "encoder_out": [out["encoder_out"][0][-length:, rows]],
        "encoder_padding_mask": [out["encoder_padding_mask"][0][rows, -length:]],
        "encoder_embedding": [],
        "encoder_states": [],
        "fc_results": [],
        "src_tokens": [out["src_tokens"][0][rows, -length:]],
        "src_lengths": [out["src_lengths"][0][rows]],
    }

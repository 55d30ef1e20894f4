"""NCLS+MS: one encoder and two decoders, one for each summary.

Bai et al. (2021), "Cross-Lingual Abstractive Summarization with Limited Parallel Resources" (ACL
2021), Eq. 2, after Zhu et al. (2019), "NCLS: Neural Cross-Lingual Summarization" (EMNLP 2019): the
summaries `S^A` and `S^B` are written independently of each other and meet in the encoder alone.
Both decoders have one embedding and one output projection. Both start from the decoder of a
monolingual summarizer, given with --finetune-from-model; with one of them at random, section 5.3
of the first paper says, the model does not converge (--ncls-ms-init cls-random is that control).
"""

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any, Optional

from fairseq.models import register_model, register_model_architecture
from torch import Tensor

from mclas_fairseq.modules.lexicon_weights import is_lexicon
from mclas_fairseq.summarization.fit import check_fit
from mclas_fairseq.summarization.model import (
    MclasModel,
    mclas_base,
    mclas_mbart,
    mclas_mbert,
    mclas_small,
    mclas_tiny,
)

logger = logging.getLogger(__name__)

_CLS, _MS = "decoder.", "ms_decoder."
# One for both decoders, so that they come from a checkpoint for both or for none.
_SHARED = ("decoder.embed_tokens.", "decoder.output_projection.")

Output = tuple[Tensor, dict[str, Any]]


@register_model("ncls_ms")
class NclsMsModel(MclasModel):
    """The Transformer of MCLAS with two decoders: `decoder` writes `S^B`, `ms_decoder` `S^A`."""

    two_decoders = True

    def __init__(self, args: Any, encoder: Any, decoder: Any):
        super().__init__(args, encoder, decoder)
        build: Any = type(self).build_decoder
        self.ms_decoder = build(args, decoder.dictionary, decoder.embed_tokens)
        self.ms_decoder.output_projection = decoder.output_projection
        self.ncls_ms_init = "both"

    @classmethod
    def add_args(cls, parser: ArgumentParser) -> None:
        """Add the options of `mclas` and ours."""
        MclasModel.add_args(parser)
        parser.add_argument(
            "--ncls-ms-init",
            choices=("both", "cls-random"),
            help="with --finetune-from-model and a checkpoint of one decoder: start both decoders "
            "from it (both, the default), or leave the one of the summary in the target language "
            "at random, but for the embedding that they have in common (cls-random, a control)",
        )

    @classmethod
    def build_model(cls, args: Namespace, task: Any) -> "NclsMsModel":
        """Build the model for layout `ncls_ms`.

        Raises:
            ConfigError: the task is another one, or has another layout.
        """
        model: Any = super().build_model(args, task)
        model.ncls_ms_init = getattr(args, "ncls_ms_init", None) or "both"
        built: NclsMsModel = model
        return built

    def forward(  # type: ignore[override]  # fairseq's options are for one decoder
        self,
        src_tokens: Tensor,
        src_lengths: Tensor,
        prev_output_tokens: Tensor,
        ms_prev_output_tokens: Optional[Tensor] = None,
        target_mask: Optional[Tensor] = None,
        ms_target_mask: Optional[Tensor] = None,
    ) -> Output:
        """Run the encoder once and each decoder that is given something to read.

        Args:
            src_tokens: documents, shape (B, T_src).
            src_lengths: their lengths, shape (B,).
            prev_output_tokens: what the decoder of `S^B` reads, BOS first, shape (B, T_tgt).
            ms_prev_output_tokens: what that of `S^A` reads, shape (B, T_ms).
            target_mask: the positions whose logits of `S^B` are wanted, bool, shape (B, T_tgt);
                None: all.
            ms_target_mask: the same of `S^A`, shape (B, T_ms).

        Returns:
            Logits (B, T_tgt, V) of `S^B` and fairseq's extra dictionary; its entry `ms` holds the
            same two for `S^A`, with logits (B, T_ms, V). With `target_mask`, see `SummaryDecoder`.
        """
        network: Any = self  # torch types a module's parts as tensors or modules
        encoder_out = network.encoder(src_tokens, src_lengths=src_lengths)
        logits, extra = network.decoder(
            prev_output_tokens, encoder_out=encoder_out, target_mask=target_mask
        )
        if ms_prev_output_tokens is not None:
            extra["ms"] = network.ms_decoder(
                ms_prev_output_tokens, encoder_out=encoder_out, target_mask=ms_target_mask
            )
        return logits, extra

    def one_decoder(self, name: str) -> MclasModel:
        """This model's encoder with one of its decoders, "cls" or "ms": the same parameters."""
        decoder = {"cls": self.decoder, "ms": self.ms_decoder}[name]
        model = MclasModel(self.args, self.encoder, decoder)
        model.training = self.training
        return model

    def checked(self, state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
        """Weights of this dictionary; those of a model with one decoder, for both decoders.

        Raises:
            CheckpointError: the dictionary is another one, or that decoder does not fit.
        """
        state_dict = super().checked(state_dict)
        if any(name.startswith(_MS) for name in state_dict):
            return state_dict
        return self._from_one_decoder(state_dict)

    def _from_one_decoder(self, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        own = self.state_dict()
        found = dict(state_dict)
        cls_random = self.ncls_ms_init == "cls-random"
        for name, weight in state_dict.items():
            if name.startswith(_CLS) and not is_lexicon(name):
                found[_MS + name.removeprefix(_CLS)] = weight
                if cls_random and not name.startswith(_SHARED) and name in own:
                    found[name] = own[name]
        check_fit(own, found)
        logger.info(
            "the checkpoint has one decoder: %s",
            "the decoder of the summary in the document's language starts from it, the other at "
            "random (--ncls-ms-init cls-random)"
            if cls_random
            else "both decoders start from it",
        )
        return found


@register_model_architecture("ncls_ms", "ncls_ms_base")
def ncls_ms_base(args: Namespace) -> None:
    """As `mclas_base`, with a second decoder of 6 layers."""
    mclas_base(args)


@register_model_architecture("ncls_ms", "ncls_ms_small")
def ncls_ms_small(args: Namespace) -> None:
    """As `mclas_small`, with a second decoder of 3 layers."""
    mclas_small(args)


@register_model_architecture("ncls_ms", "ncls_ms_tiny")
def ncls_ms_tiny(args: Namespace) -> None:
    """As `mclas_tiny`, with a second decoder of 2 layers."""
    mclas_tiny(args)


@register_model_architecture("ncls_ms", "ncls_ms_mbert")
def ncls_ms_mbert(args: Namespace) -> None:
    """As `mclas_mbert`, with a second decoder of 6 layers."""
    mclas_mbert(args)


@register_model_architecture("ncls_ms", "ncls_ms_mbart")
def ncls_ms_mbart(args: Namespace) -> None:
    """As `mclas_mbart`, with a second decoder of 12 layers."""
    mclas_mbart(args)

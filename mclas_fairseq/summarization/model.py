"""MCLAS: one Transformer decoder that writes both summaries, or one of them.

Bai et al. (2021), ACL 2021, sections 4 and 5.2: the decoder of a plain Transformer writes
`S^A [LSEP] S^B` (Eq. 3); NCLS (Eq. 1) and the monolingual summarizer are the same network with
another target layout, so that one architecture serves pre-training, fine-tuning and baselines.
Pre-norm layers, GELU, sinusoidal positions and embeddings scaled by sqrt(C) follow the released
code; one embedding is shared by encoder, decoder and output projection. With a pretrained encoder
(`_encoders.py`) the decoder's embedding starts as a copy of the encoder's.
"""

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any, Optional, cast

from fairseq.models import register_model, register_model_architecture
from fairseq.models.transformer import TransformerConfig, TransformerModel
from fairseq.models.transformer.transformer_legacy import base_architecture
from omegaconf import OmegaConf, open_dict
from torch import Tensor, nn

from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.modules.copy_attention import mixture_log_probs
from mclas_fairseq.modules.copy_loss import Copying, smoothed_mixture_loss
from mclas_fairseq.modules.head_options import add_head_args, keep_head_options, settle_heads
from mclas_fairseq.modules.lexicon_weights import with_own_lexicons
from mclas_fairseq.modules.softmax_loss import Smoothing, smoothed_softmax_loss
from mclas_fairseq.modules.translation_table import TranslationTable
from mclas_fairseq.summarization.decoder import SummaryDecoder
from mclas_fairseq.summarization.encoders import (
    add_encoder_args,
    build_text_encoder,
    fit_decoder,
    set_encoder_defaults,
    settle_encoder,
    start_from_pretrained,
)
from mclas_fairseq.summarization.fit import CheckedModel
from mclas_fairseq.summarization.translating import (
    add_translation_args,
    build_table,
    settle_translation,
)

logger = logging.getLogger(__name__)


@register_model("mclas")
class MclasModel(CheckedModel, TransformerModel):
    """The Transformer of MS, NCLS and MCLAS; which of them it is, the task's layout decides."""

    two_decoders = False  # whether each summary has a decoder of its own (layout ncls_ms)
    takes_target_mask = True  # whether `forward` can be told which logits are wanted

    @classmethod
    def add_args(cls, parser: ArgumentParser) -> None:
        """Add fairseq's Transformer options and ours."""
        TransformerModel.add_args(parser)
        parser.add_argument(
            "--copy-attention",
            action="store_true",
            help="mix the vocabulary's distribution with the attention over the document "
            "(pointer-generator, See et al. 2017): meant to carry names, numbers and terms over "
            "when there are few training examples",
        )
        add_translation_args(parser)
        add_encoder_args(parser)
        parser.add_argument(
            "--init-from-mbart",
            metavar="PATH",
            help="start encoder and decoder, two of them with ncls_ms, from the model.pt of "
            "fairseq's mBART; the data-bin must be made with mclas prepare --mbart",
        )
        add_head_args(parser)

    @classmethod
    def build_model(cls, args: Namespace, task: Any) -> "MclasModel":
        """Build the model for one of this plugin's tasks.

        Raises:
            ConfigError: the task is another one, whose decoding would not know the layouts; or
                the pretrained encoder cannot be used, see `settle_encoder`.
        """
        fingerprint = getattr(task, "dictionary_sha256", None)
        if fingerprint is None:
            raise ConfigError(
                "architecture mclas: it needs a task that knows its target layouts, the task "
                f"given is {type(task).__name__}; add --task cross_lingual_summarization"
            )
        if (getattr(task, "layout", None) == "ncls_ms") is not cls.two_decoders:
            raise ConfigError(
                f"--target-layout {getattr(task, 'layout', None)}: it has "
                + (
                    "one decoder, the architecture given (ncls_ms) has two; give --target-layout "
                    "ncls_ms, or --arch mclas_tiny, mclas_small or mclas_base"
                    if cls.two_decoders
                    else "two decoders, the architecture given (mclas) has one; give --arch "
                    "ncls_ms_tiny, ncls_ms_small or ncls_ms_base"
                )
            )
        kept = args
        if OmegaConf.is_config(args):
            # From hydra; fairseq's legacy classes carry options of ours over from a Namespace only.
            args = Namespace(**cast(dict[str, Any], OmegaConf.to_container(args)))
        # The task cuts documents and targets. Under hydra the model has options of its own for it,
        # and where the two disagreed, fairseq would refuse what the task let pass.
        args.max_source_positions, args.max_target_positions = task.max_positions()
        settle_translation(args, task)
        starts_pretrained = settle_encoder(args, task.source_dictionary)
        model: MclasModel = super().build_model(args, task)
        if getattr(args, "translated_copying", None):
            model.translate_copies(build_table(args, task.trained, task.target_dictionary))
        if starts_pretrained:
            start_from_pretrained(args, model)
        _check_heads(args)
        settle_heads(model, args)
        if kept is not args:
            options: Any = kept  # what is saved in checkpoints
            with open_dict(options):
                options.pretrained_config = args.pretrained_config
                keep_head_options(options, args)
                options.copy_attention = bool(getattr(args, "copy_attention", False))
        model.set_fingerprint(fingerprint)
        return model

    def translate_copies(self, table: TranslationTable) -> None:
        """Copy by lexicons in the decoder that writes the target language."""
        network: Any = self
        network.decoder.translations = table

    @classmethod
    def build_encoder(cls, args: Any, src_dict: Any, embed_tokens: nn.Embedding) -> Any:
        """Build fairseq's encoder, or a pretrained one."""
        return build_text_encoder(args, src_dict, embed_tokens)

    @classmethod
    def build_decoder(cls, args: Any, tgt_dict: Any, embed_tokens: nn.Embedding) -> SummaryDecoder:
        """Build the decoder."""
        cfg = TransformerConfig.from_namespace(args)
        copy = bool(getattr(args, "copy_attention", False))
        decoder = SummaryDecoder(cfg, tgt_dict, embed_tokens, copy=copy)
        fit_decoder(args, decoder)
        return decoder

    def forward(
        self,
        src_tokens: Tensor,
        src_lengths: Tensor,
        prev_output_tokens: Tensor,
        **options: Any,
    ) -> tuple[Tensor, dict[str, Any]]:
        """Encode documents and decode what is read of targets.

        Args:
            src_tokens: documents, shape (B, T_src).
            src_lengths: their lengths, shape (B,).
            prev_output_tokens: what the decoder reads, BOS first, shape (B, T_tgt).
            options: of the decoder, such as `target_mask`.

        Returns:
            What the decoder returns, see `SummaryDecoder.forward`.
        """
        network: Any = self  # torch types a module's parts as tensors or modules
        encoder_out = network.encoder(src_tokens, src_lengths=src_lengths)
        found: tuple[Tensor, dict[str, Any]] = network.decoder(
            prev_output_tokens, encoder_out=encoder_out, **options
        )
        return found

    @property
    def softmax_of_logits(self) -> bool:
        """Whether probabilities are the softmax of the logits; with copying they are a mixture."""
        decoder: Any = self.decoder
        return decoder.copy_gate is None

    def get_normalized_probs(
        self,
        net_output: tuple[Tensor, Optional[dict[str, Any]]],
        log_probs: bool,
        sample: Optional[dict[str, Tensor]] = None,
    ) -> Tensor:
        """(Log-)probabilities over the dictionary, fp32; nats if logs.

        Their shape is that of the logits: (B, T_tgt, V), or without copying also (n, V).
        """
        logits, extra = net_output
        if extra is None or "copy_gate" not in extra:
            plain: Tensor = super().get_normalized_probs(net_output, log_probs, sample)
            return plain
        assert "rows" not in extra, "the mixture of some positions alone is not written out"
        mixed = mixture_log_probs(
            logits.float().softmax(dim=-1),
            extra["attn"][0].float(),
            extra["copy_gate"].float(),
            extra["src_tokens"],
            extra.get("translations"),
        )
        return mixed if log_probs else mixed.exp()

    def smoothed_loss(
        self, net_output: tuple[Tensor, dict[str, Any]], target: Tensor, smoothing: Smoothing
    ) -> Optional[tuple[Tensor, Tensor]]:
        """Label-smoothed loss and NLL of n target tokens, without a table of probabilities.

        Args:
            net_output: of this model given `target_mask`: logits (n, V), `rows` in the dictionary.
            target: ids of the targets, none of them padding, shape (n,).
            smoothing: as fairseq has it.

        Returns:
            Loss and NLL in nats, each of shape (n,); None with an adaptive softmax.
        """
        logits, extra = net_output
        if "copy_gate" not in extra:
            decoder: Any = self.decoder
            if decoder.adaptive_softmax is not None:  # which has no logits
                return None
            return smoothed_softmax_loss(logits, target, smoothing)
        attention, gate, rows = extra["attn"][0], extra["copy_gate"], extra["rows"]
        offered = extra.get("translations")
        if offered is not None:
            offered = offered._replace(number=offered.number.reshape(-1)[rows])
        copying = Copying(
            attention.reshape(-1, attention.size(-1)).index_select(0, rows),
            gate.reshape(-1, 1).index_select(0, rows),
            extra["src_tokens"][rows.div(gate.size(1), rounding_mode="floor")],
            offered,
        )
        return smoothed_mixture_loss(logits, copying, target, smoothing)

    def checked(self, state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
        """Weights of this dictionary and of one decoder, with the lexicons of this model.

        Raises:
            CheckpointError: they are others.
        """
        super().checked(state_dict)
        if not self.two_decoders and any(name.startswith("ms_decoder.") for name in state_dict):
            raise CheckpointError(
                "checkpoint: it must have one decoder, as architecture mclas has, but has two "
                "(architecture ncls_ms); give --arch ncls_ms_tiny, ncls_ms_small or ncls_ms_base "
                "with --target-layout ncls_ms, or a checkpoint of mclas"
            )
        return with_own_lexicons(self.state_dict(), state_dict)


def _check_heads(args: Namespace) -> None:
    if getattr(args, "pruned_heads", None) and getattr(args, "init_from_mbart", None):
        raise ConfigError(
            f"--pruned-heads {args.pruned_heads:.60}: mBART's weights (--init-from-mbart) need all"
            " heads; train first, then take heads out with mclas heads prune"
        )


def _set_default(args: Namespace, name: str, value: object) -> None:
    # `args` is a Namespace on the command line and an omegaconf node under hydra.
    if not hasattr(args, name):
        setattr(args, name, value)


def _sizes(args: Namespace, *, embed_dim: int, ffn_dim: int, layers: int, heads: int) -> None:
    for side in ("encoder", "decoder"):
        _set_default(args, f"{side}_embed_dim", embed_dim)
        _set_default(args, f"{side}_ffn_embed_dim", ffn_dim)
        _set_default(args, f"{side}_layers", layers)
        _set_default(args, f"{side}_attention_heads", heads)


@register_model_architecture("mclas", "mclas_base")
def mclas_base(args: Namespace) -> None:
    """6+6 layers, C 512, FFN 2048, 8 heads."""
    set_encoder_defaults(args)
    _sizes(args, embed_dim=512, ffn_dim=2048, layers=6, heads=8)
    for side in ("encoder", "decoder"):
        _set_default(args, f"{side}_normalize_before", True)
    _set_default(args, "share_all_embeddings", True)
    _set_default(args, "activation_fn", "gelu")
    _set_default(args, "copy_attention", False)
    for name in ("translated_copying", "lexicon"):
        _set_default(args, name, None)
    if getattr(args, "bf16", False):
        # fairseq's command line takes --bf16 for a TPU (fairseq/options.py); with this plugin it
        # means bf16 on the device at hand.
        args.tpu = False
    base_architecture(args)


@register_model_architecture("mclas", "mclas_small")
def mclas_small(args: Namespace) -> None:
    """3+3 layers, C 256, FFN 1024, 4 heads: a few thousand examples, or two cores."""
    _sizes(args, embed_dim=256, ffn_dim=1024, layers=3, heads=4)
    mclas_base(args)


@register_model_architecture("mclas", "mclas_tiny")
def mclas_tiny(args: Namespace) -> None:
    """2+2 layers, C 128, FFN 512, 4 heads: demonstrations and tests."""
    _sizes(args, embed_dim=128, ffn_dim=512, layers=2, heads=4)
    mclas_base(args)


@register_model_architecture("mclas", "mclas_mbert")
def mclas_mbert(args: Namespace) -> None:
    """Bai et al. (2021), section 5.2: multilingual BERT and 6 decoder layers, C 768, 8 heads."""
    set_encoder_defaults(args)
    args.pretrained_required = True
    _sizes(args, embed_dim=768, ffn_dim=2048, layers=6, heads=8)
    for kind in ("attention", "activation"):
        _set_default(args, f"{kind}_dropout", getattr(args, "dropout", 0.1))
    mclas_base(args)


@register_model_architecture("mclas", "mclas_mbart")
def mclas_mbart(args: Namespace) -> None:
    """As fairseq's mbart_large: 12+12 layers, C 1024, FFN 4096, 16 heads, learned positions."""
    _sizes(args, embed_dim=1024, ffn_dim=4096, layers=12, heads=16)
    for side in ("encoder", "decoder"):
        _set_default(args, f"{side}_learned_pos", True)
    _set_default(args, "layernorm_embedding", True)
    mclas_base(args)

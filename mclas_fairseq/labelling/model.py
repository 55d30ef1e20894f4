"""Model `token_classifier`: an encoder, and a linear layer on the first piece of each word.

As in BERT for labelling (Devlin et al. 2019, section 4.1 and 5.3) and Ma et al. (2021). The encoder
is fairseq's Transformer from scratch or any that `--pretrained-encoder` takes.
"""

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any, Optional, cast

from fairseq.models import FairseqEncoderModel, register_model, register_model_architecture
from fairseq.models.transformer import TransformerModel
from fairseq.models.transformer.transformer_legacy import base_architecture
from omegaconf import OmegaConf, open_dict
from torch import Tensor, nn

from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.modules.head_options import add_head_args, keep_head_options, settle_heads
from mclas_fairseq.modules.pretrained_loading import load_pretrained_weights
from mclas_fairseq.summarization.encoders import (
    add_encoder_args,
    build_text_encoder,
    set_encoder_defaults,
    settle_text_encoder,
)
from mclas_fairseq.summarization.fit import CheckedModel

logger = logging.getLogger(__name__)


@register_model("token_classifier")
class TokenClassifier(CheckedModel, FairseqEncoderModel):
    """Labels of words.

    Args:
        encoder: of pieces.
        width: C, of its states.
        labels: L, how many.
        dropout: of states before the linear layer.
    """

    def __init__(self, encoder: Any, width: int, labels: int, dropout: float):
        super().__init__(encoder)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, labels)
        nn.init.normal_(self.classifier.weight, std=0.02)
        nn.init.zeros_(self.classifier.bias)

    @classmethod
    def add_args(cls, parser: ArgumentParser) -> None:
        """Add the options of an encoder."""
        add = parser.add_argument
        add("--activation-fn", metavar="NAME", help="activation of the feed-forward parts")
        add("--dropout", type=float, metavar="P", help="dropout of states")
        add("--attention-dropout", type=float, metavar="P", help="dropout of attention weights")
        add("--activation-dropout", type=float, metavar="P", help="dropout inside FFN")
        add("--encoder-embed-dim", type=int, metavar="N", help="width of the encoder")
        add("--encoder-ffn-embed-dim", type=int, metavar="N", help="width of its FFN")
        add("--encoder-layers", type=int, metavar="N", help="its layers")
        add("--encoder-attention-heads", type=int, metavar="N", help="its heads in a layer")
        add("--encoder-normalize-before", action="store_true", help="LayerNorm before each part")
        add("--encoder-learned-pos", action="store_true", help="learn positions")
        add_encoder_args(parser)
        add_head_args(parser)

    @classmethod
    def build_model(cls, args: Any, task: Any) -> "TokenClassifier":
        """Build the model for task `sequence_labelling`.

        Raises:
            ConfigError: the task is another one, or the encoder cannot be used.
        """
        labels = getattr(task, "labels", None)
        if labels is None:
            raise ConfigError(
                "architecture token_classifier: it needs a task with labels, the task given is"
                f" {type(task).__name__}; add --task sequence_labelling"
            )
        kept = args
        if OmegaConf.is_config(args):
            args = Namespace(**cast(dict[str, Any], OmegaConf.to_container(args)))
        if getattr(args, "sentence_segments", False):
            raise ConfigError(
                "--sentence-segments: a labeller reads one sentence at a time; leave the flag out"
            )
        args.max_source_positions = task.max_positions()
        starts_pretrained = settle_text_encoder(args, task.source_dictionary)
        dictionary = task.source_dictionary
        embeddings: Any = None
        if not args.pretrained_config:
            embeddings = TransformerModel.build_embedding(args, dictionary, args.encoder_embed_dim)
        encoder = build_text_encoder(args, dictionary, embeddings)
        if starts_pretrained:
            load_pretrained_weights(encoder, args.pretrained_encoder)
        model = cls(encoder, args.encoder_embed_dim, len(labels.tags), args.dropout)
        settle_heads(model, args)
        if kept is not args:
            options: Any = kept
            with open_dict(options):
                options.pretrained_config = args.pretrained_config
                keep_head_options(options, args)
        model.set_fingerprint(task.dictionary_sha256)
        return model

    def forward(
        self, src_tokens: Tensor, src_lengths: Tensor, first_pieces: Tensor, **_: Any
    ) -> tuple[Tensor, dict[str, Any]]:
        """Score the labels of words.

        Args:
            src_tokens: pieces, (B, T), the mark of the end behind them.
            src_lengths: their numbers, (B,).
            first_pieces: True at the first piece of each word, (B, T).

        Returns:
            Logits (n, L) of the n words, row by row; nothing more.
        """
        network: Any = self
        encoder_out = network.encoder(src_tokens, src_lengths=src_lengths)
        # T' x B x C -> B x T x C: a pretrained encoder puts [CLS] before, all else is in its place
        states = encoder_out["encoder_out"][0][-src_tokens.size(1) :].transpose(0, 1)
        logits: Tensor = network.classifier(self.dropout(states[first_pieces]))
        return logits, {}

    def get_normalized_probs(
        self,
        net_output: tuple[Tensor, Any],
        log_probs: bool,
        sample: Optional[dict[str, Any]] = None,
    ) -> Tensor:
        """(Log-)probabilities (n, L) in fp32."""
        logits = net_output[0].float()
        return logits.log_softmax(-1) if log_probs else logits.softmax(-1)

    def checked(self, state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
        """Weights of this dictionary and of as many labels.

        Raises:
            CheckpointError: they are others.
        """
        found = super().checked(state_dict).get("classifier.bias")
        if found is None or len(found) != self.classifier.out_features:
            have = "none" if found is None else str(len(found))
            raise CheckpointError(
                f"checkpoint: must have scores of {self.classifier.out_features} labels, but has"
                f" {have}; give one of token_classifier with the labels of this data-bin"
            )
        return state_dict


def _set_default(args: Namespace, name: str, value: object) -> None:
    if getattr(args, name, None) is None:
        setattr(args, name, value)


def _sizes(args: Namespace, *, embed_dim: int, ffn_dim: int, layers: int, heads: int) -> None:
    set_encoder_defaults(args)
    _set_default(args, "encoder_embed_dim", embed_dim)
    _set_default(args, "encoder_ffn_embed_dim", ffn_dim)
    _set_default(args, "encoder_layers", layers)
    _set_default(args, "encoder_attention_heads", heads)
    _set_default(args, "encoder_normalize_before", True)
    _set_default(args, "activation_fn", "gelu")
    if getattr(args, "bf16", False):
        args.tpu = False  # see mclas_base
    base_architecture(args)


@register_model_architecture("token_classifier", "token_classifier_base")
def token_classifier_base(args: Namespace) -> None:
    """6 layers, C 512, FFN 2048, 8 heads."""
    _sizes(args, embed_dim=512, ffn_dim=2048, layers=6, heads=8)


@register_model_architecture("token_classifier", "token_classifier_small")
def token_classifier_small(args: Namespace) -> None:
    """3 layers, C 256, FFN 1024, 4 heads."""
    _sizes(args, embed_dim=256, ffn_dim=1024, layers=3, heads=4)


@register_model_architecture("token_classifier", "token_classifier_tiny")
def token_classifier_tiny(args: Namespace) -> None:
    """2 layers, C 128, FFN 512, 4 heads: demonstrations and tests."""
    _sizes(args, embed_dim=128, ffn_dim=512, layers=2, heads=4)

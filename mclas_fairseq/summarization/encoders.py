"""Which encoder a model gets: fairseq's Transformer, or a pretrained one, and what follows from it.

With a pretrained encoder the decoder is as in Bai et al. (2021) and its released code: its
embedding starts as a copy of the encoder's word embeddings and is one with the output projection,
which has a bias that starts at zero; LayerNorm has an epsilon of 1e-6. Nothing is shared with the
encoder afterwards.

A checkpoint carries the encoder's settings (`pretrained_config`, JSON): to load it, neither the
folder nor the hub that the encoder came from is needed.
"""

import json
import logging
from argparse import SUPPRESS, ArgumentParser, Namespace
from typing import Any, Optional

import torch
from fairseq.data import Dictionary
from fairseq.models.transformer import TransformerConfig, TransformerEncoderBase
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.modules.pretrained_encoder import PretrainedEncoder, PretrainedOptions
from mclas_fairseq.modules.pretrained_loading import (
    check_vocabulary,
    load_pretrained_weights,
    read_settings,
    read_vocabulary,
)

logger = logging.getLogger(__name__)

_DECODER_EPSILON = 1e-6
# Options that mean nothing without a pretrained encoder.
_ONLY_PRETRAINED = ("extend_positions", "sentence_segments", "freeze_encoder_updates")


class CopiedEncoder(TransformerEncoderBase):
    """fairseq's encoder, which also hands on the source ids: what the decoder copies from."""

    def forward(
        self,
        src_tokens: Tensor,
        src_lengths: Optional[Tensor] = None,
        return_all_hiddens: bool = False,
        token_embeddings: Optional[Tensor] = None,
    ) -> dict[str, list[Tensor]]:
        """Encode src_tokens (B, T_src); see fairseq's encoder for the returned dictionary."""
        encoder_out: dict[str, list[Tensor]] = super().forward(
            src_tokens,
            src_lengths=src_lengths,
            return_all_hiddens=return_all_hiddens,
            token_embeddings=token_embeddings,
        )
        # `src_tokens` is a key that fairseq's reorder_encoder_out keeps in step with the beam.
        encoder_out["src_tokens"] = [src_tokens]
        return encoder_out


def add_encoder_args(parser: ArgumentParser) -> None:
    """Add the options of a pretrained encoder."""
    add = parser.add_argument
    add(
        "--pretrained-encoder",
        metavar="NAME_OR_PATH",
        help="take the encoder, and the decoder's embedding, from a BERT- or XLM-R-like encoder of "
        "the library transformers: the name of a model or the folder of one. The data-bin must be "
        "made with mclas prepare --pretrained",
    )
    add(
        "--pretrained-config",
        metavar="JSON",
        help="settings of the pretrained encoder: written into checkpoints by the program, which "
        "then needs no --pretrained-encoder to load them",
    )
    add(
        "--pretrained-dropout",
        type=float,
        default=SUPPRESS,
        metavar="P",
        help="dropout of the pretrained encoder (default: --dropout where that is given, else "
        "what the encoder's own settings say)",
    )
    add(
        "--extend-positions",
        type=int,
        metavar="N",
        help="give the pretrained encoder N positions, so that it reads documents of N - 1 tokens; "
        "the new ones start as copies of its last",
    )
    add(
        "--sentence-segments",
        action="store_true",
        help="give the pretrained encoder each sentence between [CLS] and [SEP], token types in "
        "turn; sentences are told by closing punctuation, and documents that grow beyond its "
        "positions are cut",
    )
    add(
        "--freeze-encoder-updates",
        type=int,
        metavar="N",
        help="leave the pretrained encoder as it is in the first N updates",
    )


def set_encoder_defaults(args: Namespace) -> None:
    """Fill in the options of `add_encoder_args`; called before the architecture's own defaults."""
    if not hasattr(args, "pretrained_dropout"):
        # Here alone one can tell whether --dropout was given.
        args.pretrained_dropout = getattr(args, "dropout", None)
    for name in ("pretrained_encoder", "pretrained_config", "extend_positions"):
        if not hasattr(args, name):
            setattr(args, name, None)
    if not hasattr(args, "sentence_segments"):
        args.sentence_segments = False
    if getattr(args, "freeze_encoder_updates", None) is None:
        args.freeze_encoder_updates = 0


def settle_encoder(args: Namespace, dictionary: Dictionary) -> bool:
    """Settle, before a model is built, which encoder it gets; `args` is changed accordingly.

    Args:
        args: options of the model. With a pretrained encoder `pretrained_config` is filled in, and
            what fairseq asks of an encoder (sizes) is set to what that encoder has.
        dictionary: the one dictionary.

    Returns:
        Whether `start_from_pretrained` must be called when the model is there.

    Raises:
        ConfigError: NAME_OR_PATH is no encoder, the data-bin was made with another tokenizer, the
            decoder has another width, or an option needs a pretrained encoder and there is none.
        SetupError: a named encoder cannot be reached.
    """
    if getattr(args, "init_from_mbart", None) and _is_pretrained(args):
        raise ConfigError(
            f"--init-from-mbart {args.init_from_mbart}: brings an encoder of its own, but a"
            " pretrained one is given as well; leave out --pretrained-encoder, or this"
        )
    from_source = settle_text_encoder(args, dictionary)
    if not args.pretrained_config:
        return False
    width = args.encoder_embed_dim
    if args.decoder_embed_dim != width:
        raise ConfigError(
            f"--decoder-embed-dim {args.decoder_embed_dim}: the decoder must be as wide as the"
            f" pretrained encoder, from which its embedding is copied, and that has {width}; give"
            f" --decoder-embed-dim {width} (and --decoder-attention-heads that divide it)"
        )
    args.share_all_embeddings = False
    args.share_decoder_input_output_embed = True
    return from_source


def settle_text_encoder(args: Namespace, dictionary: Dictionary) -> bool:
    """`settle_encoder` of a model that has no decoder.

    Returns:
        Whether the pretrained weights must be read when the encoder is there.

    Raises:
        ConfigError: NAME_OR_PATH is no encoder, the data-bin was made with another tokenizer, or an
            option needs a pretrained encoder and there is none.
        SetupError: a named encoder cannot be reached.
    """
    set_encoder_defaults(args)
    if not _is_pretrained(args):
        _refuse_options(args)
        return False
    from_source = not args.pretrained_config
    if from_source:
        settings = read_settings(args.pretrained_encoder)
        check_vocabulary(
            args.pretrained_encoder, read_vocabulary(args.pretrained_encoder), dictionary
        )
        args.pretrained_config = json.dumps(settings, sort_keys=True)
    else:
        settings = json.loads(args.pretrained_config)
    args.encoder_embed_dim = int(settings["hidden_size"])
    args.encoder_ffn_embed_dim = int(settings["intermediate_size"])
    args.encoder_layers = int(settings["num_hidden_layers"])
    args.encoder_attention_heads = int(settings["num_attention_heads"])
    return from_source


def _is_pretrained(args: Namespace) -> bool:
    names = ("pretrained_encoder", "pretrained_config")
    return any(getattr(args, name, None) for name in names)


def build_text_encoder(args: Any, dictionary: Dictionary, embed_tokens: nn.Embedding) -> Any:
    """Build the encoder of documents that the options ask for.

    Args:
        args: options of a model, after `settle_encoder`; flat, as in checkpoints.
        dictionary: the one dictionary.
        embed_tokens: of fairseq's encoder; a pretrained one has its own.
    """
    if getattr(args, "pretrained_config", None):
        options = PretrainedOptions(
            max_source_positions=int(args.max_source_positions),
            dropout=args.pretrained_dropout,
            positions=args.extend_positions,
            sentence_segments=bool(args.sentence_segments),
            frozen_updates=int(args.freeze_encoder_updates),
        )
        return PretrainedEncoder(json.loads(args.pretrained_config), dictionary, options)
    cfg = TransformerConfig.from_namespace(args)
    if not getattr(args, "copy_attention", False):
        return TransformerEncoderBase(cfg, dictionary, embed_tokens)
    return CopiedEncoder(cfg, dictionary, embed_tokens)


def fit_decoder(args: Any, decoder: Any) -> None:
    """Give a decoder beside a pretrained encoder its output bias and its epsilon, in place."""
    if not getattr(args, "pretrained_config", None):
        return
    projection: nn.Linear = decoder.output_projection
    projection.bias = nn.Parameter(projection.weight.new_zeros(projection.out_features))
    for module in decoder.modules():
        if hasattr(module, "normalized_shape") and hasattr(module, "eps"):  # LayerNorm, any kind
            module.eps = _DECODER_EPSILON


def start_from_pretrained(args: Namespace, model: Any) -> None:
    """Read the pretrained weights into a model's encoder and its decoder's embedding, in place.

    Raises:
        ConfigError: the architecture builds another encoder.
        CheckpointError: the weights cannot be read or do not fit.
    """
    encoder = model.encoder
    if not isinstance(encoder, PretrainedEncoder):
        raise ConfigError(
            f"--pretrained-encoder {args.pretrained_encoder}: architectures of mclas and ncls_ms"
            f" can have a pretrained encoder, {type(model).__name__} has its own; leave it out"
        )
    load_pretrained_weights(encoder, args.pretrained_encoder)
    with torch.no_grad():
        model.decoder.embed_tokens.weight.copy_(encoder.word_embeddings.weight)
    logger.info(
        "encoder from %s: %d positions, dictionary of %d entries",
        *(args.pretrained_encoder, encoder.positions, len(encoder.dictionary)),
    )


def _refuse_options(args: Namespace) -> None:
    if getattr(args, "pretrained_required", False):
        raise ConfigError(
            "--arch ..._mbert: its encoder is a pretrained one, but none is given; add"
            " --pretrained-encoder NAME_OR_PATH (the paper has bert-base-multilingual-uncased)"
        )
    for name in _ONLY_PRETRAINED:
        if getattr(args, name, None):
            flag = "--" + name.replace("_", "-")
            raise ConfigError(
                f"{flag}: needs a pretrained encoder, but none is given; add --pretrained-encoder"
                " NAME_OR_PATH"
            )

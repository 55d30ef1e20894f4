"""A BERT- or XLM-R-like encoder of the library transformers as an encoder of fairseq's.

Bai et al. (2021), ACL 2021, section 5.2: the encoder is multilingual BERT. Documents come as
everywhere in fairseq, `x1 ... xn EOS`, padded on either side; the pretrained encoder reads
`[CLS] x1 ... xn [SEP]` (`<s>` and `</s>` with XLM-R), so that the states are one longer than the
source. Batches need not be padded on the right, as transformers expects: positions are counted
over what is no padding, from 0 with BERT and from the padding's id + 1 with XLM-R.

Place in the pipeline: `summarization/encoders.py` builds it, `pretrained_loading.py` reads weights.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Optional

import torch
from fairseq.data import Dictionary
from fairseq.models import FairseqEncoder
from fairseq.models.transformer import TransformerEncoderBase
from torch import Tensor, nn

from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.extras import require
from mclas_fairseq.modules.frozen_updates import without_gradient
from mclas_fairseq.modules.sentence_segments import Frame, token_types, with_sentence_marks

EXTRA = "pretrained"
PURPOSE = "--pretrained-encoder"

# Kinds of models (`model_type` in config.json) by the way in which they count positions.
_FROM_ZERO = frozenset({"bert"})
_AFTER_PADDING = frozenset({"camembert", "roberta", "xlm-roberta", "xlm-roberta-xl"})
KINDS = tuple(sorted(_FROM_ZERO | _AFTER_PADDING))
# All that is taken from a config.json. It is no less than the models' structure, and no more: other
# keys can make the library fetch programs, and settings also come with bundles of somebody else.
STRUCTURE = frozenset(
    {
        *("model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"),
        *("intermediate_size", "hidden_act", "hidden_dropout_prob", "attention_probs_dropout_prob"),
        *("max_position_embeddings", "type_vocab_size", "initializer_range", "layer_norm_eps"),
        "pad_token_id",
    }
)


@dataclass(frozen=True)
class PretrainedOptions:
    """How a pretrained encoder is used.

    Attributes:
        max_source_positions: longest document in tokens, EOS included, without `[CLS]`.
        dropout: of hidden states and of attention; None: as in the encoder's own settings.
        positions: number of positions that it shall have, `[CLS]` included; None: its own.
        sentence_segments: each sentence of a document is framed by `[CLS]` and `[SEP]`, and token
            types alternate (`sentence_segments.py`).
        frozen_updates: so many updates of the training leave it as it is.
    """

    max_source_positions: int
    dropout: Optional[float] = None
    positions: Optional[int] = None
    sentence_segments: bool = False
    frozen_updates: int = 0


def first_position(settings: Mapping[str, Any]) -> int:
    """Position id of the first token of a document: 0 (BERT) or the padding's id + 1 (XLM-R)."""
    return settings["pad_token_id"] + 1 if settings["model_type"] in _AFTER_PADDING else 0


def own_positions(settings: Mapping[str, Any]) -> int:
    """How many tokens, `[CLS]` and `[SEP]` included, an encoder of these settings reads."""
    return int(settings["max_position_embeddings"]) - first_position(settings)


class PretrainedEncoder(FairseqEncoder):
    """An encoder of the library transformers; its parameters are drawn at random here.

    Args:
        settings: what its config.json says, as `pretrained_loading.read_settings` gives it.
        dictionary: the one dictionary; its ids are those of the pretrained vocabulary. Entries
            behind the pretrained ones have rows of their own.
        options: how it is used.

    Raises:
        ConfigError: documents may be longer than the encoder's positions, fewer positions than it
            has are asked for, or segments of one that knows one token type only.
        CheckpointError: the settings, as a checkpoint carries them, are not of an encoder.
    """

    def __init__(
        self, settings: Mapping[str, Any], dictionary: Dictionary, options: PretrainedOptions
    ):
        super().__init__(dictionary)
        _check_settings(settings)
        _check_lengths(settings, options)
        _check_segments(settings, options)
        self.options = options
        self.padding_idx = dictionary.pad()
        # A dictionary in the order of a pretrained vocabulary knows these two; without them the
        # pretrained vocabulary's BOS and EOS are the dictionary's.
        self.frame = Frame(
            start=int(getattr(dictionary, "encoder_start", dictionary.bos())),
            end=int(getattr(dictionary, "encoder_end", dictionary.eos())),
            eos=dictionary.eos(),
            pad=dictionary.pad(),
        )
        self.first_position = first_position(settings)
        self.positions = options.positions or own_positions(settings)
        self.num_updates = 0
        transformers = require("transformers", extra=EXTRA, purpose=PURPOSE)
        config = transformers.AutoConfig.for_model(**settings)
        config.vocab_size = len(dictionary)
        config.max_position_embeddings = self.positions + self.first_position
        if options.dropout is not None:
            config.hidden_dropout_prob = options.dropout
            config.attention_probs_dropout_prob = options.dropout
        self.model: Any = transformers.AutoModel.from_config(
            config, dtype=torch.float32, attn_implementation="sdpa"
        )
        # Never used, but of the model (and of the paper's count of parameters). A parameter without
        # gradient that asks for one stops fairseq's default kind of distributed training.
        pooler = getattr(self.model, "pooler", None)
        if isinstance(pooler, nn.Module):
            pooler.requires_grad_(False)

    @property
    def word_embeddings(self) -> nn.Embedding:
        """Rows (V, C) of the dictionary's entries."""
        embeddings: nn.Embedding = self.model.get_input_embeddings()
        return embeddings

    @property
    def frozen(self) -> bool:
        """Whether the present update leaves the encoder as it is (`--freeze-encoder-updates`)."""
        return self.training and self.num_updates < self.options.frozen_updates

    def set_num_updates(self, num_updates: int) -> None:
        """Take over the number of updates done; fairseq calls it before each of them."""
        self.num_updates = num_updates

    def max_positions(self) -> int:
        """Longest document, in tokens with EOS."""
        return min(self.options.max_source_positions, self.positions - 1)

    def forward(
        self,
        src_tokens: Tensor,
        src_lengths: Optional[Tensor] = None,
        return_all_hiddens: bool = False,
        token_embeddings: Optional[Tensor] = None,
    ) -> dict[str, list[Tensor]]:
        """Encode documents.

        Args:
            src_tokens: ids, each row closed by EOS, padded on the left or on the right, (B, T_src).
            src_lengths: not needed.
            return_all_hiddens: give the states of all layers.
            token_embeddings: not supported, must be None.

        Returns:
            fairseq's dictionary, with T = T_src + 1 (more with segments): `encoder_out` (T, B, C);
            `encoder_padding_mask` (B, T), True on padding; `encoder_states` with (T, B, C) for the
            embeddings and each layer, when asked for; `src_tokens` (B, T), what the states stand
            for, EOS being EOS; `src_lengths` (B, 1).
        """
        assert token_embeddings is None, "the encoder looks its embeddings up itself"
        tokens = self._framed(src_tokens)
        padding = tokens.eq(self.padding_idx)
        with torch.no_grad() if self.frozen else nullcontext():
            out = self.model(
                input_ids=tokens.masked_fill(tokens.eq(self.frame.eos), self.frame.end),
                attention_mask=(~padding).long(),
                position_ids=self._position_ids(padding),
                token_type_ids=self._token_types(tokens),
                output_hidden_states=return_all_hiddens,
            )
        states: Tensor = out.last_hidden_state
        if self.frozen:
            states = without_gradient(states, self.parameters())
        hidden = out.hidden_states if return_all_hiddens else ()
        return {
            "encoder_out": [states.transpose(0, 1)],  # B x T x C -> T x B x C
            "encoder_padding_mask": [padding],
            "encoder_embedding": [],
            "encoder_states": [layer.transpose(0, 1) for layer in hidden],
            "fc_results": [],
            "src_tokens": [tokens],
            "src_lengths": [(~padding).sum(dim=1, dtype=torch.int32).reshape(-1, 1)],
        }

    # Search moves rows of the same dictionary; fairseq's code for it does not look at the encoder.
    reorder_encoder_out = TransformerEncoderBase.reorder_encoder_out
    _reorder_encoder_out = TransformerEncoderBase._reorder_encoder_out

    def _framed(self, src_tokens: Tensor) -> Tensor:
        """Put `[CLS]` before the first token of each row (B, T_src), behind padding on the left."""
        if self.options.sentence_segments:
            return with_sentence_marks(src_tokens, self.dictionary, self.frame, self.positions)
        padding = src_tokens.eq(self.padding_idx)
        before = padding.long().cumprod(dim=1).sum(dim=1, keepdim=True)  # B x 1
        column = src_tokens.new_full((src_tokens.size(0), 1), self.padding_idx)
        longer = torch.cat([column, src_tokens], dim=1)
        return longer.scatter(1, before, self.frame.start)

    def _position_ids(self, padding: Tensor) -> Tensor:
        """Positions counted over what is no padding, (B, T); on padding that of the first token."""
        counted = (~padding).long().cumsum(dim=1) - 1
        return counted.clamp_min(0) + self.first_position

    def _token_types(self, tokens: Tensor) -> Tensor:
        """Zeros (B, T), or with segments 0 and 1 in turn."""
        if not self.options.sentence_segments:
            return torch.zeros_like(tokens)
        return token_types(tokens, self.frame.start)


def _check_settings(settings: Mapping[str, Any]) -> None:
    unknown = sorted(set(settings) - STRUCTURE)
    odd = [name for name, value in settings.items() if not isinstance(value, (str, int, float))]
    if unknown or odd or settings.get("model_type") not in KINDS:
        problem = ", ".join([*unknown, *odd]) or f"model_type {settings.get('model_type')!r}"
        raise CheckpointError(
            f"pretrained_config: may hold the sizes of an encoder like BERT or XLM-R alone, but has"
            f" {problem}; get the checkpoint again from its maker"
        )


def _check_lengths(settings: Mapping[str, Any], options: PretrainedOptions) -> None:
    own = own_positions(settings)
    if options.positions is not None and options.positions < own:
        raise ConfigError(
            f"--extend-positions {options.positions}: must be more than the encoder has, it has"
            f" {own}; leave it out, and give --max-source-positions {own - 1} or less"
        )
    needed = options.max_source_positions + 1
    if needed > (options.positions or own):
        have = options.positions or own
        raise ConfigError(
            f"--max-source-positions {options.max_source_positions}: documents of so many tokens"
            f" need {needed} positions of the pretrained encoder, with the one that it begins with,"
            f" but it has {have}; give --max-source-positions {have - 1}, or --extend-positions"
            f" {needed}"
        )


def _check_segments(settings: Mapping[str, Any], options: PretrainedOptions) -> None:
    types = int(settings.get("type_vocab_size", 1))
    if options.sentence_segments and types < 2:
        raise ConfigError(
            f"--sentence-segments: need an encoder with two token types, this"
            f" {settings['model_type']} has {types}; leave the flag out"
        )

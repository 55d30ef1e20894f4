"""mGLM in fairseq's terms: an encoder and a decoder that are the same stack.

Sun et al., "Generating Cross-lingual Summary based on Multilingual Pre-Trained Model" (mGLM), on Du
et al. (2022), GLM. The encoder reads part A (`encoder.py`), the decoder writes part B
(`decoder.py`). As part A never sees part B, both are passes of one stack, and fairseq's search
works as with any encoder and decoder.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any, Optional

from fairseq.models import (
    FairseqEncoderDecoderModel,
    register_model,
    register_model_architecture,
)
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.mglm.decoder import GlmDecoder
from mclas_fairseq.mglm.encoder import GlmEncoder, check_blanks
from mclas_fairseq.mglm.stack import GlmShape, GlmStack
from mclas_fairseq.mglm.symbols import Symbols, find_symbols
from mclas_fairseq.summarization.fit import CheckedModel


@register_model("glm")
class GlmModel(CheckedModel, FairseqEncoderDecoderModel):
    """mGLM: `encoder` and `decoder` are two ways through `stack`, which has all weights."""

    takes_target_mask = True  # for criterions of this package
    builds_without_weights = True  # on the device "meta": nothing is computed that is not stored

    def __init__(self, dictionary: Any, stack: GlmStack, symbols: Symbols):
        encoder = GlmEncoder(dictionary, stack, symbols)
        super().__init__(encoder, GlmDecoder(dictionary, stack, symbols))
        self.stack = stack

    @classmethod
    def add_args(cls, parser: ArgumentParser) -> None:
        """Add the sizes of the stack."""
        sizes = {
            "layers": "number of layers",
            "embed-dim": "width of the layers and of the word embedding",
            "ffn-embed-dim": "width of the feed-forward parts",
            "attention-heads": "number of attention heads; it divides the width",
            "positions": "rows of each of both tables of positions: longest document, prompt "
            "included, and one more than the longest text that is written",
        }
        for name, text in sizes.items():
            parser.add_argument(f"--stack-{name}", type=int, metavar="N", help=text)
        parser.add_argument(
            "--dropout",
            type=float,
            metavar="P",
            help="dropout after embedding, attention and feed-forward parts",
        )
        parser.add_argument(
            "--attention-dropout", type=float, metavar="P", help="dropout of attention weights"
        )

    @classmethod
    def build_model(cls, args: Any, task: Any) -> "GlmModel":
        """Build the model for one of this plugin's tasks.

        Raises:
            ConfigError: the task is another one, or the heads do not divide the width.
            DataError: the dictionary lacks mGLM's commands.
        """
        fingerprint = getattr(task, "dictionary_sha256", None)
        if fingerprint is None:
            raise ConfigError(
                "architecture glm: it needs a task of this plugin, which knows blanks and spans, "
                f"the task given is {type(task).__name__}; give such a task with --task"
            )
        dictionary = task.source_dictionary
        symbols = find_symbols(dictionary)
        model = cls(dictionary, GlmStack(_shape(args, dictionary)), symbols)
        model.set_fingerprint(fingerprint)
        return model

    def forward(
        self,
        src_tokens: Tensor,
        src_lengths: Optional[Tensor],
        prev_output_tokens: Tensor,
        src_pos: Optional[Tensor] = None,
        tgt_pos1: Optional[Tensor] = None,
        tgt_pos2: Optional[Tensor] = None,
        features_only: bool = False,
        target_mask: Optional[Tensor] = None,
    ) -> tuple[Tensor, dict[str, Any]]:
        """Read part A and say what follows each token of part B.

        Args:
            src_tokens: part A, (B, S).
            src_lengths: not needed.
            prev_output_tokens: part B as it is read, (B, T).
            src_pos: see `GlmEncoder.forward`.
            tgt_pos1: see `GlmDecoder.forward`.
            tgt_pos2: see `GlmDecoder.forward`.
            features_only: leave out the output projection.
            target_mask: where logits are needed, (B, T); None: everywhere.

        Returns:
            What the decoder returns. With `target_mask` the logits of the n positions that it
            names, (n, V), and `rows` (n,), their places among the B * T.

        Raises:
            DataError: without `tgt_pos1`, a text has no blank or several.
        """
        network: Any = self  # torch types a module's parts as tensors or modules
        encoder_out = network.encoder(src_tokens, src_lengths, src_pos)
        if tgt_pos1 is None:
            check_blanks(encoder_out)
        found: tuple[Tensor, dict[str, Any]] = network.decoder(
            prev_output_tokens,
            encoder_out=encoder_out,
            tgt_pos1=tgt_pos1,
            tgt_pos2=tgt_pos2,
            features_only=features_only or target_mask is not None,
        )
        if target_mask is None:
            return found
        features, extra = found
        rows = target_mask.reshape(-1).nonzero().view(-1)
        # B x T x C -> n x C
        chosen = features.reshape(-1, features.size(-1)).index_select(0, rows)
        return network.decoder.output_layer(chosen), {**extra, "rows": rows}

    def load_state_dict(
        self,
        state_dict: Mapping[str, Any],
        strict: bool = True,
        model_cfg: Any = None,
        args: Optional[Namespace] = None,
    ) -> Any:
        """Load weights of this dictionary; built without numbers, take the tensors themselves."""
        network: Any = self
        if not network.stack.embed_tokens.weight.is_meta:
            return super().load_state_dict(state_dict, strict, model_cfg, args)
        found = nn.Module.load_state_dict(self, self.checked(state_dict), strict, assign=True)
        network.stack.output_projection.weight = network.stack.embed_tokens.weight
        return found


def _shape(args: Any, dictionary: Any) -> GlmShape:
    if args.stack_embed_dim % args.stack_attention_heads:
        raise ConfigError(
            f"--stack-attention-heads {args.stack_attention_heads}: it must divide "
            f"--stack-embed-dim, which is {args.stack_embed_dim}; give another number of heads"
        )
    return GlmShape(
        entries=len(dictionary),
        pad=dictionary.pad(),
        layers=args.stack_layers,
        dim=args.stack_embed_dim,
        ffn_dim=args.stack_ffn_embed_dim,
        heads=args.stack_attention_heads,
        positions=args.stack_positions,
        dropout=args.dropout,
        attention_dropout=args.attention_dropout,
    )


def _set_default(args: Any, name: str, value: object) -> None:
    # `args` is a Namespace on the command line and an omegaconf node under hydra. Options that were
    # not given are None.
    if getattr(args, name, None) is None:
        setattr(args, name, value)


def _sizes(args: Any, *, layers: int, dim: int, heads: int) -> None:
    _set_default(args, "stack_layers", layers)
    _set_default(args, "stack_embed_dim", dim)
    _set_default(args, "stack_ffn_embed_dim", 4 * args.stack_embed_dim)
    _set_default(args, "stack_attention_heads", heads)


@register_model_architecture("glm", "glm_base")
def glm_base(args: Any) -> None:
    """12 layers, C 768, 12 heads."""
    _sizes(args, layers=12, dim=768, heads=12)
    _set_default(args, "stack_positions", 1025)
    _set_default(args, "dropout", 0.1)
    _set_default(args, "attention_dropout", 0.1)
    if getattr(args, "bf16", False):
        # fairseq's command line takes --bf16 for a TPU (fairseq/options.py); with this plugin it
        # means bf16 on the device at hand.
        args.tpu = False


@register_model_architecture("glm", "glm_small")
def glm_small(args: Any) -> None:
    """6 layers, C 256, 4 heads: a few thousand examples, or two cores."""
    _sizes(args, layers=6, dim=256, heads=4)
    glm_base(args)


@register_model_architecture("glm", "glm_tiny")
def glm_tiny(args: Any) -> None:
    """2 layers, C 128, 4 heads: demonstrations and tests."""
    _sizes(args, layers=2, dim=128, heads=4)
    glm_base(args)


@register_model_architecture("glm", "mglm_large")
def mglm_large(args: Any) -> None:
    """The released mGLM-Large: 24 layers, C 1536, 16 heads; 1,067,280,384 parameters."""
    _sizes(args, layers=24, dim=1536, heads=16)
    glm_base(args)

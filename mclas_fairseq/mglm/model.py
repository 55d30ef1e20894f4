"""mGLM in fairseq's terms: an encoder and a decoder that are the same stack.

Sun et al., "Generating Cross-lingual Summary based on Multilingual Pre-Trained Model" (mGLM), on Du
et al. (2022), GLM. The encoder reads the corrupted text, or a
document with a prompt (part A), the decoder writes what the blanks stand for (part B). As part A
never sees part B, both are passes of one stack, and fairseq's search works as with any encoder and
decoder. What the encoder gives are keys and values of each layer.

In beam search they keep one row for each document: `reorder_encoder_out` copies nothing for
hypotheses, and takes rows out where documents are done.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any, Optional

import torch
from fairseq.models import (
    FairseqEncoder,
    FairseqEncoderDecoderModel,
    FairseqIncrementalDecoder,
    register_model,
    register_model_architecture,
)
from torch import Tensor

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.mglm.attention import KeysValues
from mclas_fairseq.mglm.stack import GlmShape, GlmStack
from mclas_fairseq.mglm.symbols import Symbols, find_symbols
from mclas_fairseq.modules.fingerprint import Fingerprinted

EncoderOut = dict[str, list[Any]]
IncrementalState = dict[str, dict[str, Optional[Tensor]]]

_KEPT = "part_b"


class GlmEncoder(FairseqEncoder):
    """Reads part A. The stack is the model's; it is not a part of the encoder alone."""

    def __init__(self, dictionary: Any, stack: GlmStack, symbols: Symbols):
        super().__init__(dictionary)
        self._shared = (stack,)  # a tuple: torch would list a module's weights here as well
        self.symbols = symbols

    def forward(
        self,
        src_tokens: Tensor,
        src_lengths: Optional[Tensor] = None,
        src_pos: Optional[Tensor] = None,
    ) -> EncoderOut:
        """Read part A.

        Args:
            src_tokens: padded on either side, (B, S).
            src_lengths: not needed.
            src_pos: places in the text, (B, S); None: counted from 0, padding left out.

        Returns:
            `keys`, `values`: by layer, each (B, H, S, C / H). `readable`: False at padding, (B, S);
            empty where there is none. `blank`: where the one blank is, -1 where there is not just
            one, (B,). `beam`: hypotheses of each document, empty until the search says so.
        """
        readable = src_tokens.ne(self.symbols.pad)
        if src_pos is None:
            src_pos = (readable.long().cumsum(dim=1) - 1).clamp(min=0)
        mask = None if bool(readable.all()) else readable
        made = self._shared[0].read(src_tokens, src_pos, mask)
        return {
            "keys": [layer.keys for layer in made],
            "values": [layer.values for layer in made],
            "readable": [] if mask is None else [mask],
            "blank": [self._find_blank(src_tokens, src_pos)],
            "beam": [],
        }

    def forward_torchscript(self, net_input: dict[str, Tensor]) -> EncoderOut:
        """Read what a search begins with: each text must have one blank.

        Raises:
            DataError: a text has none, or several.
        """
        names = ("src_tokens", "src_lengths", "src_pos")
        found = self.forward(**{name: net_input[name] for name in names if name in net_input})
        check_blanks(found)
        return found

    def reorder_encoder_out(self, encoder_out: EncoderOut, new_order: Tensor) -> EncoderOut:
        """Follow the rows of a search; keys and values are touched only where documents go.

        Args:
            encoder_out: of B documents.
            new_order: for each row the row that it was, (N,). The first time it repeats each
                document for its hypotheses, from then on it never moves one to another document.
        """
        documents = encoder_out["blank"][0].size(0)
        if not encoder_out["beam"]:
            beam = max(1, new_order.numel() // documents)
            rows = torch.arange(documents, device=new_order.device).repeat_interleave(beam)
            if torch.equal(rows, new_order):
                return {**encoder_out, "beam": [beam]}
            return _select(encoder_out, new_order)
        beam = encoder_out["beam"][0]
        if new_order.numel() == documents * beam:
            return encoder_out
        # B * beam -> B x beam; all rows of a group are of one document
        return _select(encoder_out, new_order.view(-1, beam)[:, 0] // beam)

    def max_positions(self) -> int:
        """Longest part A."""
        return int(self._shared[0].shape.positions)

    def _find_blank(self, tokens: Tensor, positions: Tensor) -> Tensor:
        blank = torch.zeros_like(tokens, dtype=torch.bool)
        for entry in self.symbols.blanks:
            blank = blank | tokens.eq(entry)
        place = (positions * blank).sum(dim=1)
        return place.masked_fill(blank.sum(dim=1).ne(1), -1)


def _select(encoder_out: EncoderOut, documents: Tensor) -> EncoderOut:
    tensors = {
        name: [each.index_select(0, documents) for each in encoder_out[name]]
        for name in ("keys", "values", "readable", "blank")
    }
    return {**tensors, "beam": encoder_out["beam"]}


def check_blanks(encoder_out: EncoderOut) -> None:
    """Refuse texts of which it is not clear which blank is to be filled in.

    Raises:
        DataError: a text has no blank, or several.
    """
    wrong = encoder_out["blank"][0].lt(0).nonzero().flatten().tolist()
    if wrong:
        raise DataError(
            f"document {wrong[0]} of the batch: it must hold one of [MASK], [sMASK] and [gMASK] "
            "once, so that it is clear what to write, it holds none or several; check that the "
            "prompt has a blank and was not cut off"
        )


class GlmDecoder(FairseqIncrementalDecoder):
    """Writes part B. The stack is the model's; it is not a part of the decoder alone."""

    def __init__(self, dictionary: Any, stack: GlmStack):
        super().__init__(dictionary)
        self._shared = (stack,)

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
                (N, T).
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
        document = [
            KeysValues(*pair)
            for pair in zip(encoder_out["keys"], encoder_out["values"], strict=True)
        ]
        features, own = self._shared[0].write(
            prev_output_tokens[:, known:],
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


@register_model("glm")
class GlmModel(FairseqEncoderDecoderModel, Fingerprinted):
    """mGLM: `encoder` and `decoder` are two ways through `stack`, which has all weights."""

    def __init__(self, dictionary: Any, stack: GlmStack, symbols: Symbols):
        encoder = GlmEncoder(dictionary, stack, symbols)
        super().__init__(encoder, GlmDecoder(dictionary, stack))
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

        Returns:
            What the decoder returns.

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
            features_only=features_only,
        )
        return found

    def load_state_dict(
        self,
        state_dict: Mapping[str, Any],
        strict: bool = True,
        model_cfg: Any = None,
        args: Optional[Namespace] = None,
    ) -> Any:
        """Load weights after checking that they belong to this dictionary."""
        self.check_fingerprint(state_dict)
        fairseq_model: Any = super()
        return fairseq_model.load_state_dict(state_dict, strict, model_cfg, args)

    def prepare_for_inference_(self, cfg: Any) -> None:
        """Make the model ready for decoding; `--bf16` casts it (fairseq casts for fp16 only)."""
        super().prepare_for_inference_(cfg)
        if getattr(cfg.common, "bf16", False):
            self.to(torch.bfloat16)


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

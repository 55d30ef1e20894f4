"""Models of the paper's size with random weights, for benchmarks of decoding and training.

Bai et al. (2021), section 5.2: multilingual BERT (105,879 word pieces, 12 layers, d 768) and a
decoder of 6 layers, d 768, 8 heads, FFN 2048. Two summaries take their tokens from a list of 25,000
entries each, about what one language uses of such a vocabulary.
"""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import Any

import torch
from fairseq.data import Dictionary
from fairseq.models import FairseqEncoder
from fairseq.models.transformer import TransformerModel
from torch import Tensor

from mclas_fairseq.generation.generator import SummaryGenerator
from mclas_fairseq.generation.grammar import build_grammar
from mclas_fairseq.generation.search_call import ALL_SHORTCUTS, Shortcuts
from mclas_fairseq.summarization.model import MclasModel, mclas_base


@dataclass(frozen=True)
class Sizes:
    """Sizes of a model and of what it decodes."""

    vocabulary: int = 105_879
    entries: int = 25_000  # of the list of each summary
    dim: int = 768
    encoder_layers: int = 12
    encoder_heads: int = 12
    encoder_ffn: int = 3072
    decoder_layers: int = 6
    decoder_heads: int = 8
    decoder_ffn: int = 2048
    batch: int = 16
    beam: int = 5
    steps: int = 40  # two summaries of 19 tokens, separator, EOS
    source: int = 200

    @property
    def summary(self) -> int:
        """Tokens of each summary."""
        return self.steps // 2 - 1


class StoredEncoder(FairseqEncoder):
    """Gives the same random output again, in no time: what is measured is decoding alone."""

    def __init__(self, dictionary: Dictionary, sizes: Sizes):
        super().__init__(dictionary)
        shape = (sizes.source, sizes.batch, sizes.dim)
        self.register_buffer("kept", torch.randn(shape, generator=torch.manual_seed(3)))

    def forward(self, src_tokens: Tensor, src_lengths: Tensor) -> dict[str, list[Tensor]]:
        """The kept output, (T_src, B, C), with the padding of `src_tokens`."""
        return {
            "encoder_out": [self.kept],
            "encoder_padding_mask": [src_tokens.eq(self.dictionary.pad())],
            "encoder_embedding": [],
            "encoder_states": [],
            "src_tokens": [],
            "src_lengths": [],
        }

    def reorder_encoder_out(
        self, encoder_out: dict[str, list[Tensor]], new_order: Tensor
    ) -> dict[str, list[Tensor]]:
        """Choose and repeat rows, as fairseq's Transformer does."""
        moved = dict(encoder_out)
        moved["encoder_out"] = [encoder_out["encoder_out"][0].index_select(1, new_order)]
        moved["encoder_padding_mask"] = [
            encoder_out["encoder_padding_mask"][0].index_select(0, new_order)
        ]
        return moved


@dataclass(frozen=True)
class World:
    """A dictionary with a separator, and the list of each summary."""

    sizes: Sizes
    dictionary: Dictionary
    separator: int
    lists: tuple[Sequence[int], Sequence[int]]

    @classmethod
    def make(cls, sizes: Sizes) -> "World":
        """Entries without meaning; the lists are drawn at random and overlap by chance."""
        dictionary = Dictionary()
        for number in range(sizes.vocabulary - dictionary.nspecial - 1):
            dictionary.add_symbol(f"w{number}")
        separator = dictionary.add_symbol("[LSEP]")
        draws, first = Random(1), dictionary.nspecial
        lists = [sorted(draws.sample(range(first, separator), sizes.entries)) for _ in range(2)]
        return cls(sizes, dictionary, separator, (lists[0], lists[1]))

    def task(self) -> Any:
        """What model builders ask of a task."""
        return SimpleNamespace(
            source_dictionary=self.dictionary,
            target_dictionary=self.dictionary,
            dictionary=self.dictionary,
            dictionary_sha256="0" * 64,
            max_positions=lambda: (512, 512),
        )

    def arguments(self) -> Namespace:
        """Options of fairseq for the sizes."""
        sizes = self.sizes
        args = Namespace(dropout=0.1)
        args.encoder_embed_dim = args.decoder_embed_dim = sizes.dim
        args.encoder_layers, args.decoder_layers = sizes.encoder_layers, sizes.decoder_layers
        args.encoder_ffn_embed_dim = sizes.encoder_ffn
        args.decoder_ffn_embed_dim = sizes.decoder_ffn
        args.encoder_attention_heads = sizes.encoder_heads
        args.decoder_attention_heads = sizes.decoder_heads
        mclas_base(args)
        return args

    def ours(self) -> Any:
        """MCLAS with random weights."""
        torch.manual_seed(1)
        return MclasModel.build_model(self.arguments(), self.task())

    def stock(self) -> Any:
        """The Transformer of fairseq with random weights."""
        torch.manual_seed(1)
        args = self.arguments()
        args.max_source_positions = args.max_target_positions = 512
        return TransformerModel.build_model(args, self.task())

    def generator(self, model: Any, shortcuts: Shortcuts = ALL_SHORTCUTS) -> SummaryGenerator:
        """Restricted search for exactly `sizes.steps` steps."""
        grammar = build_grammar(
            self.dictionary,
            self.lists,
            separator=self.separator,
            restrict_vocab="both",
            min_len=self.sizes.summary,
            max_len_a=0.0,
            max_len_b=self.sizes.summary,
        )
        return SummaryGenerator(
            [model],
            self.dictionary,
            beam_size=self.sizes.beam,
            grammar=grammar,
            shortcuts=shortcuts,
        )

    def sample(self, seed: int, batch: int = 0) -> dict[str, Any]:
        """A batch of random documents of about the source length, padded on the left."""
        sizes, draws = self.sizes, torch.Generator().manual_seed(seed)
        shape = (batch or sizes.batch, sizes.source)
        tokens = torch.randint(self.dictionary.nspecial, self.separator, shape, generator=draws)
        tokens[:, -1] = self.dictionary.eos()
        lengths = sizes.source - torch.arange(shape[0]) % 20
        for row, length in zip(tokens, lengths.tolist(), strict=True):
            row[: sizes.source - length] = self.dictionary.pad()
        return {"net_input": {"src_tokens": tokens, "src_lengths": lengths}}

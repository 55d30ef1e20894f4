"""Small random models, batches and a plain-loop reading of the grammar, for all tests of search."""

import math
from argparse import Namespace
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Optional

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.data.data_utils import collate_tokens
from fairseq.models.transformer import TransformerModel
from fairseq.models.transformer.transformer_legacy import base_architecture
from torch import Tensor

from mclas_fairseq.generation.generator import SummaryGenerator
from mclas_fairseq.generation.grammar import SummaryGrammar, build_grammar
from mclas_fairseq.generation.options import DecodingOptions, Owner, search_options


class World:
    """A dictionary of 30 symbols, in which one half of the words is A's and the other is B's."""

    def __init__(self) -> None:
        self.dictionary = Dictionary()
        for number in range(25):
            self.dictionary.add_symbol(f"w{number}")
        self.separator: int = self.dictionary.add_symbol("[LSEP]")
        first = self.dictionary.nspecial
        self.words_a = list(range(first, first + 14))
        self.words_b = list(range(first + 10, first + 25))

    def model(self, seed: int, positions: int = 64) -> TransformerModel:
        """A random Transformer of 1+1 layers, C 16, with distributions that are not flat."""
        torch.manual_seed(seed)
        args = Namespace(share_all_embeddings=True, dropout=0.0)
        for side in ("encoder", "decoder"):
            setattr(args, f"{side}_embed_dim", 16)
            setattr(args, f"{side}_ffn_embed_dim", 32)
            setattr(args, f"{side}_layers", 1)
            setattr(args, f"{side}_attention_heads", 2)
        args.max_source_positions = args.max_target_positions = positions
        base_architecture(args)
        task = SimpleNamespace(source_dictionary=self.dictionary, target_dictionary=self.dictionary)
        model = TransformerModel.build_model(args, task).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1.5)
        return model

    def sample(self, seed: int, lengths: Sequence[int]) -> dict[str, Any]:
        """A batch of random documents of these lengths (EOS counted), padded on the left."""
        generator = torch.Generator().manual_seed(seed)
        words = len(self.dictionary) - self.dictionary.nspecial - 1
        rows = [
            torch.cat(
                [
                    torch.randint(0, words, (length - 1,), generator=generator)
                    + self.dictionary.nspecial,
                    torch.tensor([self.dictionary.eos()]),
                ]
            )
            for length in lengths
        ]
        tokens = collate_tokens(rows, self.dictionary.pad(), left_pad=True)
        return {"net_input": {"src_tokens": tokens, "src_lengths": torch.tensor(lengths)}}

    def one(self, sample: dict[str, Any], row: int) -> dict[str, Any]:
        """One document of a batch as a batch of its own, without padding."""
        tokens = sample["net_input"]["src_tokens"][row]
        tokens = tokens[tokens.ne(self.dictionary.pad())].unsqueeze(0)
        return {"net_input": {"src_tokens": tokens, "src_lengths": torch.tensor([tokens.size(1)])}}

    def grammar(
        self,
        *,
        two: bool = True,
        restrict_vocab: str = "both",
        min_len: int = 1,
        max_len_a: float = 0.0,
        max_len_b: int = 5,
        words_a: Optional[Sequence[int]] = None,
        words_b: Optional[Sequence[int]] = None,
    ) -> SummaryGrammar:
        """The grammar of S^A [LSEP] S^B, or of S^B alone."""
        first = self.words_a if words_a is None else words_a
        last = self.words_b if words_b is None else words_b
        return build_grammar(
            self.dictionary,
            [first, last] if two else [last],
            separator=self.separator,
            restrict_vocab=restrict_vocab,
            min_len=min_len,
            max_len_a=max_len_a,
            max_len_b=max_len_b,
        )

    def search(
        self, models: Sequence[TransformerModel], grammar: SummaryGrammar, **options: Any
    ) -> SummaryGenerator:
        """A generator of `grammar`, built with the options given, fairseq's and the task's."""
        ours = {row.name for row in search_options(Owner.SUMMARIZATION)} & set(options)
        decoding = DecodingOptions(**{name: options.pop(name) for name in ours})
        return SummaryGenerator(
            list(models), self.dictionary, grammar=grammar, options=decoding, **options
        )

    def summaries(self, tokens: Tensor, grammar: SummaryGrammar) -> list[list[int]]:
        """A hypothesis cut at its separators; it must end in the one EOS that it has."""
        ids = tokens.tolist()
        assert ids[-1] == grammar.eos
        parts: list[list[int]] = [[]]
        for token in ids[:-1]:
            assert token != grammar.eos
            if token == grammar.separator:
                parts.append([])
            else:
                parts[-1].append(token)
        return parts

    def check(
        self, hypothesis: dict[str, Tensor], grammar: SummaryGrammar, source_length: int
    ) -> None:
        """Fail unless the hypothesis is one of the grammar, read token by token."""
        limit = max(grammar.floor, int(grammar.max_len_a * source_length + grammar.max_len_b))
        parts = self.summaries(hypothesis["tokens"], grammar)
        assert len(parts) == len(grammar.allowed)
        for part, allowed in zip(parts, grammar.allowed, strict=True):
            assert max(1, grammar.min_len) <= len(part) <= limit
            assert all(bool(allowed[token]) for token in part)
        assert math.isfinite(float(hypothesis["score"]))
        assert bool(torch.isfinite(hypothesis["positional_scores"]).all())


@pytest.fixture(scope="session")
def world() -> World:
    return World()

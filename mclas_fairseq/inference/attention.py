"""What the decoder looked at while it wrote a summary.

The model reads a finished hypothesis in one pass, and hooks on its attention modules ask them for
the weights that they compute anyway. Nothing of the model is changed: the hooks are gone after the
pass.

With a target of two summaries (`S^A [LSEP] S^B`, Bai et al. 2021, section 4) the decoder's self
attention from the second summary to the first is where the two languages meet.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mclas_fairseq.corpus.tokenizers import Tokenizer
from mclas_fairseq.ctranslate.network import Ct2Network
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.mglm.seq2seq import GlmSeq2SeqTask
from mclas_fairseq.summarization.base_task import SummarizationTask

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SummaryAttention:
    """Attention of one hypothesis, averaged over the heads of each layer.

    Row t is the step at which the token `tokens[t]` was written; rows sum to 1.

    Attributes:
        document: pieces of the document as the model read it (cut to its longest), length T_src;
            the last one is EOS, the first one of a pretrained encoder its `[CLS]` or `<s>`.
        tokens: pieces of the hypothesis, length T_tgt; the last one is EOS, `[LSEP]` stands between
            two summaries.
        inputs: what the decoder had read, length T_tgt: the start symbol, then all tokens but the
            last. At step t it knew `inputs[:t + 1]`.
        languages: of the summaries in the hypothesis, in order.
        cross_layers: from summary to document, shape (layers, T_tgt, T_src).
        self_layers: from summary to what was written before, shape (layers, T_tgt, T_tgt), columns
            as in `inputs`; zero above the diagonal.
        separator: position of `[LSEP]` in `tokens`; None with one summary.
    """

    document: list[str]
    tokens: list[str]
    inputs: list[str]
    languages: tuple[str, ...]
    cross_layers: npt.NDArray[np.float32]
    self_layers: npt.NDArray[np.float32]
    separator: Optional[int]

    @property
    def cross(self) -> Matrix:
        """From summary to document, mean over layers, shape (T_tgt, T_src)."""
        return _mean(self.cross_layers)

    @property
    def within(self) -> Matrix:
        """From summary to what was written before, mean over layers, shape (T_tgt, T_tgt)."""
        return _mean(self.self_layers)

    @property
    def first(self) -> list[str]:
        """Pieces of the first summary, length T_A; of the only one where there is one."""
        return self.tokens[: -1 if self.separator is None else self.separator]

    @property
    def second(self) -> list[str]:
        """Pieces of the second summary, length T_B; none where there is one."""
        return [] if self.separator is None else self.tokens[self.separator + 1 : -1]

    def between(self, layer: Optional[int] = None) -> Matrix:
        """From the second summary to the first, shape (T_B, T_A): rows `second`, columns `first`.

        Rows sum to less than 1: the rest goes to the second summary itself, the separator and the
        start symbol.

        Args:
            layer: of the decoder, from 0; None: the mean over layers.

        Raises:
            ConfigError: there is one summary only, or no such layer.
        """
        if self.separator is None:
            raise ConfigError(
                "attention between summaries: needs a hypothesis of two, but the model writes one"
                f" ({self.languages[0]}); take a model of layout mclas"
            )
        layers = len(self.self_layers)
        if layer is not None and not -layers <= layer < layers:
            raise ConfigError(
                f"layer {layer}: the decoder has {layers} of them; give 0 to {layers - 1}"
            )
        weights = self.within if layer is None else self.self_layers[layer]
        # Input j is token j - 1: the first summary stands behind the start symbol.
        part: Matrix = weights[self.separator + 1 : -1, 1 : self.separator + 1]
        return part

    def to_json(self, tokenizer: Tokenizer, source_lang: str) -> dict[str, Any]:
        """What pages show of it, as `evaluation/html/attention.py` reads it.

        Args:
            tokenizer: turns pieces into the text that they add.
            source_lang: language of the document.

        Returns:
            `document` and `summaries` as pieces of text, and for each piece of the summaries its
            weights `to_document` and `to_summaries` (the pieces that were written), means over
            layers, rounded; separator, start symbol and EOS are left out.
        """
        halves = [self.first, self.second][: len(self.languages)]
        begin = len(self.first) + 1  # of the second summary, behind the separator
        written = [*range(len(self.first)), *range(begin, begin + len(self.second))]
        # What was written at step n was read at the next one: its column is n + 1.
        between = self.within[np.ix_(written, [step + 1 for step in written])]
        shown = len(self.document) - 1  # without EOS
        return {
            "document": _shares(self.document[:shown], tokenizer, source_lang),
            "summaries": [
                _shares(half, tokenizer, language)
                for half, language in zip(halves, self.languages, strict=True)
            ],
            "to_document": _rounded(self.cross[written, :shown]),
            "to_summaries": _rounded(between),
        }


def _rounded(weights: Matrix) -> list[list[float]]:
    return [[round(float(weight), 4) for weight in row] for row in weights]


def _shares(pieces: list[str], tokenizer: Tokenizer, language: str) -> dict[str, Any]:
    return {"language": language, "pieces": tokenizer.shares(pieces, language)}


def _mean(layers: npt.NDArray[np.float32]) -> Matrix:
    mean: Matrix = layers.mean(axis=0)
    return mean


def check_traceable(models: Sequence[nn.Module], task: SummarizationTask) -> None:
    """Refuse systems whose attention is not one.

    Raises:
        ConfigError: an ensemble, one that writes with two decoders, one of one stack, or one in
            CTranslate2's form.
    """
    if len(models) > 1:
        raise ConfigError(
            f"attention: is that of one model, but {len(models)} are loaded as an ensemble; load"
            " one checkpoint"
        )
    if isinstance(models[0], Ct2Network):
        raise ConfigError(
            "attention: is that of a model of torch's, but the bundle is in CTranslate2's form;"
            " load one that mclas export wrote without --format ct2"
        )
    if isinstance(task, GlmSeq2SeqTask):
        raise ConfigError(
            "attention: is that of a decoder to what an encoder read, but mGLM is one stack; ask a"
            " model of another kind"
        )
    if len(task.languages) > 1 and task.layout is Layout.NCLS_MS:
        raise ConfigError(
            "attention: is that of one decoder, but both of two are to write; load the model with"
            " cls or ms"
        )


@torch.no_grad()
def trace_attention(
    model: nn.Module,
    task: SummarizationTask,
    src_tokens: Tensor,
    tokens: Tensor,
    *,
    start: int,
) -> SummaryAttention:
    """Let a model read a hypothesis, and keep its attention.

    Args:
        model: an encoder-decoder of fairseq's Transformer, ready for decoding.
        task: its task.
        src_tokens: the document, ids, shape (1, T_src), without padding.
        tokens: the hypothesis, ids, shape (T_tgt,), closed by EOS.
        start: id of the symbol that the decoder starts with.
    """
    network: Any = model
    hypothesis = tokens
    if len(tokens) and int(tokens[0]) in task.targets.symbols.values():
        # Layout ncls with several target languages: that symbol was read, not written.
        start, tokens = int(tokens[0]), tokens[1:]
    inputs = torch.cat([tokens.new_tensor([start]), tokens[:-1]]).to(src_tokens.device)
    encoded = network.encoder(src_tokens, src_lengths=src_tokens.new_tensor([src_tokens.size(1)]))
    own: list[Tensor] = []
    cross: list[Tensor] = []
    layers = list(network.decoder.layers)
    with (
        _kept_weights([layer.self_attn for layer in layers], own),
        _kept_weights([layer.encoder_attn for layer in layers], cross),
    ):
        network.decoder(inputs.unsqueeze(0), encoder_out=encoded)
    dictionary = task.dictionary
    # A pretrained encoder puts a token before the document, and hands on what it read.
    read = encoded["src_tokens"][0] if encoded["src_tokens"] else src_tokens
    separators = list(task.targets.symbols.values())
    separator = torch.isin(tokens, tokens.new_tensor(separators)).nonzero().flatten().tolist()
    return SummaryAttention(
        document=[dictionary[index] for index in read[0].tolist()],
        tokens=[dictionary[index] for index in tokens.tolist()],
        inputs=[dictionary[index] for index in inputs.tolist()],
        languages=tuple(task.summary_text().summaries(hypothesis.tolist())),
        cross_layers=_stack(cross),
        self_layers=_stack(own),
        separator=separator[0] if separator else None,
    )


@contextmanager
def _kept_weights(modules: list[nn.Module], kept: list[Tensor]) -> Iterator[None]:
    """Make attention modules return their weights, and append them to `kept`, in call order."""

    def ask(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, {**kwargs, "need_weights": True}

    def keep(module: nn.Module, args: Any, output: tuple[Tensor, Tensor]) -> None:
        weights = output[1]
        # Where the decoder asks for each head (the last layer's cross attention), they come first.
        kept.append(weights.mean(dim=0) if weights.dim() == 4 else weights)

    handles = []
    for module in modules:
        handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
        handles.append(module.register_forward_hook(keep))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _stack(weights: list[Tensor]) -> npt.NDArray[np.float32]:
    """Weights (1, T_tgt, T) of each layer as one array (layers, T_tgt, T)."""
    return np.stack([layer[0].float().cpu().numpy() for layer in weights])

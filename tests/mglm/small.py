"""A tiny mGLM, and the one masked pass over A and B that its two passes must equal."""

import math
from argparse import Namespace
from types import SimpleNamespace
from typing import Any, Optional

import torch
from fairseq.data import Dictionary
from torch import Tensor

from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.mglm.model import GlmModel, glm_tiny
from mclas_fairseq.mglm.symbols import ENTRIES, Symbols, find_symbols


def make_dictionary(size: int = 12, multiple: int = 8) -> Dictionary:
    dictionary = Dictionary()
    for number in range(size):
        dictionary.add_symbol(f"w{number}")
    for entry in ENTRIES.values():
        dictionary.add_symbol(entry)
    dictionary.pad_to_multiple_(multiple)
    return dictionary


def make_task(dictionary: Dictionary) -> Any:
    return SimpleNamespace(
        source_dictionary=dictionary,
        target_dictionary=dictionary,
        dictionary_sha256=dictionary_fingerprint(dictionary),
    )


def make_model(seed: int = 7, dictionary: Optional[Dictionary] = None, **options: Any) -> Any:
    """A model of C 16 with two heads, whose weights are so large that positions matter."""
    torch.manual_seed(seed)
    sizes = {"stack_embed_dim": 16, "stack_attention_heads": 2, "stack_positions": 24}
    args = Namespace(**{**sizes, "dropout": 0.0, "attention_dropout": 0.0, **options})
    glm_tiny(args)
    model: Any = GlmModel.build_model(args, make_task(dictionary or make_dictionary()))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.eval()


SYMBOLS: Symbols = find_symbols(make_dictionary())


def one_pass(
    model: Any, text: Tensor, span: Tensor, pos1: Tensor, pos2: Tensor, states: bool = False
) -> Tensor:
    """Logits of part B of one sample, by attention of A and B together under one mask.

    Written from the paper, with matrices and sums; it shares the weights with the model, no code.

    Args:
        model: whose weights.
        text: part A without padding, (S,).
        span: part B, (T,).
        pos1: of part B, (T,).
        pos2: of part B, (T,).
        states: return the last hidden states of A and B instead, (S + T, C).
    """
    weights = {name: value for name, value in model.stack.named_parameters()}
    length = text.numel() + span.numel()
    places = torch.cat([torch.arange(text.numel()), pos1])
    inside = torch.cat([torch.zeros_like(text), pos2])
    x = weights["embed_tokens.weight"][torch.cat([text, span])]
    x = x + weights["embed_positions.weight"][places]
    x = x + weights["embed_span_positions.weight"][inside]
    may = torch.zeros(length, length, dtype=torch.bool)
    for i in range(length):
        for j in range(length):
            may[i, j] = j < text.numel() or j <= i
    for number in range(len(model.stack.layers)):
        layer = {
            name.split(".", 2)[2]: value
            for name, value in weights.items()
            if name.startswith(f"layers.{number}.")
        }
        x = x + _attention(_norm(x, layer, "attention_norm"), layer, may, model)
        hidden = _norm(x, layer, "ffn_norm") @ layer["fc1.weight"].T + layer["fc1.bias"]
        x = x + _gelu(hidden) @ layer["fc2.weight"].T + layer["fc2.bias"]
    x = _norm(x, weights, "final_norm")
    return x if states else x[text.numel() :] @ weights["embed_tokens.weight"].T


def _attention(x: Tensor, layer: dict[str, Tensor], may: Tensor, model: Any) -> Tensor:
    dim = x.size(-1)
    heads = model.stack.layers[0].attention.heads
    width = dim // heads
    weight, bias = layer["attention.qkv.weight"], layer["attention.qkv.bias"]
    q, k, v = (
        x @ weight[part * dim : (part + 1) * dim].T + bias[part * dim : (part + 1) * dim]
        for part in range(3)
    )
    read = []
    for head in range(heads):
        at = slice(head * width, (head + 1) * width)
        scores = q[:, at] @ k[:, at].T / math.sqrt(width)
        scores = scores.masked_fill(~may, float("-inf"))
        read.append(scores.softmax(-1) @ v[:, at])
    return torch.cat(read, -1) @ layer["attention.out.weight"].T + layer["attention.out.bias"]


def _norm(x: Tensor, layer: dict[str, Tensor], name: str) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()
    return scaled * layer[f"{name}.weight"] + layer[f"{name}.bias"]


def _gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x.pow(3))))


def pad_rows(rows: list[Tensor], pad: int, left: bool = False, width: Optional[int] = None) -> Any:
    """Rows of tokens as one tensor, padded on one side."""
    width = max(row.numel() for row in rows) if width is None else width
    table = torch.full((len(rows), width), pad)
    for number, row in enumerate(rows):
        if left:
            table[number, width - row.numel() :] = row
        else:
            table[number, : row.numel()] = row
    return table

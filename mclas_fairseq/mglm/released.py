"""Starting from the weights that mGLM's authors released.

THUDM's Multilingual-GLM keeps its weights under the names of its own library; here they get the
names of `stack.py`. Nothing is computed: queries, keys and values are thirds of one matrix there as
here, and the output projection is the word embedding. Rows of the embedding keep their numbers, so
that the dictionary must be in the order of the released vocabulary.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

import torch
from torch import Tensor, nn

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.errors import CheckpointError

_BEFORE = "transformer."
_OF_TABLES = {
    "transformer.word_embeddings.weight": "embed_tokens.weight",
    "transformer.position_embeddings.weight": "embed_positions.weight",
    "mixins.block_position_embedding.block_position_embeddings.weight": (
        "embed_span_positions.weight"
    ),
    "transformer.final_layernorm.weight": "final_norm.weight",
    "transformer.final_layernorm.bias": "final_norm.bias",
}
_OF_LAYERS = {
    "input_layernorm": "attention_norm",
    "attention.query_key_value": "attention.qkv",
    "attention.dense": "attention.out",
    "post_attention_layernorm": "ffn_norm",
    "mlp.dense_h_to_4h": "fc1",
    "mlp.dense_4h_to_h": "fc2",
}
_LAYER = re.compile(r"transformer\.layers\.(\d+)\.(.+)\.(weight|bias)")
_PROJECTION = "output_projection.weight"


def convert_released(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a `GlmStack` from released ones; the tensors are the same.

    Raises:
        CheckpointError: a weight has a name that the released model does not have.
    """
    found = {_new_name(name): tensor for name, tensor in weights.items()}
    if "embed_tokens.weight" in found:
        found[_PROJECTION] = found["embed_tokens.weight"]
    return found


def _new_name(name: str) -> str:
    if name in _OF_TABLES:
        return _OF_TABLES[name]
    match = _LAYER.fullmatch(name)
    if match is None or match[2] not in _OF_LAYERS:
        raise CheckpointError(
            f"released weights: names must be those of Multilingual-GLM, as "
            f"{_BEFORE}word_embeddings.weight, but one is {name[:100]}; give the model file "
            "that its authors published"
        )
    return f"layers.{match[1]}.{_OF_LAYERS[match[2]]}.{match[3]}"


def start_from_released(stack: nn.Module, path: Union[str, Path]) -> None:
    """Fill a stack with the weights of a released checkpoint; its other content is left alone.

    Raises:
        CheckpointError: it cannot be read safely, has no weights of the released model, lacks
            some, or they are of other sizes.
    """
    state = load_checkpoint(path, mmap=True)
    weights: Any = state.get("module")
    if not isinstance(weights, dict):
        raise CheckpointError(
            f"checkpoint {path}: released weights stand in its entry 'module', it has "
            f"{', '.join(sorted(map(str, state))[:5]) or 'nothing'}; give the model file that "
            "mGLM's authors published"
        )
    converted = convert_released(weights)
    own = stack.state_dict()
    _check(own, converted, path)
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(converted[name])


def _check(own: Mapping[str, Tensor], given: Mapping[str, Tensor], path: Union[str, Path]) -> None:
    for name in [*own, *given]:
        here = tuple(own[name].shape) if name in own else "absent"
        there = tuple(given[name].shape) if name in given else "absent"
        if here != there:
            raise CheckpointError(
                f"checkpoint {path}: its weights must have the sizes of the architecture, "
                f"{name} is {there} there and {here} here; give --arch mglm_large and the released "
                "vocabulary, or the sizes of that model with --stack-layers and its like"
            )

"""Released weights under the names of their own library."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.mglm.released import convert_released, start_from_released
from tests.mglm.small import SYMBOLS, make_model

ENTRIES = 24


def released(layers: int = 2, dim: int = 16, positions: int = 24) -> dict[str, Tensor]:
    """A state dict of the released layout: names and shapes, with weights of our own."""
    torch.manual_seed(3)
    state = {
        "transformer.word_embeddings.weight": torch.randn(ENTRIES, dim),
        "transformer.position_embeddings.weight": torch.randn(positions, dim),
        "mixins.block_position_embedding.block_position_embeddings.weight": torch.randn(
            positions, dim
        ),
        "transformer.final_layernorm.weight": torch.randn(dim),
        "transformer.final_layernorm.bias": torch.randn(dim),
    }
    for number in range(layers):
        for name, rows, columns in (
            ("attention.query_key_value", 3 * dim, dim),
            ("attention.dense", dim, dim),
            ("mlp.dense_h_to_4h", 4 * dim, dim),
            ("mlp.dense_4h_to_h", dim, 4 * dim),
        ):
            state[f"transformer.layers.{number}.{name}.weight"] = torch.randn(rows, columns)
            state[f"transformer.layers.{number}.{name}.bias"] = torch.randn(rows)
        for name in ("input_layernorm", "post_attention_layernorm"):
            state[f"transformer.layers.{number}.{name}.weight"] = torch.randn(dim)
            state[f"transformer.layers.{number}.{name}.bias"] = torch.randn(dim)
    return state


def test_every_weight_gets_the_place_that_it_has_in_the_released_model(tmp_path: Path) -> None:
    model = make_model()
    state = released()
    torch.save({"module": state, "iteration": 3}, tmp_path / "released.pt")
    start_from_released(model.stack, tmp_path / "released.pt")
    stack = model.stack
    pairs = {
        "transformer.word_embeddings.weight": stack.embed_tokens.weight,
        "transformer.position_embeddings.weight": stack.embed_positions.weight,
        "mixins.block_position_embedding.block_position_embeddings.weight": (
            stack.embed_span_positions.weight
        ),
        "transformer.layers.1.input_layernorm.weight": stack.layers[1].attention_norm.weight,
        "transformer.layers.1.post_attention_layernorm.bias": stack.layers[1].ffn_norm.bias,
        "transformer.layers.0.attention.dense.weight": stack.layers[0].attention.out.weight,
        "transformer.layers.0.mlp.dense_h_to_4h.bias": stack.layers[0].fc1.bias,
        "transformer.layers.1.mlp.dense_4h_to_h.weight": stack.layers[1].fc2.weight,
        "transformer.final_layernorm.weight": stack.final_norm.weight,
    }
    for name, weight in pairs.items():
        assert torch.equal(weight, state[name]), name
    assert stack.output_projection.weight is stack.embed_tokens.weight
    values = state["transformer.layers.0.attention.query_key_value.weight"][32:]
    x = torch.randn(1, 3, 16)
    made = stack.layers[0].attention.keys_values(x).values.transpose(1, 2).reshape(1, 3, 16)
    bias = state["transformer.layers.0.attention.query_key_value.bias"][32:]
    torch.testing.assert_close(made, x @ values.T + bias)
    assert model(torch.tensor([[SYMBOLS.cls, 5, SYMBOLS.mask]]), None, torch.tensor([[4]]))


def test_other_names_and_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"names must be those .* one is lm_head.weight"):
        convert_released({**released(), "lm_head.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="but one is transformer.layers.0.mlp.gate.weight"):
        convert_released({"transformer.layers.0.mlp.gate.weight": torch.zeros(1)})
    stack = make_model().stack
    path = tmp_path / "released.pt"
    before = {name: weight.clone() for name, weight in stack.state_dict().items()}
    for wrong, said in [
        (released(layers=1), "layers.1.attention_norm.weight is absent there and"),
        (released(layers=3), r"layers.2.attention.qkv.weight is \(48, 16\) there and absent here"),
        (released(positions=30), r"embed_positions.weight is \(30, 16\) there and \(24, 16\) here"),
    ]:
        torch.save({"module": wrong}, path)
        with pytest.raises(CheckpointError, match=said):
            start_from_released(stack, path)
    torch.save({"model": {}}, path)
    with pytest.raises(CheckpointError, match="in its entry 'module', it has model; give"):
        start_from_released(stack, path)
    after = stack.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())

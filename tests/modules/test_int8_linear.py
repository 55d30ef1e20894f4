"""Linear layers in 8 bits: near their originals, called or read, and only where that is meant."""

import pytest
import torch
from torch import nn

from mclas_fairseq.modules.int8_linear import Int8Linear, quantize_linears


class Block(nn.Module):
    """A layer as fairseq has it, and a projection that shares the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(10, 32)
        self.fc1 = nn.Linear(32, 64)
        self.fc2 = nn.Linear(64, 32, bias=False)
        self.dense = nn.Linear(32, 10, bias=False)
        self.dense.weight = self.embed_tokens.weight
        self.gate = nn.Linear(32, 1)


def test_a_layer_in_8_bits_is_near_its_original_called_and_read() -> None:
    torch.manual_seed(1)
    layer = nn.Linear(32, 64)
    with torch.no_grad():
        layer.weight[3].mul_(100)  # one scale for all outputs would leave nothing of the others
    states = torch.randn(5, 7, 32)
    rounded = Int8Linear.rounding(layer)
    expected = layer(states)
    others = torch.arange(64) != 3
    torch.testing.assert_close(
        rounded(states)[..., others], expected[..., others], atol=0.03, rtol=0
    )
    torch.testing.assert_close(rounded.weight[others], layer.weight[others], atol=2e-3, rtol=0)
    assert rounded.bias is not None
    torch.testing.assert_close(rounded.bias, layer.bias)
    read = nn.functional.linear(states, rounded.weight, rounded.bias)
    torch.testing.assert_close(read[..., others], expected[..., others], atol=0.03, rtol=0)
    assert (rounded.in_features, rounded.out_features) == (32, 64)
    assert not torch.equal(rounded(states), expected), "it was rounded"


def test_layers_of_the_network_are_changed_and_what_search_reads_is_not() -> None:
    block = Block()
    assert quantize_linears(block) == 2
    changed = dict(block.named_children())
    assert isinstance(changed["fc1"], Int8Linear)
    assert isinstance(changed["fc2"], Int8Linear)
    assert changed["fc2"].bias is None
    assert type(block.dense) is nn.Linear, "the embedding is not there twice"
    assert type(block.gate) is nn.Linear
    assert block.dense.weight is block.embed_tokens.weight
    assert quantize_linears(block) == 0


def test_weights_take_a_quarter() -> None:
    layer = Int8Linear.rounding(nn.Linear(256, 256))
    assert not list(layer.parameters())
    assert layer._held()[0].element_size() == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_nothing(threads: int) -> None:
    torch.manual_seed(1)
    layer = Int8Linear.rounding(nn.Linear(64, 64))
    states = torch.randn(9, 64)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        found = layer(states)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found, layer(states), atol=0, rtol=0)

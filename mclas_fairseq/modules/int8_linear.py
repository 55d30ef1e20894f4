"""Linear layers in 8 bits, for decoding on a processor: torch's dynamic quantisation.

Weights are rounded once, to 8 bits with a scale for each output; what a layer reads is rounded at
each call with one scale. Embeddings, the output projection and all that is not a linear layer of a
network's layers stay as they are: search takes rows out of the projection, which it shares with the
embedding.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Optional, cast

import torch
from torch import Tensor, nn

# The layers of Transformers that are called, not read: of fairseq's, mGLM's, and BERT-like ones.
_NAMES = frozenset(
    {
        *("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
        *("qkv", "out"),
        *("query", "key", "value", "dense"),
    }
)


class Rounded(NamedTuple):
    """What a layer in 8 bits is stored as.

    Attributes:
        weight: int8, (C_out, C_in).
        scales: of each output, fp32, (C_out,): a weight is its number times this.
        bias: fp32, (C_out,); None: there is none.
    """

    weight: Tensor
    scales: Tensor
    bias: Optional[Tensor]


class Place(NamedTuple):
    """Where in a model a linear layer is that can be in 8 bits: `parent`.`name` is `layer`."""

    parent: nn.Module
    name: str
    path: str  # from the model
    layer: nn.Linear


class Int8Linear(nn.Module):
    """A linear layer in 8 bits in the place of another one.

    What reads `weight` and `bias` instead of calling the layer, as fairseq's attention does outside
    of step-by-step decoding, gets numbers in fp32: the rounded ones.

    Args:
        layer: in 8 bits, of torch's.
    """

    def __init__(self, layer: Any):
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.layer = layer

    @classmethod
    def rounding(cls, layer: nn.Linear) -> "Int8Linear":
        """Round a layer, which is in fp32 on the processor."""
        configured: Any = layer
        configured.qconfig = torch.ao.quantization.per_channel_dynamic_qconfig
        try:
            with _without_warnings():
                return cls(_quantized().from_float(configured))
        finally:
            del configured.qconfig

    @classmethod
    def of(cls, stored: Rounded) -> "Int8Linear":
        """The layer that `stored` was taken of."""
        outputs, inputs = stored.weight.shape
        made: Any = torch  # not among what torch declares
        with _without_warnings():
            layer = _quantized()(1, 1)
            weight = made._make_per_channel_quantized_tensor(
                stored.weight, stored.scales.double(), torch.zeros(outputs, dtype=torch.long), 0
            )
            layer.set_weight_bias(weight, stored.bias)
        layer.in_features, layer.out_features = inputs, outputs
        return cls(layer)

    @property
    def stored(self) -> Rounded:
        """What to store of it."""
        weight, bias = self._held()
        scales = weight.q_per_channel_scales().float()
        return Rounded(weight.int_repr(), scales, None if bias is None else bias.detach())

    def forward(self, states: Tensor) -> Tensor:
        """(..., C_in) -> (..., C_out)."""
        found: Tensor = self.layer(states)
        return found

    @property
    def weight(self) -> Tensor:
        """The rounded weights, fp32, (C_out, C_in)."""
        found: Tensor = self._held()[0].dequantize()
        return found

    @property
    def bias(self) -> Tensor | None:
        """fp32, (C_out,)."""
        found: Tensor | None = self._held()[1]
        return found

    def _held(self) -> Any:
        packed: Any = self.layer
        return packed._weight_bias()


def quantize_linears(model: nn.Module) -> int:
    """Put 8 bits in the place of a model's linear layers; returns how many.

    Args:
        model: in fp32, on the processor; it is changed.
    """
    found = list(places(model))
    for place in found:
        setattr(place.parent, place.name, Int8Linear.rounding(place.layer))
    return len(found)


def places(model: nn.Module) -> Iterator[Place]:
    """The linear layers of a model that can be in 8 bits."""
    shared = _shared(model)
    for path, parent in list(model.named_modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear and name in _NAMES and id(layer.weight) not in shared:
                yield Place(parent, name, f"{path}.{name}" if path else name, layer)


def _quantized() -> Any:
    return torch.ao.nn.quantized.dynamic.Linear


@contextmanager
def _without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        # torch says that its successor is another package, which torch does not bring.
        warnings.filterwarnings("ignore", message=r"torch\.quantize_per")
        yield


def _shared(model: nn.Module) -> set[int]:
    """Parameters that are in more than one place."""
    seen: set[int] = set()
    twice: set[int] = set()
    for module in model.modules():
        for parameter in module._parameters.values():
            if parameter is not None:
                (twice if id(parameter) in seen else seen).add(id(cast(Any, parameter)))
    return twice

"""Linear layers in 8 bits, for decoding on a processor: torch's dynamic quantisation.

Weights are rounded once, to 8 bits with a scale for each output; what a layer reads is rounded at
each call with one scale. Embeddings, the output projection and all that is not a linear layer of a
network's layers stay as they are: search takes rows out of the projection, which it shares with the
embedding.
"""

import warnings
from typing import Any, cast

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


class Int8Linear(nn.Module):
    """A linear layer in 8 bits in the place of another one.

    What reads `weight` and `bias` instead of calling the layer, as fairseq's attention does outside
    of step-by-step decoding, gets numbers in fp32: the rounded ones.

    Args:
        layer: the layer, in fp32 on the processor.
    """

    def __init__(self, layer: nn.Linear):
        super().__init__()
        quantized: Any = torch.ao.nn.quantized.dynamic.Linear
        configured: Any = layer
        configured.qconfig = torch.ao.quantization.per_channel_dynamic_qconfig
        self.in_features, self.out_features = layer.in_features, layer.out_features
        with warnings.catch_warnings():
            # torch says that its successor is another package, which torch does not bring.
            warnings.filterwarnings("ignore", message=r"torch\.quantize_per")
            self.layer = quantized.from_float(configured)
        del configured.qconfig

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
    shared = _shared(model)
    changed = 0
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear and name in _NAMES and id(layer.weight) not in shared:
                setattr(parent, name, Int8Linear(layer))
                changed += 1
    return changed


def _shared(model: nn.Module) -> set[int]:
    """Parameters that are in more than one place."""
    seen: set[int] = set()
    twice: set[int] = set()
    for module in model.modules():
        for parameter in module._parameters.values():
            if parameter is not None:
                (twice if id(parameter) in seen else seen).add(id(cast(Any, parameter)))
    return twice

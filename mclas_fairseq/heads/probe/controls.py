"""Controls of a probe: what must show no heads that translate, if the probe measures anything."""

from typing import Any

import torch
from fairseq.modules import MultiheadAttention
from torch import nn


@torch.no_grad()
def randomise_decoders(model: nn.Module, seed: int = 1) -> None:
    """Draw the weights of all decoder layers anew, in place, as at the start of a training.

    Embeddings stay: the encoder has them, too.
    """
    network: Any = model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name in ("decoder", "ms_decoder"):
            decoder = getattr(network, name, None)
            for layer in [] if decoder is None else decoder.layers:
                _randomise(layer)


def _randomise(layer: nn.Module) -> None:
    for module in layer.modules():
        if isinstance(module, MultiheadAttention):
            module.reset_parameters()
            for projection in (module.q_proj, module.k_proj, module.v_proj):
                nn.init.zeros_(projection.bias)
        elif isinstance(module, nn.LayerNorm):
            module.reset_parameters()
    for child in layer.children():
        if isinstance(child, nn.Linear):
            nn.init.xavier_uniform_(child.weight)
            nn.init.zeros_(child.bias)

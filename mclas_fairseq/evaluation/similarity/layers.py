"""Which layer of an encoder is used, what is above it, and how long a text it can read."""

import logging
from typing import Any, Optional

from torch import nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.extras import require

logger = logging.getLogger(__name__)

_NO_LIMIT = 10**6  # a tokenizer saved without a limit says 10**30


def choose_layer(name: str, layer: Optional[int], layers: int) -> int:
    """The layer to use of a model with so many layers.

    Args:
        name: the model's name, or that of its folder.
        layer: as asked for; None: the one that bert-score lists for a model of this name (with or
            without the name of its owner), and the last one for a model that it does not list.
        layers: how many the model has.

    Raises:
        ConfigError: there is no such layer.
    """
    if layer is None:
        table = require(
            "bert_score.utils", extra="metrics", purpose="the encoder's default layer"
        ).model2layers
        layer = table.get(name, table.get(name.rsplit("/", 1)[-1]))
        if layer is None:
            logger.info("encoder %s: no tuned layer is known for it, the last is used", name)
            return layers
    if not 0 <= layer <= layers:
        raise ConfigError(
            f"encoder {name!r}: layer must be from 0 (the embeddings) to {layers}, the number of"
            f" its layers, but is {layer}; change --layer"
        )
    return layer


def drop_layers(model: Any, layer: int, layers: int) -> None:
    """Take the layers above `layer` off the model, in place, where they are kept in one list.

    This saves their time, and is what bert-score does: a norm that the model applies to its last
    layer is then applied to `layer`. Models that keep their layers otherwise stay whole.
    """
    if not 0 < layer < layers:
        return
    lists = [
        module
        for module in model.modules()
        if isinstance(module, nn.ModuleList) and len(module) == layers
    ]
    if len(lists) == 1:
        del lists[0][layer:]


def read_limit(tokenizer: Any, config: Any, model: Any) -> Optional[int]:
    """How many pieces of a text the model can read, special ones included; None: any number."""
    limits = []
    if tokenizer.model_max_length < _NO_LIMIT:
        limits.append(int(tokenizer.model_max_length))
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:  # XLNet says -1
        limits.append(positions - _unused_positions(model))
    return min(limits) if limits else None


def _unused_positions(model: Any) -> int:
    """Positions before the first piece: RoBERTa and its kin begin after the padding's number."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            return 0 if module.padding_idx is None else int(module.padding_idx) + 1
    return 0

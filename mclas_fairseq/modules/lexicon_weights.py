"""Lexicons among the weights of a checkpoint: which stay when a model is loaded, trimmed, extended.

A `TranslationTable` keeps its lexicons as buffers over the dictionary's entries, and, with the
adaptive strategy, what was learned beside them as parameters.
"""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.modules.translation_table import ALWAYS, BUFFERS

logger = logging.getLogger(__name__)

_MARK = ".translations."
_TABLES = tuple(_MARK + name for name in BUFFERS)


def is_lexicon(name: str) -> bool:
    """Tell whether a weight is a part of a `TranslationTable`, by its name."""
    return _MARK in name


def with_own_lexicons(own: Mapping[str, Tensor], found: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's weights with a model's own lexicons, where it has some or they are lacking.

    So a model that translates starts from one that copies or does neither, and --lexicon holds
    where a checkpoint brings another one. What was learned beside lexicons is the checkpoint's, if
    any was.
    """
    mine = {name: value for name, value in own.items() if is_lexicon(name)}
    lacking = {name: value for name, value in mine.items() if name not in found}
    if not any(name.endswith(_MARK + "ids") and value.size(2) for name, value in mine.items()):
        return {**found, **lacking}
    tables = {name: value for name, value in mine.items() if name.endswith(_TABLES)}
    if any(name in found and not _equal(found[name], value) for name, value in tables.items()):
        logger.warning("--lexicon: takes the place of another one, which the checkpoint brings")
    return {**found, **lacking, **tables}


def trim_lexicons(weights: Mapping[str, Tensor], kept: Tensor, places: Tensor) -> dict[str, Tensor]:
    """The lexicons of weights over the entries of a dictionary that stay.

    Candidates that are dropped leave their share to the others of their entry; an entry without
    any left stands for itself.

    Args:
        weights: of a checkpoint, by name.
        kept: numbers of the entries that stay, ascending, shape (K,).
        places: new number of each entry, -1 for what is dropped, shape (V,).

    Returns:
        The tensors that change, by name.

    Raises:
        CheckpointError: what announces a target language is dropped.
    """
    own = torch.arange(len(kept)).view(1, -1, 1)
    changed = {}
    for prefix in _prefixes(weights):
        ids = places[weights[prefix + "ids"][:, kept]]
        shares = weights[prefix + "weights"][:, kept].masked_fill(ids.lt(0), 0.0)
        total = shares.sum(2, keepdim=True)
        shares[..., :1] = torch.where(total.gt(0), shares[..., :1], 1.0)
        ids[..., :1] = torch.where(total.gt(0), ids[..., :1], own)
        changed[prefix + "ids"] = torch.where(shares.gt(0), ids, own)
        changed[prefix + "weights"] = shares / shares.sum(2, keepdim=True)
        changed[prefix + "announced"] = _moved(weights[prefix + "announced"], places)
    return changed


def extend_lexicons(weights: Mapping[str, Tensor], entries: int) -> dict[str, Tensor]:
    """The lexicons of weights over a longer dictionary, whose new entries stand for themselves.

    Args:
        weights: of a checkpoint, by name.
        entries: size of the longer dictionary.

    Returns:
        The tensors that change, by name.
    """
    changed = {}
    for prefix in _prefixes(weights):
        ids, shares = weights[prefix + "ids"], weights[prefix + "weights"]
        tables, earlier, width = ids.shape
        # 1 x N x 1 -> (1 + Z) x N x M
        new = torch.arange(earlier, entries).view(1, -1, 1).expand(tables, -1, width)
        alone = torch.zeros(new.shape)
        alone[..., :1] = 1.0
        changed[prefix + "ids"] = torch.cat([ids, new], dim=1)
        changed[prefix + "weights"] = torch.cat([shares, alone], dim=1)
    return changed


def _prefixes(weights: Mapping[str, Tensor]) -> list[str]:
    end = _MARK + "ids"
    return [name.removesuffix("ids") for name in weights if name.endswith(end)]


def _moved(announced: Tensor, places: Tensor) -> Tensor:
    moved = torch.where(announced.eq(ALWAYS), ALWAYS, places[announced.clamp_min(0)])
    if bool((moved.lt(0) & announced.ne(ALWAYS)).any()):
        raise CheckpointError(
            "checkpoint: it copies by a lexicon of each target language, but the separator that"
            " announces one of them is dropped from the dictionary; trim with a data-bin that has"
            " all its target languages"
        )
    return moved


def _equal(found: Any, own: Tensor) -> bool:
    return isinstance(found, Tensor) and torch.equal(found.to(own), own)

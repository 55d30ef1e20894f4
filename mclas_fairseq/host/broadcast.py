"""Handing a loaded checkpoint to the other processes of a training, as plain containers.

In a training with several processes one of them reads the checkpoint and fairseq sends it to the
others, which read what they receive with `torch.load`. By then the checkpoint's configuration is an
omegaconf object, which torch's safe loader rightly refuses, so that neither resuming nor
`--finetune-from-model` works. Here configurations travel as marked plain containers and are built
again on arrival; the safe loader's list stays as short as it is.
"""

from collections.abc import Callable
from typing import Any, Optional

import torch
from omegaconf import DictConfig, ListConfig, OmegaConf

MARK = "__omegaconf__"


def in_plain_containers(broadcast: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fairseq.distributed.utils.broadcast_object`."""

    def broadcast_plain(
        obj: Any, src_rank: int, group: object, dist_device: Optional[torch.device] = None
    ) -> Any:
        # Receivers pass None, which is as plain as can be.
        return from_plain(broadcast(to_plain(obj), src_rank, group, dist_device))

    return broadcast_plain


def to_plain(obj: Any) -> Any:
    """Replace every omegaconf object inside dictionaries, lists and tuples by a marked dictionary.

    Interpolations and missing values stay as they are written; flags (read-only, struct, arbitrary
    objects allowed) are kept for the outermost node of each configuration.
    """
    if isinstance(obj, (DictConfig, ListConfig)):
        content = OmegaConf.to_container(obj, resolve=False, enum_to_str=True)
        flags = {name: obj._get_node_flag(name) for name in ("allow_objects", "readonly", "struct")}
        return {MARK: content, "flags": flags}
    if isinstance(obj, dict):
        return {key: to_plain(value) for key, value in obj.items()}  # as fairseq does next
    if type(obj) in (list, tuple):
        return type(obj)(to_plain(value) for value in obj)
    return obj


def from_plain(obj: Any) -> Any:
    """Undo `to_plain`."""
    if isinstance(obj, dict):
        if set(obj) == {MARK, "flags"}:
            return OmegaConf.create(obj[MARK], flags=obj["flags"])
        return {key: from_plain(value) for key, value in obj.items()}
    if type(obj) in (list, tuple):
        return type(obj)(from_plain(value) for value in obj)
    return obj

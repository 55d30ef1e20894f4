"""Giving memory that a training, or a server, does not use back to the system, now and then.

Batches differ in size, so do the blocks that each step allocates and frees, and glibc keeps what
lies between those still in use: after a hundred updates on a CPU more than half of a process's
memory is such holes, and they grow. Closing them takes a tenth of a second, every so often.
"""

import ctypes
from functools import cache
from typing import Any, Optional

import torch
from torch import nn

_UPDATES = 10


def close_holes(model: nn.Module, update: int) -> None:
    """Give back what is free at every 10th update of a model on a CPU; nothing without glibc."""
    first = next(model.parameters(), None)
    if first is None or first.device != torch.device("cpu") or update % _UPDATES:
        return
    give_back()


def give_back() -> None:
    """Give back to the system what is free in this process; nothing without glibc."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Optional[Any]:
    return getattr(ctypes.CDLL(None), "malloc_trim", None)

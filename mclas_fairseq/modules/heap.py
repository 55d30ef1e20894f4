"""Giving memory that a training, or a server, does not use back to the system, now and then.

Batches differ in size, so do the blocks that each step allocates and frees, and glibc keeps what
lies between those still in use: after a hundred updates on a CPU more than half of a process's
memory is such holes, and they grow. Closing them takes a tenth of a second, every so often.

A server's batches ask for the same blocks again and again, so that under load it is better to keep
them (`keep_freed`): they need not be asked for anew, and memory stays where its largest batch was.
"""

import ctypes
from functools import cache
from typing import Any, Optional

import torch
from torch import nn

_UPDATES = 10

# Of glibc's malloc.h: mallopt's numbers, and what they are set to. All threads share one heap, as
# holes of one are no use to another; blocks of up to 32 MiB (more is not allowed) come from it; and
# its end does not shrink by itself.
_KEEP = {"M_ARENA_MAX": (-8, 1), "M_MMAP_THRESHOLD": (-3, 2**25), "M_TRIM_THRESHOLD": (-1, 2**30)}


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


def keep_freed() -> None:
    """Keep what is freed until `give_back`; for the start of a process. Nothing without glibc."""
    set_option: Optional[Any] = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for number, value in _KEEP.values():
            set_option(number, value)


@cache
def _malloc_trim() -> Optional[Any]:
    return getattr(ctypes.CDLL(None), "malloc_trim", None)

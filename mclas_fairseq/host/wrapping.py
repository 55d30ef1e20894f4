"""Wrapping a function of the host's once, and only once, in a process."""

import functools
from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]
MARK = "_mclas_fairseq_wrapped"


def wrap_once(owner: Any, name: str, wrap: Callable[[Function], Function]) -> None:
    """Put `wrap(owner.name)` in the place of the function `owner.name`, unless it is there already.

    Args:
        owner: the module, or the class (the function is then one of its static methods).
        name: the function's name.
        wrap: takes the host's function, returns ours, which calls it.
    """
    original = getattr(owner, name)
    if hasattr(original, MARK):
        return
    wrapped = functools.wraps(original)(wrap(original))
    setattr(wrapped, MARK, True)
    setattr(owner, name, staticmethod(wrapped) if isinstance(owner, type) else wrapped)

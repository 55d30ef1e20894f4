"""fairseq's own loaders of checkpoints fail with the one-line errors of ours, and look at settings.

What a checkpoint says of its model and its task decides what fairseq builds, evaluates and opens.
So it is checked as soon as it is read, whichever command reads it (`checkpoints/loaded.py`).
"""

from collections.abc import Callable
from typing import Any

from fairseq.file_io import PathManager

from mclas_fairseq.checkpoints.load_errors import check_safety_is_on, clear_errors
from mclas_fairseq.checkpoints.loaded import check_loaded


def with_checked_settings(loader: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fairseq.checkpoint_utils.load_checkpoint_to_cpu`."""
    load = with_clear_errors(loader)

    def load_checkpoint_to_cpu(path: str, *args: Any, **kwargs: Any) -> Any:
        return check_loaded(path, load(path, *args, **kwargs))

    return load_checkpoint_to_cpu


def with_clear_errors(loader: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function of fairseq's that calls `torch.load` on a path of the user's."""

    def load(path: str, *args: Any, **kwargs: Any) -> Any:
        if PathManager.path_requires_pathmanager(path):  # remote: there is no file to look at
            check_safety_is_on(path)
            return loader(path, *args, **kwargs)
        with clear_errors(path):
            return loader(path, *args, **kwargs)

    return load

"""fairseq's own loaders of checkpoints fail with the one-line errors of ours."""

from collections.abc import Callable
from typing import Any

from fairseq import checkpoint_utils
from fairseq.file_io import PathManager

from mclas_fairseq.checkpoints.load_errors import check_safety_is_on, clear_errors
from mclas_fairseq.host.wrapping import wrap_once

# Those that call torch.load on a path of the user's.
FAIRSEQ_LOADERS = ("load_checkpoint_to_cpu", "load_ema_from_checkpoint")


def wrap_fairseq_loaders() -> None:
    """Make fairseq's own loaders raise the same one-line errors. Idempotent."""
    for name in FAIRSEQ_LOADERS:
        wrap_once(checkpoint_utils, name, _with_clear_errors)


def _with_clear_errors(loader: Callable[..., Any]) -> Callable[..., Any]:
    def load(path: str, *args: Any, **kwargs: Any) -> Any:
        if PathManager.path_requires_pathmanager(path):  # remote: there is no file to look at
            check_safety_is_on(path)
            return loader(path, *args, **kwargs)
        with clear_errors(path):
            return loader(path, *args, **kwargs)

    return load

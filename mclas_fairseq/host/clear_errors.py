"""fairseq's own loaders of checkpoints fail with the one-line errors of ours."""

from collections.abc import Callable
from typing import Any

from fairseq.file_io import PathManager

from mclas_fairseq.checkpoints.load_errors import check_safety_is_on, clear_errors


def with_clear_errors(loader: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function of fairseq's that calls `torch.load` on a path of the user's."""

    def load(path: str, *args: Any, **kwargs: Any) -> Any:
        if PathManager.path_requires_pathmanager(path):  # remote: there is no file to look at
            check_safety_is_on(path)
            return loader(path, *args, **kwargs)
        with clear_errors(path):
            return loader(path, *args, **kwargs)

    return load

"""Checkpoint copies that are whole or absent.

fairseq writes one file of a save under a temporary name and renames it; the others, as a rule
`checkpoint_last.pt`, the one that a restarted training reads, it copies from the first, straight
over the old file. A training killed in the middle of that copy leaves a cut `checkpoint_last.pt`
and can no longer be started again. Here the copy is made beside the old file, flushed to disk and
renamed.
"""

import os
from collections.abc import Callable
from typing import Any

from fairseq.file_io import PathManager

# One fixed name, so that what a killed copy left behind is overwritten by the next.
TEMPORARY_SUFFIX = ".tmp"


def atomic(copy: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fairseq.file_io.PathManager.copy`."""

    def copy_then_rename(src_path: str, dst_path: str, overwrite: bool = False) -> Any:
        if PathManager.path_requires_pathmanager(dst_path) or (
            os.path.exists(dst_path) and not overwrite
        ):
            return copy(src_path, dst_path, overwrite=overwrite)
        temporary = dst_path + TEMPORARY_SUFFIX
        try:
            done = copy(src_path, temporary, overwrite=True)
            _flush_to_disk(temporary)
            os.replace(temporary, dst_path)
        except BaseException:
            if os.path.exists(temporary):
                os.remove(temporary)
            raise
        _flush_to_disk(os.path.dirname(os.path.abspath(dst_path)))
        return done

    return copy_then_rename


def _flush_to_disk(path: str) -> None:
    """Wait until `path` (a file, or a folder's list of names) is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

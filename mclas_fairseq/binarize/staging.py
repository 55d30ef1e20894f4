"""A folder that appears whole or not at all.

It is filled beside its place under a hidden name and renamed at the end. A process that is killed
leaves the hidden folder, which lacks its manifest and so never passes for a data-bin; the next run
for the same place removes it. Two runs for one place are not let run together, and what another
program puts there meanwhile is kept.
"""

import glob
import logging
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.locks import folder_lock
from mclas_fairseq.data.manifest import MANIFEST_FILE
from mclas_fairseq.errors import DataError

logger = logging.getLogger(__name__)

_SUFFIX = ".unfinished"


@contextmanager
def staged_folder(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a new folder that becomes `out` when the block ends without an exception.

    Raises:
        DataError: `out` exists and may not be replaced, another run is making it, something came to
            stand there meanwhile, or something could not be written.
    """
    check_free(out, overwrite=overwrite)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with folder_lock(out):
            check_free(out, overwrite=overwrite)
            _remove_left_over(out)
            before = _identity(out)
            staging = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}{_SUFFIX}")
            staging.mkdir()
            try:
                yield staging
                _publish(staging, out, before)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"{out}: the data-bin must be writable, but writing failed ({error}); nothing was left"
            " there: make room or choose another --out"
        ) from error


def check_free(out: Path, *, overwrite: bool) -> None:
    """Check that a data-bin may be put at `out`.

    Raises:
        DataError: it exists and `overwrite` was not asked for, or is something other than a
            data-bin, which is never removed.
    """
    if not out.exists() and not out.is_symlink():
        return
    if not overwrite:
        raise DataError(
            f"{out}: the output folder must not exist, but does; give --overwrite to replace it, or"
            " choose another --out"
        )
    is_data_bin = (out / MANIFEST_FILE).is_file()
    if out.is_symlink() or not out.is_dir() or not (is_data_bin or not any(out.iterdir())):
        raise DataError(
            f"{out}: --overwrite replaces a data-bin (a folder with {MANIFEST_FILE}) or an empty"
            " folder only, but this is neither; remove it yourself or choose another --out"
        )


def _identity(out: Path) -> Optional[tuple[int, int]]:
    """What stands at a place, as the system tells things apart; None for nothing."""
    try:
        found = out.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _remove_left_over(out: Path) -> None:
    """Remove what killed runs for the same place left: nobody else is at work there now."""
    for folder in out.parent.glob(f".{glob.escape(out.name)}.*{_SUFFIX}"):
        shutil.rmtree(folder, ignore_errors=True)
        logger.info("removed %s, which a run that was killed had left", folder)


def _publish(staging: Path, out: Path, before: Optional[tuple[int, int]]) -> None:
    """Rename the finished folder into place; an old one steps aside first and goes last."""
    if _identity(out) != before:
        finished = out.with_name(f"{out.name}.{staging.name.removesuffix(_SUFFIX)[-8:]}")
        staging.rename(finished)
        raise DataError(
            f"{out}: nothing else may come to stand there while it is made, but something did,"
            f" which is kept; the finished data-bin is {finished}: rename it"
        )
    if before is None:
        staging.rename(out)
        return
    old = staging.with_name(staging.name.removesuffix(_SUFFIX) + ".replaced")
    out.rename(old)
    staging.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    logger.info("replaced the data-bin at %s", out)

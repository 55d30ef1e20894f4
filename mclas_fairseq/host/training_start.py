"""What a training finds in its folder when it starts: another training, or its own end.

fairseq looks at neither. Two trainings in one `--save-dir` mix their checkpoints, and both end
well; a training that has had its `--max-update` makes one more when it is started again, and writes
its last checkpoint anew.
"""

import errno
import logging
import os
import socket
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import open_dict

from mclas_fairseq.corpus.locks import holder, lock_or_refuse, take_lock
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.host.missing_files import found_for_training

logger = logging.getLogger(__name__)

LOCK_FILE = ".training.lock"
_HALF_WRITTEN = ".tmp"  # fairseq's name of a file that it has not yet written whole
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def alone_and_unfinished(load: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fairseq.checkpoint_utils.load_checkpoint`, with which a training begins.

    The wrapped function raises ConfigError where another process trains into `cfg.save_dir`. What
    it starts from is looked at as well, see `missing_files.py`.
    """
    load_found = found_for_training(load)

    def load_checkpoint(cfg: Any, trainer: Any, **passthrough_args: Any) -> Any:
        if not cfg.no_save and trainer.is_data_parallel_master:
            _lock(Path(cfg.save_dir), trainer)
        loaded = load_found(cfg, trainer, **passthrough_args)
        _end_if_finished(trainer)
        return loaded

    return load_checkpoint


def _lock(folder: Path, trainer: Any) -> None:
    """Lock a folder for as long as a trainer lives; processes of one training share it."""
    path = folder / LOCK_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = take_lock(path)
        if lock is None:
            if holder(path) == (os.getpid(), socket.gethostname()):
                return  # an earlier training of this program, whose trainer is not yet cleared away
            lock = lock_or_refuse(
                path, f"--save-dir {folder}", "give this training another --save-dir"
            )
    except OSError as error:
        if error.errno in _NO_LOCKS:
            logger.warning("--save-dir %s: its file system has no locks; train there once", folder)
            return
        raise ConfigError(
            f"--save-dir {folder}: must be a folder that can be written to, but is not"
            f" ({error.strerror}); give another one"
        ) from error
    weakref.finalize(trainer, lock.release)
    for left in folder.glob(f"*.pt{_HALF_WRITTEN}"):
        logger.info("removing %s, which a training that was killed left half written", left)
        left.unlink(missing_ok=True)


def _end_if_finished(trainer: Any) -> None:
    """Leave a training that has had all its updates no epoch to begin."""
    optimization = trainer.cfg.optimization
    updates, most = trainer.get_num_updates(), optimization.max_update
    if most <= 0 or updates < most:
        return
    logger.info(
        "the training has had its %d updates (--max-update %d): nothing is done; give a larger "
        "number to go on",
        *(updates, most),
    )
    with open_dict(optimization):
        optimization.max_epoch = -1  # 0 would mean any number

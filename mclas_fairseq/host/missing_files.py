"""A checkpoint that a flag names and that is not there: one clear line, whatever the command.

fairseq answers it in three ways: generation and validation with an OSError, fine-tuning with a
ValueError, and `--restore-file` not at all: it trains from scratch.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairseq.file_io import PathManager

from mclas_fairseq.checkpoints.load_errors import check_file

_NOT_FOUND = "Model file not found: "
_DEFAULT = "checkpoint_last.pt"  # of --restore-file; its absence is a first start


def found_for_decoding(load: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fairseq.checkpoint_utils.load_model_ensemble_and_task`."""

    def load_model_ensemble_and_task(*args: Any, **kwargs: Any) -> Any:
        try:
            return load(*args, **kwargs)
        except OSError as error:
            if str(error).startswith(_NOT_FOUND):
                check_file(Path(str(error).removeprefix(_NOT_FOUND)))
            raise

    return load_model_ensemble_and_task


def found_for_training(load: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fairseq.checkpoint_utils.load_checkpoint`."""

    def load_checkpoint(cfg: Any, trainer: Any, **passthrough_args: Any) -> Any:
        started = PathManager.exists(str(Path(cfg.save_dir) / _DEFAULT))
        if cfg.restore_file != _DEFAULT:
            _check(cfg.restore_file, trainer)
        elif cfg.finetune_from_model is not None and not started:
            _check(cfg.finetune_from_model, trainer)
        return load(cfg, trainer, **passthrough_args)

    return load_checkpoint


def _check(path: str, trainer: Any) -> None:
    # With a suffix each process has a file of its own; remote files cannot be looked at here.
    if not trainer.checkpoint_suffix and not PathManager.path_requires_pathmanager(path):
        check_file(Path(path))

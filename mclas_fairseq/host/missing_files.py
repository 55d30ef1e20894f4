"""A checkpoint that is not there, or that does not fit: one clear line, whatever the command.

A missing one fairseq answers in three ways: generation and validation with an OSError, fine-tuning
with a ValueError, and `--restore-file` not at all: it trains from scratch. And where settings,
weights and state do not fit together it dies somewhere inside, of whatever comes first.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from fairseq.file_io import PathManager

from mclas_fairseq.checkpoints.load_errors import check_file
from mclas_fairseq.errors import CheckpointError, MclasError
from mclas_fairseq.host.one_line_errors import find_our_error

_NOT_FOUND = "Model file not found: "
_DEFAULT = "checkpoint_last.pt"  # of --restore-file; its absence is a first start


def found_for_decoding(load: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fairseq.checkpoint_utils.load_model_ensemble_and_task`."""

    def load_model_ensemble_and_task(filenames: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return load(filenames, *args, **kwargs)
        except OSError as error:
            if str(error).startswith(_NOT_FOUND):
                check_file(Path(str(error).removeprefix(_NOT_FOUND)))
            raise
        except Exception as error:
            if _is_not_the_files(error):
                raise
            raise CheckpointError(
                f"checkpoint {', '.join(map(str, filenames))}: its settings, its weights and the"
                f" data must fit together, but {_last_words(error)}; give the checkpoint as it was"
                " trained, with the data-bin of its training"
            ) from error

    return load_model_ensemble_and_task


def _is_not_the_files(error: Exception) -> bool:
    """Ours say what they mean; for want of memory or of a package no file is to blame."""
    elsewhere = (MclasError, MemoryError, torch.OutOfMemoryError, ImportError)
    return find_our_error(error) is not None or isinstance(error, elsewhere)


def _last_words(error: Exception) -> str:
    """What happened, from inside the bare exception that fairseq puts around it."""
    inner: BaseException = error
    while type(inner) is Exception and inner.__context__ is not None:
        inner = inner.__context__
    return f"{type(inner).__name__}: {' '.join(str(inner).split())[:200] or 'no message'}"


def found_for_training(load: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fairseq.checkpoint_utils.load_checkpoint`."""

    def load_checkpoint(cfg: Any, trainer: Any, **passthrough_args: Any) -> Any:
        started = PathManager.exists(str(Path(cfg.save_dir) / _DEFAULT))
        if cfg.restore_file != _DEFAULT:
            _check(cfg.restore_file, trainer)
        elif cfg.finetune_from_model is not None and not started:
            _check(cfg.finetune_from_model, trainer)
        read = trainer.load_checkpoint
        trainer.load_checkpoint = _said_in_one_line(read)
        try:
            return load(cfg, trainer, **passthrough_args)
        finally:
            trainer.load_checkpoint = read

    return load_checkpoint


def _said_in_one_line(read: Callable[..., Any]) -> Callable[..., Any]:
    def load_checkpoint(filename: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return read(filename, *args, **kwargs)
        except OSError:
            raise
        except Exception as error:
            if _is_not_the_files(error):
                raise
            raise CheckpointError(
                f"checkpoint {filename}: must fit the model, the criterion and the optimizer of"
                f" this training, but {_last_words(error)}; train with the flags that it was"
                " trained with, leave its optimizer out (--reset-optimizer), or start from its"
                " weights alone (--finetune-from-model)"
            ) from error

    return load_checkpoint


def _check(path: str, trainer: Any) -> None:
    # With a suffix each process has a file of its own; remote files cannot be looked at here.
    if not trainer.checkpoint_suffix and not PathManager.path_requires_pathmanager(path):
        check_file(Path(path))

"""mclas-fairseq: cross-lingual summarization for fairseq.

Given to fairseq's commands as `--user-dir mclas_fairseq`, it adds tasks, models, criterions and a
scorer to them; the `mclas` command does what fairseq has no command for.

Importing the package is free: it loads neither torch nor fairseq. What fairseq shall know by name
is registered by `--user-dir`, whether or not the package was imported before, by `register`, and
by `load`.

From Python, `load` opens a trained model that summarizes.
"""

import gc
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from os import PathLike
from typing import TYPE_CHECKING, Any, Optional, Union

from mclas_fairseq.version import __version__ as __version__

if TYPE_CHECKING:
    from mclas_fairseq.inference.options import DecodingOptions
    from mclas_fairseq.inference.summarizer import Summarizer


# What kept fairseq from being imported: a second try at a part of it fails in other, odder ways.
_obstacle: Optional[ImportError] = None


def register(*, whole: bool = True) -> None:
    """Add tasks, models, criterions, optimizer and scorer to fairseq; done twice, it does no more.

    It also makes the changes to fairseq that `mclas_fairseq.host.changes` lists.

    Args:
        whole: import all of fairseq. False: where it has not been imported yet, leave out three
            modules that import libraries which we do not need
            (`mclas_fairseq.host.unneeded_parts`).

    Raises:
        SetupError: fairseq cannot be imported.
    """
    with _registering():
        from mclas_fairseq.host import unneeded_parts

        left_out = unneeded_parts.unneeded_beside_others
        with nullcontext() if whole else unneeded_parts.leaving_out(left_out):
            from mclas_fairseq import _registration
        _registration.register()
        if whole:
            unneeded_parts.import_unneeded_parts()


def register_for_program() -> None:
    """Do what `register` does in a process that is ours alone: the `mclas` command's.

    Of fairseq only what this package uses is imported, where it has not been imported yet, and the
    garbage collector never looks again at what lives as long as the process: at the end of a
    program that took a fifth of the time of a short one.

    Raises:
        SetupError: fairseq cannot be imported.
    """
    first = "fairseq" not in sys.modules
    with _registering():
        from mclas_fairseq.host import unneeded_parts

        with unneeded_parts.leaving_out(unneeded_parts.unneeded_in_a_program):
            from mclas_fairseq import _registration
        _registration.register()
    if first:
        gc.freeze()


@contextmanager
def _registering() -> Iterator[None]:
    """Around an import of fairseq.

    Raises:
        SetupError: it cannot be imported.
    """
    global _obstacle
    # Parts of fairseq for speech configure the root logger, at debug level, when they are imported;
    # a handler that stands there meanwhile keeps them from it.
    root = logging.getLogger()
    placeholder = logging.NullHandler()
    root.addHandler(placeholder)
    # Thousands of modules are made and nothing becomes garbage; looking for some took a tenth.
    collects = gc.isenabled()
    gc.disable()
    try:
        if _obstacle is not None:
            raise _obstacle
        yield
    except ImportError as error:
        from mclas_fairseq.errors import SetupError

        _obstacle = error
        raise SetupError(
            f"installation: fairseq and what it needs must be importable, {error}; run mclas doctor"
        ) from error
    finally:
        root.removeHandler(placeholder)
        if collects:
            gc.enable()


def load(
    path: Union[str, PathLike[str]],
    *,
    data: Union[str, PathLike[str], None] = None,
    device: Any = None,
    options: Optional["DecodingOptions"] = None,
    precision: Optional[str] = None,
    target_langs: Optional[Sequence[str]] = None,
) -> "Summarizer":
    """Load a trained model that summarizes.

        summarizer = mclas_fairseq.load("news-en-de")
        for summary in summarizer.summarize(["A report ...", "Another ..."]):
            print(summary.text)

    Args:
        path: a bundle that `mclas export` wrote (a folder), or a checkpoint (a file).
        data: with a checkpoint, the data-bin of its training.
        device: a device of torch's or its name; None: a GPU if there is one.
        options: how summaries are searched for
            (`mclas_fairseq.inference.options.DecodingOptions`); None: as the bundle says, or for a
            checkpoint the defaults.
        precision: "float32", "bfloat16" or, on a processor, "int8"; None: that of the training, or
            of a bundle in CTranslate2's form its first form.
        target_langs: of a model with several target languages those to write, as in ["de", "zh"]
            or "de,zh"; None: all.

    Raises:
        CheckpointError: the bundle or checkpoint is missing, unsafe, damaged, altered, or of a
            newer format.
        ConfigError: bundle and data-bin are given together, or a checkpoint without one; there is
            no such device or precision; the model was not trained to write one of `target_langs`.
        DataError: `data` is no data-bin.
        SetupError: fairseq cannot be imported.
    """
    register(whole=False)
    # Only now: importing the package must stay cheap.
    from mclas_fairseq.inference.opening import open_summarizer

    return open_summarizer(
        path,
        data=data,
        device=device,
        options=options,
        precision=precision,
        target_langs=target_langs,
    )


class _Folders(list[str]):
    """The package's `__path__`, which registers the plugin when it is asked for a folder.

    fairseq's `--user-dir` looks into the doors, the folders `tasks/` and `models/`, when it imports
    a plugin itself. Of a package that the program has imported before, it asks one thing: whether
    the folder is in its `__path__`. So this question is the third door.
    """

    def __contains__(self, folder: object) -> bool:
        register(whole=False)  # whoever asks has imported fairseq as it wants it
        return super().__contains__(folder)


__path__ = _Folders(__path__)

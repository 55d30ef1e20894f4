"""mclas-fairseq: cross-lingual summarization for fairseq.

Given to fairseq's commands as `--user-dir mclas_fairseq`, it adds tasks, models, criterions and a
scorer to them; the `mclas` command does what fairseq has no command for.

Importing the package registers everything, because fairseq looks for a plugin's tasks and models
only when it imports the plugin itself, and never for its criterions and scorers.

From Python, `load` opens a trained model that summarizes.
"""

import logging
import sys
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Optional, Union

if TYPE_CHECKING:
    from mclas_fairseq.inference.options import DecodingOptions
    from mclas_fairseq.inference.summarizer import Summarizer

__version__ = "0.1.0"

registration_error: Optional[ImportError] = None

_loaded_by_fairseq = "fairseq.tasks" in sys.modules

# Parts of fairseq for speech configure the root logger, at debug level, when they are imported; a
# handler that stands there meanwhile keeps them from it.
_root = logging.getLogger()
_placeholder = logging.NullHandler()
_root.addHandler(_placeholder)
try:
    from mclas_fairseq import _registration
except ImportError as error:
    # fairseq must not go on without a plugin that it was told to load.
    if _loaded_by_fairseq:
        raise
    # `mclas doctor` must be able to say what is missing; every other command raises this.
    registration_error = error
else:
    _registration.register()
finally:
    _root.removeHandler(_placeholder)


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
        precision: "float32" or "bfloat16"; None: that of the training.
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
    if registration_error is not None:
        from mclas_fairseq.errors import SetupError

        raise SetupError(
            f"installation: fairseq and what it needs must be importable, {registration_error}; "
            "run mclas doctor"
        )
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

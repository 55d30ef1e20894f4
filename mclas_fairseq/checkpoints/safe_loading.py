"""Reading checkpoints with torch's safe loader, through a short list of plain types.

A checkpoint is a pickle, and a pickle can run any program. torch's safe loader (its default,
`weights_only=True`) builds tensors and plain containers only and refuses the rest, also the few
harmless types that fairseq stores beside its weights. This module adds those types, and nothing
else, to the list that torch allows (`host/clear_errors.py` gives fairseq's own loaders the same
one-line errors).

Place in the pipeline: every checkpoint passes here, in `fairseq-train` (resuming,
`--finetune-from-model`), `fairseq-generate` and `mclas summarize` alike.
"""

import argparse
import zipfile
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch
from fairseq.logging import meters

from mclas_fairseq.checkpoints.load_errors import clear_errors
from mclas_fairseq.errors import CheckpointError

METERS = ("AverageMeter", "TimeMeter", "StopwatchMeter")
METER_MODULES = ("fairseq.meters", "fairseq.logging.meters")
NUMPY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
# Truth values and numbers; no objects, strings, records or times.
NUMBER_DTYPES = np.typecodes["AllInteger"] + np.typecodes["AllFloat"] + "?"


def fairseq_types() -> list[tuple[Any, str]]:
    """List what fairseq stores beside tensors and plain containers, as (object, pickled name).

    The command line's `argparse.Namespace`; numpy arrays and scalars of numbers (`--eval-bleu` logs
    them), under the module names of numpy 1 and 2; the meters which fairseq 0.7 and 0.8 pickled
    whole, under the module name of that time.
    """
    rebuild_array = np.zeros(0).__reduce__()[0]
    rebuild_scalar = np.float64(0).__reduce__()[0]
    types: list[tuple[Any, str]] = [
        (argparse.Namespace, "argparse.Namespace"),
        (np.ndarray, "numpy.ndarray"),
        (np.dtype, "numpy.dtype"),
    ]
    for module in NUMPY_MODULES:
        types.append((rebuild_array, f"{module}._reconstruct"))
        types.append((rebuild_scalar, f"{module}.scalar"))
    # The safe loader fills in an object only if its class is listed, and each dtype has its own.
    for dtype in dict.fromkeys(type(np.dtype(code)) for code in NUMBER_DTYPES):
        types.append((dtype, f"numpy.dtypes.{dtype.__name__}"))
    for name in METERS:
        types += [(getattr(meters, name), f"{module}.{name}") for module in METER_MODULES]
    return types


def allow_fairseq_types() -> None:
    """Add `fairseq_types` to what torch's safe loader may build, for this process. Idempotent."""
    torch.serialization.add_safe_globals(list(fairseq_types()))


def load_checkpoint(
    path: Union[str, Path], map_location: str = "cpu", *, mmap: bool = False
) -> dict[str, Any]:
    """Read a checkpoint safely and return it as stored, without fairseq's upgrades.

    Args:
        path: a file written by `torch.save`, in the present (zip) or the old format.
        map_location: the device that tensors are put on, as in `torch.load`.
        mmap: read tensors from the file when they are used, so that those which are not cost
            nothing; files in the old format are read as a whole.

    Raises:
        CheckpointError: the file is missing, empty, cut short or damaged, holds something other
            than a dictionary, or wants to build what the safe loader does not allow.
    """
    allow_fairseq_types()
    with clear_errors(path):
        lazily = mmap and zipfile.is_zipfile(path)
        state = torch.load(path, map_location=map_location, weights_only=True, mmap=lazily)
    if not isinstance(state, dict):
        raise CheckpointError(
            f"checkpoint {path}: must hold a dictionary, but holds {type(state).__name__}; "
            "give a file that fairseq-train wrote"
        )
    return state

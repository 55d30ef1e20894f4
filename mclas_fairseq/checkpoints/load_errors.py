"""What went wrong while a checkpoint was read, said in one line.

torch answers a file it will not or cannot read with a page of advice, whose first proposal is to
switch its safety off. Here the reason is found out (missing, empty, cut short, damaged, not one of
fairseq's, or asking for something to be run) and said together with the remedy.
"""

import errno
import os
import pickle
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Optional, Union

import torch

from mclas_fairseq.errors import CheckpointError

# fairseq, and what it brings settings up to date with.
_UPGRADING = ("fairseq", "omegaconf", "hydra", "antlr4", "ast", "yaml")
SAFETY_SWITCH = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
ANOTHER_CHECKPOINT = (
    "give another checkpoint of the same run, or remove this one so that training starts from the "
    "beginning"
)


@contextmanager
def clear_errors(path: Union[str, Path]) -> Iterator[None]:
    """Turn whatever goes wrong while the checkpoint `path` is read into a one-line error.

    Raises:
        CheckpointError: with file, reason and remedy. Errors that are not the file's fault pass.
    """
    check_safety_is_on(path)
    check_file(Path(path))
    try:
        yield
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:
        explained = _explain(Path(path), error)
        if explained is None:
            raise
        raise explained from None  # torch's page of advice begins with switching its safety off


def check_safety_is_on(path: Union[str, Path]) -> None:
    """Refuse to read `path` while torch's environment variable switches its safe loader off."""
    # fairseq calls torch.load without weights_only, and then this variable would decide.
    value = os.environ.get(SAFETY_SWITCH, "0")
    if value.lower() in ("1", "y", "yes", "true"):
        raise CheckpointError(
            f"checkpoint {path}: is read with torch's safe loader only, but the environment "
            f"variable {SAFETY_SWITCH}={value} switches it off; unset it"
        )


def check_file(path: Path) -> None:
    """Refuse a path that is not a file with something in it.

    Raises:
        CheckpointError: naming the checkpoints that are there instead.
    """
    if not path.exists():
        raise CheckpointError(
            f"checkpoint {path}: must be an existing file, but there is none"
            f"{_advice_from(path.parent)}"
        )
    if path.is_dir():
        raise CheckpointError(
            f"checkpoint {path}: must be a file, but is a folder{_advice_from(path)}"
        )
    if path.stat().st_size == 0:
        raise CheckpointError(
            f"checkpoint {path}: must not be empty, but has 0 bytes; {ANOTHER_CHECKPOINT}"
        )


def _advice_from(folder: Path) -> str:
    names = sorted(file.name for file in folder.glob("*.pt")) if folder.is_dir() else []
    if not names:
        return f"; give the path of a checkpoint (there is no .pt file in {folder})"
    return f"; {folder} holds {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"


def _explain(path: Path, error: Exception) -> Optional[CheckpointError]:
    """Say in one line why `path` could not be read; None if the reason is not the file."""
    # A cut file makes torch seek to before its start: that alone is an invalid argument.
    if isinstance(error, OSError) and error.errno != errno.EINVAL:
        return CheckpointError(
            f"checkpoint {path}: must be readable, but reading it failed "
            f"({error.strerror or error}); check its permissions and the disk"
        )
    if not _raised_by_torch_load(error):
        if not _raised_by_missing_parts(error):
            return None
        return CheckpointError(
            f"checkpoint {path}: must be one that fairseq-train wrote, but lacks its parts "
            f"({type(error).__name__}: {_last_words(error)}); give a checkpoint of fairseq's"
        )
    wanted = _refused_names(path, error)
    if wanted:
        return CheckpointError(
            f"checkpoint {path}: may hold tensors and plain values only, but wants to run "
            f"{', '.join(wanted)}; it was refused and nothing was run: use a file whose maker you "
            "trust, and have them save the weights again as plain tensors"
        )
    if _looks_cut_short(path, error):
        return CheckpointError(
            f"checkpoint {path}: must be a whole file, but looks cut short (it ends after "
            f"{path.stat().st_size} bytes, before its end mark); {ANOTHER_CHECKPOINT}"
        )
    return CheckpointError(
        f"checkpoint {path}: must be a file that torch.save wrote, but cannot be decoded "
        f"({type(error).__name__}: {_last_words(error)}); {ANOTHER_CHECKPOINT}"
    )


def _frames(traceback: Optional[TracebackType]) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _raised_by_torch_load(error: Exception) -> bool:
    return any(
        frame.f_globals.get("__name__") == "torch.serialization"
        for frame in _frames(error.__traceback__)
    )


def _raised_by_missing_parts(error: Exception) -> bool:
    """Tell whether fairseq stumbled over what was loaded, while bringing it up to date."""
    if isinstance(error, RuntimeError) and not isinstance(error, RecursionError):
        return False  # of the processes of a training, for instance
    frames = list(_frames(error.__traceback__))
    names = {frame.f_code.co_name for frame in frames}
    if not names & {"load_checkpoint_to_cpu", "load_ema_from_checkpoint"}:
        return False
    # Not over what its caller handed in.
    return str(frames[-1].f_globals.get("__name__")).partition(".")[0] in _UPGRADING


def _refused_names(path: Path, error: Exception) -> list[str]:
    """Name what the pickle asks for beyond the allowed list; nothing is run to find out."""
    if not isinstance(error, pickle.UnpicklingError):
        return []
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # the old format cannot be looked through: torch's message has one name
        names = re.findall(r"GLOBAL (\S+) (?:was not an allowed|whose module)", str(error))
    return sorted(set(names))


def _looks_cut_short(path: Path, error: Exception) -> bool:
    with path.open("rb") as file:
        is_zip_format = file.read(4) == b"PK\x03\x04"
    if is_zip_format:  # its table of contents stands at the end
        return not zipfile.is_zipfile(path)
    return isinstance(error, EOFError) or "unexpected EOF" in str(error)


def _last_words(error: Exception) -> str:
    # torch puts its advice first and a link last; what happened stands between them.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "only load failed" not in line and "http" not in line]
    return (telling or lines or ["no message"])[-1][:200]

"""The last or the best checkpoints of a folder that fairseq-train wrote.

fairseq writes the same state under several names (`checkpoint_best.pt` is a copy, and so is
`checkpoint_last.pt`), so what counts is the number of updates inside. The score is the one that was
validated when the checkpoint was saved (`--best-checkpoint-metric`), and whether more is better
says the configuration in it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from mclas_fairseq.checkpoints.averaging import PROVENANCE, updates_of
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.errors import CheckpointError, ConfigError

# The names that fairseq gives, those that say most first.
_NAMES = (
    re.compile(r"checkpoint_\d+_\d+\.pt"),
    re.compile(r"checkpoint\d+\.pt"),
    re.compile(r"checkpoint\.best_.+_\d+\.?\d*\.pt"),
    re.compile(r"checkpoint_best\.pt"),
    re.compile(r"checkpoint_last\.pt"),
)


@dataclass(frozen=True)
class Candidate:
    """A checkpoint of the folder.

    Attributes:
        path: the file.
        updates: after how many updates it was saved.
        score: its validation score; None where none was computed when it was saved.
        metric: what the score is, as `--best-checkpoint-metric` calls it.
        maximize: whether more is better.
    """

    path: Path
    updates: int
    score: Optional[float]
    metric: str
    maximize: bool

    def line(self) -> str:
        """As a line of a report."""
        score = "no score" if self.score is None else f"{self.metric} {self.score:g}"
        return f"{self.path.name}  {self.updates:,} updates, {score}"


@dataclass(frozen=True)
class Chosen:
    """Checkpoints to average.

    Attributes:
        paths: their files.
        lines: of a report: by what they were chosen, and each of them.
    """

    paths: Sequence[Path]
    lines: Sequence[str]


def named(paths: Sequence[Path]) -> Chosen:
    """The checkpoints that the user names.

    Raises:
        ConfigError: two of them are one file.
    """
    seen: dict[Path, Path] = {}
    for path in paths:
        known = seen.setdefault(path.resolve(), path)
        if known is not path:
            raise ConfigError(
                f"--inputs: must be different files, but {known} and {path} are the same; name it"
                " once"
            )
    return Chosen(paths, [str(path) for path in paths])


def last_of(folder: Path, count: int) -> Chosen:
    """The last of a folder; errors are those of `last_checkpoints`."""
    found = last_checkpoints(folder, count)
    return Chosen([item.path for item in found], [item.line() for item in found])


def best_of(folder: Path, count: int) -> Chosen:
    """The best of a folder; errors are those of `best_checkpoints`."""
    found = best_checkpoints(folder, count)
    direction = "more" if found[0].maximize else "less"
    by = f"best by {found[0].metric} ({direction} is better)"
    return Chosen([item.path for item in found], [by, *(item.line() for item in found)])


def last_checkpoints(folder: Path, count: int) -> list[Candidate]:
    """The `count` checkpoints with the most updates, the earliest first.

    Raises:
        CheckpointError: there are fewer, or one cannot be read.
        ConfigError: `count` is not positive.
    """
    found = find_checkpoints(folder)
    _check_count("--last", count, found, folder, "--keep-interval-updates or --keep-last-epochs")
    return found[-count:]


def best_checkpoints(folder: Path, count: int) -> list[Candidate]:
    """The `count` checkpoints with the best validation scores, the best first.

    Of two with the same score the later one is taken.

    Raises:
        CheckpointError: fewer have a score, scores are of different metrics, or one cannot be read.
        ConfigError: `count` is not positive.
    """
    found = [candidate for candidate in find_checkpoints(folder) if candidate.score is not None]
    _check_count("--best", count, found, folder, "--keep-best-checkpoints")
    for candidate in found:
        if (candidate.metric, candidate.maximize) != (found[0].metric, found[0].maximize):
            raise CheckpointError(
                f"--best: the checkpoints of {folder} must have scores of one kind, but"
                f" {candidate.path.name} has {_kind(candidate)} and {found[0].path.name}"
                f" {_kind(found[0])}; name the files with --inputs"
            )
    return sorted(found, key=_rank)[:count]


def find_checkpoints(folder: Path) -> list[Candidate]:
    """All checkpoints of a folder, one for each number of updates, by that number.

    Raises:
        CheckpointError: there is no such folder, or a checkpoint cannot be read.
    """
    if not folder.is_dir():
        raise CheckpointError(
            f"--folder: must be a folder of checkpoints, but there is none at {folder}; give the"
            " --save-dir of the training"
        )
    found: dict[int, Candidate] = {}
    for path in _files(folder):
        state = load_checkpoint(path, mmap=True)
        candidate = _read(path, state)
        if PROVENANCE in state.get("extra_state", {}):
            continue  # made by averaging
        known = found.get(candidate.updates)
        # The same state can have been saved before it was validated and after.
        if known is None or (known.score is None and candidate.score is not None):
            found[candidate.updates] = candidate
    return [found[updates] for updates in sorted(found)]


def _files(folder: Path) -> Iterator[Path]:
    paths = sorted(folder.glob("checkpoint*.pt"))
    for name in _NAMES:
        yield from (path for path in paths if name.fullmatch(path.name))


def _read(path: Path, state: Mapping[str, Any]) -> Candidate:
    cfg = (state.get("cfg") or {}).get("checkpoint") or {}
    score = (state.get("extra_state") or {}).get("val_loss")
    return Candidate(
        path=path,
        updates=updates_of(state),
        score=None if score is None else float(score),
        metric=str(cfg.get("best_checkpoint_metric", "loss")),
        maximize=bool(cfg.get("maximize_best_checkpoint_metric", False)),
    )


def _rank(candidate: Candidate) -> tuple[float, int]:
    assert candidate.score is not None
    score = -candidate.score if candidate.maximize else candidate.score
    return score, -candidate.updates


def _kind(candidate: Candidate) -> str:
    return f"{candidate.metric} ({'more' if candidate.maximize else 'less'} is better)"


def _check_count(
    flag: str, count: int, found: Sequence[Candidate], folder: Path, keeping: str
) -> None:
    if count < 1:
        raise ConfigError(f"{flag}: must be at least 1, but is {count}; give a number")
    if len(found) < count:
        listed = ", ".join(candidate.path.name for candidate in found) or "none"
        what = "with a validation score" if flag == "--best" else "with different updates"
        raise CheckpointError(
            f"{flag} {count}: needs {count} checkpoints {what}, but {folder} has {len(found)}"
            f" ({listed}); give a smaller number, or keep more of them with fairseq-train's"
            f" {keeping}"
        )

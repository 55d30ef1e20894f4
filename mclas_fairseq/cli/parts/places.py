"""What a command reads and what it writes: never the same file."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from mclas_fairseq.corpus.output import check_apart

_STREAMS = ("input", "output")  # arguments whose text is a path, or - for a standard stream


def check_places(args: argparse.Namespace, outputs: Sequence[str]) -> None:
    """Refuse outputs that are inputs of the same command, or each other.

    Args:
        args: of the command.
        outputs: names of those arguments that say where something is written.

    Raises:
        ConfigError: naming both arguments.
    """
    check_apart(
        ((_flag(args, name), path) for name in outputs for path in _given(args, name)),
        (
            (_flag(args, name), path)
            for name in vars(args)
            if name not in outputs
            for path in _given(args, name)
        ),
    )


def input_names(args: argparse.Namespace, outputs: Sequence[str]) -> list[str]:
    """The files that a command was given to read, as the user wrote them."""
    return [str(path) for name in vars(args) if name not in outputs for path in _given(args, name)]


def _given(args: argparse.Namespace, name: str) -> Iterator[Path]:
    yield from _paths(getattr(args, name, None), name)


def _paths(value: object, name: str) -> Iterator[Path]:
    """All paths in an argument's value: one, a list, lists of lists, or NAME=FILE pairs."""
    if isinstance(value, str) and name in _STREAMS:
        value = Path(value)
    if isinstance(value, Path) and str(value) != "-":
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _paths(item, name)


def _flag(args: argparse.Namespace, name: str) -> str:
    flags: dict[str, str] = getattr(args, "flags", {})
    return flags.get(name, f"--{name.replace('_', '-')}")

"""What a command reads and what it writes: never the same file."""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mclas_fairseq.errors import ConfigError

_STREAMS = ("input", "output")  # arguments whose text is a path, or - for a standard stream


def check_places(args: argparse.Namespace, outputs: Sequence[str]) -> None:
    """Refuse outputs that are inputs of the same command, or each other.

    Args:
        args: of the command.
        outputs: names of those arguments that say where something is written.

    Raises:
        ConfigError: naming both arguments.
    """
    read = {
        os.path.realpath(path): name
        for name, value in vars(args).items()
        if name not in outputs
        for path in _paths(value, name)
    }
    written: dict[str, str] = {}
    for name in outputs:
        for path in _paths(getattr(args, name, None), name):
            place = os.path.realpath(path)
            if os.path.exists(place) and not (os.path.isfile(place) or os.path.isdir(place)):
                continue  # a device or a pipe: nothing in it can be lost
            if place in read:
                raise ConfigError(
                    f"{_flag(args, name)} {path}: must not be what is read, but is that of"
                    f" {_flag(args, read[place])}; choose another place"
                )
            if place in written:
                raise ConfigError(
                    f"{_flag(args, name)} {path}: must be a place of its own, but"
                    f" {_flag(args, written[place])} is written there; choose another one"
                )
            written[place] = name


def input_names(args: argparse.Namespace, outputs: Sequence[str]) -> list[str]:
    """The files that a command was given to read, as the user wrote them."""
    read = {name: value for name, value in vars(args).items() if name not in outputs}
    return [str(path) for name, value in read.items() for path in _paths(value, name)]


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

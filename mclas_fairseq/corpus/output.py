"""Writing results of commands: to a file, beside and then renamed, or to standard output."""

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.errors import ConfigError


@contextmanager
def open_output(name: str) -> Iterator[TextIO]:
    """Open `name` for writing text, UTF-8 whatever the locale; `-` is standard output.

    A file appears once it is complete, see `writing.open_whole`.

    Raises:
        OutputError: nothing can be written there.
    """
    if name != "-":
        with write_beside(Path(name)) as stream:
            yield stream
        return
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:  # a notebook, or a program that collects what is printed: text without bytes
        yield sys.stdout
        return
    text = io.TextIOWrapper(buffer, encoding="utf-8", newline="\n", write_through=True)
    try:
        yield text
        text.flush()
    finally:
        text.detach()  # standard output is not ours to close


def check_apart(outputs: Iterable[tuple[str, Path]], inputs: Iterable[tuple[str, Path]]) -> None:
    """Refuse outputs of a command that are one of its inputs, or each other, by whatever names.

    Devices and pipes may be named as often as one likes: nothing in them can be lost.

    Args:
        outputs: each with what messages call it: a flag, or what it holds.
        inputs: the files that the command reads, in the same way.

    Raises:
        ConfigError: the message names both.
    """
    read = {os.path.realpath(path): name for name, path in inputs}
    written: dict[str, str] = {}
    for name, path in outputs:
        place = os.path.realpath(path)
        if os.path.exists(place) and not (os.path.isfile(place) or os.path.isdir(place)):
            continue
        if place in read:
            raise ConfigError(
                f"{name} {path}: must not be what is read, but is that of {read[place]}; choose"
                " another place"
            )
        if place in written:
            raise ConfigError(
                f"{name} {path}: must be a place of its own, but {written[place]} is written"
                " there; choose another one"
            )
        written[place] = name


def write_json_lines(name: str, records: Iterable[Mapping[str, Any]]) -> int:
    """Write one JSON object a line; returns how many."""
    count = 0
    with open_output(name) as stream:
        for record in records:
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count


def write_json(path: Path, report: Mapping[str, Any]) -> None:
    """Write one JSON object, indented; the file appears once it is complete."""
    with open_output(str(path)) as stream:
        json.dump(report, stream, ensure_ascii=False, indent=2)
        stream.write("\n")

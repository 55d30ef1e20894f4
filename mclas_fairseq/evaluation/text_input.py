"""A file of texts as commands read it: opened once, classified once, whatever it is.

Plain lines, JSON lines, or a log of fairseq-generate; plain or gzip; a file, a pipe such as
`<(zcat x.gz)`, or `-`, standard input. Pipes cannot be read twice, so nothing is: what has to be
looked at to tell the form is kept and given out with the rest.
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import cached_property
from pathlib import Path

from mclas_fairseq.corpus.record import Record, parse_record
from mclas_fairseq.corpus.text_files import read_lines, shown_name

# fairseq-generate prints a source line and several lines for each hypothesis: model pieces, text.
_LOG_LINES = (re.compile(r"[SH]-\d+\t"), re.compile(r"D-\d+\t"))
_LOG_LINE = re.compile(r"[STHDP]-\d+\t")


class Form(Enum):
    """How texts are written."""

    LINES = "plain lines"
    JSON_LINES = "JSON lines"
    LOG = "a log of fairseq-generate"


class TextInput:
    """One file, pipe or standard input.

    Args:
        path: of the file; `-` is standard input.
        keep: whether it is to be read more than once, so that its lines are kept.

    Attributes:
        path: as given.
        name: what messages call it.
    """

    def __init__(self, path: Path, *, keep: bool = False) -> None:
        self.path = path
        self.name = shown_name(path)
        self._keep = keep
        self._lines = read_lines(path)
        self._held: Sequence[str] | None = None
        self._spent = False

    @cached_property
    def form(self) -> Form:
        """JSON lines by the name or by an object in the first line; a log by its marks.

        Raises:
            DataError: the file cannot be read.
        """
        if self.path.name.endswith((".jsonl", ".jsonl.gz")):
            return Form.JSON_LINES
        first = next(self._lines, None)
        if first is None:
            self._held = ()
            return Form.LINES
        self._lines = itertools.chain([first], self._lines)
        if _is_object(first[1]):
            return Form.JSON_LINES
        self._held = self._take()
        marked = [line for line in self._held if line[1:2] == "-" and _LOG_LINE.match(line)]
        return Form.LOG if all(any(map(mark.match, marked)) for mark in _LOG_LINES) else Form.LINES

    @property
    def is_json_lines(self) -> bool:
        """Whether it holds JSON lines."""
        return self.form is Form.JSON_LINES

    def lines(self) -> Iterator[tuple[int, str]]:
        """Number (from 1) and text of each line; once only, unless lines are kept.

        Raises:
            DataError: the file cannot be read.
        """
        if self._keep and self._held is None:
            self._held = self._take()
        if self._held is not None:
            return enumerate(self._held, 1)
        assert not self._spent, f"{self.name} was read before, and its lines were not kept"
        self._spent = True
        return self._lines

    def texts(self) -> Sequence[str]:
        """All lines."""
        if self._held is None:
            self._held = [line for _, line in self.lines()]
        return self._held

    def records(self) -> Iterator[Record]:
        """The records of JSON lines; blank lines are passed over.

        Raises:
            DataError: the file cannot be read, or a line is not a record (file and line named).
        """
        for number, line in self.lines():
            if line.strip():
                yield parse_record(line, f"{self.name}:{number}", "translation")

    def log_lines(self) -> int:
        """How many lines there are if every one is a line of a log, else 0."""
        lines = self.texts()
        return len(lines) if lines and all(map(_LOG_LINE.match, lines)) else 0

    def _take(self) -> Sequence[str]:
        return [line for _, line in self._lines]


def open_inputs(paths: Iterable[Path]) -> dict[Path, TextInput]:
    """All files that a command is going to read, each once however often it is named."""
    return {path: TextInput(path, keep=count > 1) for path, count in Counter(paths).items()}


def as_input(source: Path | TextInput) -> TextInput:
    """The input of a path, or the input itself."""
    return source if isinstance(source, TextInput) else TextInput(source)


def _is_object(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False

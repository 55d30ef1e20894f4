"""Reading and writing text files line by line, plain or gzip, with errors that name file and line.

The only place of the corpus code that opens files: records and parallel text are read through
`read_lines`, and whatever is written goes beside its place first and is then renamed.
"""

import gzip
import io
import lzma
import re
import sys
import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO, cast

from mclas_fairseq.corpus.writing import open_whole
from mclas_fairseq.errors import DataError

# How the file begins that git puts in the place of a large one that was not fetched.
POINTER = b"version https://git-lfs.github.com/spec/"

STANDARD = Path("-")  # standard input, by its usual name
_GZIP = b"\x1f\x8b"  # how gzip data begin; no UTF-8 text does

# Unicode white space (line and paragraph separators among it) and control characters.
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def normalize_text(text: str) -> str:
    """Put text into NFC, with every run of white space or control characters made one space.

    The result has no line break of any kind and no space at its ends.
    """
    text = unicodedata.normalize("NFC", text)
    # The blank of ASCII is the only one that counts as printable; most text needs no search.
    if text.isprintable() and "  " not in text:
        return text.strip(" ")
    return _BLANKS.sub(" ", text).strip(" ")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a UTF-8 file; gzip and xz are unpacked.

    A pipe is read as a file is, and `-` is standard input: UTF-8 whatever the locale. Lines end at
    a line feed only; a byte order mark before the first one is dropped.

    Raises:
        DataError: the file is missing, is not a file, is not UTF-8, or is a broken gzip or xz file.
    """
    with _open_for_reading(path) as stream:
        numbered = enumerate(stream, start=1)
        while True:
            try:
                number, line = next(numbered)
            except StopIteration:
                return
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise DataError(
                    f"{shown_name(path)}: a file that ends in .gz, or begins as gzip does, must be"
                    f" whole gzip data, but it is not ({error}); compress it again"
                ) from error
            except lzma.LZMAError as error:
                raise DataError(
                    f"{shown_name(path)}: a file that ends in .xz must be whole xz data, but it is"
                    f" not ({error}); compress it again"
                ) from error
            if number == 1:
                refuse_pointer(path, line)
            yield number, _decode(line, path, number)


def refuse_pointer(path: Path, start: bytes) -> None:
    """Refuse the note that git-lfs leaves in the place of a file that was not fetched.

    Raises:
        DataError: a file that begins with `start` is such a note.
    """
    if start.startswith(POINTER):
        raise DataError(
            f"{path}: must be the file itself, but is what git-lfs left in its place; fetch it with"
            " git lfs pull"
        )


@contextmanager
def write_beside(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 file for writing that appears at `path` only once it is complete.

    A name that ends in `.gz` is compressed, without a time stamp: the same text gives the same
    bytes. When the block raises, nothing is left behind; see `writing.open_whole`.

    Raises:
        OutputError: nothing can be written there.
    """
    with open_whole(path) as raw:
        if path.suffix == ".gz":
            # An empty name and a zero time keep the header free of anything that varies.
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                yield from _text(cast(IO[bytes], packed))
        else:
            yield from _text(raw)


def _text(stream: IO[bytes]) -> Iterator[TextIO]:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="\n")
    yield text
    text.flush()
    text.detach()


def shown_name(path: Path) -> str:
    """What messages call a file; `-` is standard input."""
    return "standard input" if path == STANDARD else str(path)


@contextmanager
def _open_for_reading(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, a pipe or standard input; gzip is told by its first two bytes as well."""
    with _opened(path) as raw:
        if path.suffix == ".gz" or raw.peek(len(_GZIP))[: len(_GZIP)] == _GZIP:
            with gzip.GzipFile(fileobj=raw, mode="rb") as packed:
                yield cast(IO[bytes], packed)
        elif path.suffix == ".xz":
            with lzma.LZMAFile(raw, "rb") as unpacked:
                yield cast(IO[bytes], unpacked)
        else:
            yield raw


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    if path == STANDARD:
        # Its own buffer, not its text, which is decoded by the locale. It is not closed.
        buffer: Any = getattr(sys.stdin, "buffer", None)
        if buffer is None:  # a program that hands text over, without bytes
            buffer = io.BufferedReader(io.BytesIO(sys.stdin.read().encode("utf-8")))
        yield cast(io.BufferedReader, buffer)
        return
    try:
        raw = open(path, "rb")  # noqa: SIM115 - what follows is not about opening
    except FileNotFoundError:
        raise DataError(f"{path}: the file must exist, but does not; check the name") from None
    except OSError as error:
        raise DataError(
            f"{path}: must be a readable file, but is not ({error.strerror}); check name and rights"
        ) from error
    with raw:
        yield raw


def _decode(line: bytes, path: Path, number: int) -> str:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{shown_name(path)}:{number}: text must be UTF-8, but byte {error.start + 1} of the"
            f" line is not ({error.reason}); convert the file to UTF-8"
        ) from error
    return text.removesuffix("\n").removesuffix("\r")

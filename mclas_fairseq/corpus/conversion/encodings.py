"""Opening files as bytes and as text in a known encoding.

Text is UTF-8 unless the user says otherwise. Nothing is guessed silently: a wrong guess reads one
letter for another all through a corpus, and nobody notices before the summaries are read. A file
in another encoding ends in an error that says which one it looks like (`guessing`).
"""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO, cast

from mclas_fairseq.corpus.conversion.guessing import Encoding, find_place, wrong_encoding
from mclas_fairseq.errors import ConfigError, DataError


def check_encoding(name: str) -> str:
    """Return the name of an encoding as Python spells it.

    Raises:
        ConfigError: there is no such encoding of text.
    """
    try:
        found = codecs.lookup(name)
        "".encode(found.name)  # refuses those that are not about text, such as base64
        return found.name
    except (LookupError, ValueError):
        raise ConfigError(
            f"--encoding: must be an encoding that Python knows, such as utf-8, cp1254 or utf-16,"
            f" but is {name!r}; correct the name"
        ) from None


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to read bytes, unpacking it if its name ends in `.gz`.

    Raises:
        DataError: it is missing, cannot be read, or is not the gzip file that its name promises.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as opened:
            yield cast(IO[bytes], opened)
    except FileNotFoundError:
        raise DataError(f"{path}: the file must exist, but does not; check the name") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}: a file that ends in .gz must be whole gzip data, but it is not ({error});"
            " compress it again"
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: must be a readable file, but is not ({error.strerror}); check name and rights"
        ) from error


@contextmanager
def open_text(path: Path, encoding: Encoding, *, newline: str) -> Iterator[TextIO]:
    """Open a file to read text; `newline` as in Python's `open`. A byte order mark is dropped.

    Raises:
        DataError: as `open_bytes`, or the text is not in this encoding.
    """
    try:
        with open_bytes(path) as raw:
            yield io.TextIOWrapper(raw, encoding=encoding.codec, newline=newline)
    except UnicodeError:
        with open_bytes(path) as raw:
            place = find_place(raw, encoding)
        raise wrong_encoding(path, encoding, place) from None

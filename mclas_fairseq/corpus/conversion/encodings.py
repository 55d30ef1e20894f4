"""Opening text in a known encoding, and saying which one a file looks like when that one is wrong.

Text is UTF-8 unless the user says otherwise. Nothing is guessed silently: a wrong guess reads one
letter for another all through a corpus, and nobody notices before the summaries are read. So a file
that is not UTF-8 ends in an error that shows what its text would be in the encodings that are
likely (charset-normalizer's proposals), and the user chooses.
"""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO, cast

from charset_normalizer import from_bytes

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import ConfigError, DataError

_CHUNK = 1 << 16  # bytes
_SAMPLE = 1 << 17  # bytes around the first wrong one, from which the encoding is guessed
_GUESSES = 3
_SHOWN = 12  # characters on either side of the wrong one
_MOSTLY = 20  # right characters to a wrong one: then the file is UTF-8 with a blemish
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class _Place:
    """Where decoding stops: byte from 0, line from 1, and the bytes around it."""

    offset: int
    line: int
    before: bytes
    after: bytes


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
def open_text(path: Path, encoding: str, *, newline: str) -> Iterator[TextIO]:
    """Open a file to read text; `newline` as in Python's `open`. A byte order mark is dropped.

    Raises:
        DataError: as `open_bytes`, or the text is not in this encoding.
    """
    try:
        with open_bytes(path) as raw:
            yield io.TextIOWrapper(raw, encoding=_codec(encoding), newline=newline)
    except UnicodeError:
        raise _wrong_encoding(path, encoding) from None


def _codec(encoding: str) -> str:
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _wrong_encoding(path: Path, encoding: str) -> DataError:
    place = _find_place(path, encoding)
    start = (
        f"{path}: line {place.line}: text must be {encoding}, but byte {place.offset + 1} is not"
    )
    sample = place.before + place.after
    for mark, name in _MARKS:
        if place.before[:4].startswith(mark) or (place.offset < 4 and sample.startswith(mark)):
            return DataError(f"{start}; the file is marked as {name}: give --encoding {name}")
    text = sample.decode(encoding, errors="replace")
    wrong = text.count("\ufffd")
    right = sum(not letter.isascii() for letter in text) - wrong
    if encoding == "utf-8" and right > _MOSTLY * wrong:
        return DataError(
            f"{start}; the text around it is UTF-8 apart from that: mend {_show(place, encoding)!r}"
        )
    shown = ", ".join(f"{name} ({_show(place, name)!r})" for name in _guess(sample))
    if not shown:
        return DataError(
            f"{start}, and it looks like no encoding of text; is it a text file at all? give"
            " --encoding if you know it"
        )
    return DataError(
        f"{start}; it looks like {shown}: give --encoding with the one that reads right"
    )


def _find_place(path: Path, encoding: str) -> _Place:
    decoder = codecs.getincrementaldecoder(_codec(encoding))()
    before, line, read = b"", 1, 0
    with open_bytes(path) as raw:
        while True:
            chunk = raw.read(_CHUNK)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeError as error:
                start = error.start if isinstance(error, UnicodeDecodeError) else 0
                inside = max(0, start - pending)  # of the chunk; a letter may begin before it
                line += chunk[:inside].count(b"\n")
                before = (before + chunk[:inside])[-_SAMPLE // 2 :]
                after = chunk[inside:] + raw.read(_SAMPLE // 2)
                return _Place(read + inside, line, before, after)
            assert chunk, "the whole file can be decoded"
            line += chunk.count(b"\n")
            read += len(chunk)
            before = (before + chunk)[-_SAMPLE // 2 :]


def _guess(sample: bytes) -> list[str]:
    """The likeliest encodings; those that read the sample as the very same text count once."""
    found: dict[str, str] = {}
    for match in from_bytes(sample):
        found.setdefault(str(match), match.encoding)
    return [name.replace("_", "-") for name in list(found.values())[:_GUESSES]]


def _show(place: _Place, encoding: str) -> str:
    """The text around the place as an encoding reads it."""
    before = place.before.decode(encoding, errors="replace")[-_SHOWN:]
    after = place.after.decode(encoding, errors="replace")[:_SHOWN]
    return normalize_text(before + after)

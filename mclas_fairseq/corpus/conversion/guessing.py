"""Saying which encoding a file looks like when it is not in the one that it was opened with.

The error shows what the text would be in the encodings that are likely, at a place where they
differ: those that are usual for the languages of the corpus, and what charset-normalizer proposes.
The user sees which one reads right, and names it.
"""

import codecs
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from charset_normalizer import from_bytes

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import DataError

_CHUNK = 1 << 16  # bytes
_SAMPLE = 1 << 16  # bytes on either side of the first wrong one, from which the encoding is guessed
_GUESSES = 3
_SHOWN = 12  # characters on either side of the wrong one
_MOSTLY = 20  # right characters to a wrong one: then the file is UTF-8 with a blemish
_CUT = 2  # letters that the ends of the sample may have cut in two
_WRONG = "\ufffd"
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What Windows and older systems save text in, by language; cp1252 for all others.
_USUAL = {
    ("cp1250",): "pl cs sk hu ro hr bs sl sq",
    ("cp1251",): "ru uk be bg mk sr",
    ("cp1253",): "el",
    ("cp1254",): "tr az",
    ("cp1255",): "he",
    ("cp1256",): "ar fa ur",
    ("cp1257",): "et lv lt",
    ("cp1258",): "vi",
    ("cp874",): "th",
    ("cp932", "euc-jp"): "ja",
    ("cp949",): "ko",
    ("gb18030", "big5"): "zh",
}
_WESTERN = "cp1252"


@dataclass(frozen=True)
class Encoding:
    """The encoding of a file.

    Attributes:
        name: as Python spells it.
        languages: of the text, for guessing.
    """

    name: str = "utf-8"
    languages: tuple[str, ...] = ()

    @property
    def codec(self) -> str:
        """What to open files with; a byte order mark at the beginning is dropped."""
        return "utf-8-sig" if self.name == "utf-8" else self.name


@dataclass(frozen=True)
class Place:
    """Where decoding stops: byte from 0, line from 1, and the bytes before and after."""

    offset: int
    line: int
    before: bytes
    after: bytes


def find_place(raw: IO[bytes], encoding: Encoding) -> Place:
    """Read a file up to the first byte that is not text in this encoding; there must be one."""
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    before, line, read = b"", 1, 0
    while True:
        chunk = raw.read(_CHUNK)
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeError as error:
            start = error.start if isinstance(error, UnicodeDecodeError) else 0
            inside = max(0, start - pending)  # of the chunk; a letter may begin before it
            line += chunk[:inside].count(b"\n")
            before = (before + chunk[:inside])[-_SAMPLE:]
            return Place(read + inside, line, before, chunk[inside:] + raw.read(_SAMPLE))
        assert chunk, "the whole file can be decoded"
        line += chunk.count(b"\n")
        read += len(chunk)
        before = (before + chunk)[-_SAMPLE:]


def wrong_encoding(path: Path, encoding: Encoding, place: Place) -> DataError:
    """Make the error for a file that is not in this encoding."""
    name = encoding.name
    start = f"{path}: line {place.line}: text must be {name}, but byte {place.offset + 1} is not"
    sample = place.before + place.after
    marked = [mark_name for mark, mark_name in _MARKS if sample.startswith(mark)]
    if marked and place.offset < 4:
        return DataError(f"{start}; the file is marked as {marked[0]}: give --encoding {marked[0]}")
    if name == "utf-8" and _is_blemish(sample):
        before = place.before.decode(errors="replace")
        shown = _around(before + place.after.decode(errors="replace"), len(before))
        return DataError(f"{start}; the text around it is UTF-8 apart from that: mend {shown!r}")
    guesses = list(_guess(sample, encoding))
    if not guesses:
        return DataError(
            f"{start}, and it looks like no encoding of text; is it a text file at all? give"
            " --encoding if you know it"
        )
    return DataError(
        f"{start}; it looks like {_show(guesses, place)}: give --encoding with the one that reads"
        " right"
    )


def _is_blemish(sample: bytes) -> bool:
    text = sample.decode(errors="replace")
    wrong = text.count(_WRONG)
    return sum(not letter.isascii() for letter in text) - wrong > _MOSTLY * wrong


def _guess(sample: bytes, encoding: Encoding) -> Iterator[str]:
    """The likeliest encodings, at most three; of those that read the same text, the first."""
    texts: list[str] = []
    proposed = [match.encoding.replace("_", "-") for match in from_bytes(sample)]
    for name in dict.fromkeys([*_usual(encoding.languages), *proposed]):
        text = sample.decode(name, errors="replace")
        if name != encoding.name and text not in texts and text.count(_WRONG) <= _CUT:
            texts.append(text)
            yield name
            if len(texts) == _GUESSES:
                return


def _usual(languages: Sequence[str]) -> list[str]:
    bases = [language.split("-")[0] for language in languages]
    found = [name for names, of in _USUAL.items() for name in names if set(bases) & set(of.split())]
    return [*found, _WESTERN] if bases else []


def _show(guesses: Sequence[str], place: Place) -> str:
    """Each with the text as it reads it, where they first differ from one another."""
    sample = place.before + place.after
    texts = [sample.decode(name, errors="replace") for name in guesses]
    at = len(os.path.commonprefix(texts))
    if len(guesses) == 1:
        at = len(place.before.decode(guesses[0], errors="replace"))
    return ", ".join(
        f"{name} ({_around(text, at)!r})" for name, text in zip(guesses, texts, strict=True)
    )


def _around(text: str, at: int) -> str:
    return normalize_text(text[max(0, at - _SHOWN) : at + _SHOWN])

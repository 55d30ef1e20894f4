"""What every tokenizer promises, and the symbols that none of them may ever produce.

A tokenizer turns a text into pieces that fairseq stores separated by spaces, and back. Two things
must hold whatever the text says: no piece holds white space, and no piece is one of the symbols by
which fairseq's dictionary or this package mean something else (`<s>`, `[LSEP]`, ...). Otherwise a
document that talks about `</s>` would end its own summary.

Place in the pipeline: learned by `mclas prepare`, kept in the data-bin's `tokenizer/` folder, and
loaded again wherever text is read or written.
"""

import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Optional, Self

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import DataError

SEPARATOR = "[LSEP]"  # stands between the two summaries of an MCLAS target
UNKNOWN = "<unk>"
# Stand before a document and say what is to be made of it: a translation, a summary in its own
# language, a cross-lingual summary. In a dictionary on demand only (mclas prepare --task-tags).
TASK_TAGS = {"mt": "<MT>", "ms": "<MS>", "cls": "<CLS>"}
DESCRIPTION_FILE = "tokenizer.json"

_SYMBOLS = frozenset({"<s>", "<pad>", "</s>", UNKNOWN, SEPARATOR, *TASK_TAGS.values()})
_TARGET_SEPARATOR = re.compile(r"\[LSEP:([A-Za-z0-9]+(?:-[A-Za-z0-9]+)*)\]")
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_FILLER = re.compile(r"madeupword\d{4,}")  # fairseq pads its dictionary with these

# Languages that tell dotted from dotless i, where `str.lower` would mix the two up.
_DOTTED_I_LANGUAGES = frozenset({"tr", "az"})
_DOTTED_I = str.maketrans({"I": "ı", "İ": "i"})


def is_byte_piece(piece: str) -> bool:
    """Tell whether `piece` stands for one byte, as sentencepiece writes it: <0x0A>."""
    return _BYTE.fullmatch(piece) is not None


def is_reserved(piece: str) -> bool:
    """Tell whether fairseq's dictionary or this package give `piece` a meaning of its own."""
    return (
        piece in _SYMBOLS
        or _FILLER.fullmatch(piece) is not None
        or _TARGET_SEPARATOR.fullmatch(piece) is not None
    )


def target_separator(language: str) -> str:
    """Return the symbol that announces a summary in one of several target languages."""
    return f"[LSEP:{language}]"


def split_at_target(text: str) -> tuple[str, Optional[str], str]:
    """Split a text at the symbol that announces a target language.

    Returns:
        What stands before it, the language, and what follows; without such a symbol the text,
        None and nothing. Only the first symbol counts.
    """
    found = _TARGET_SEPARATOR.search(text)
    return (
        (text, None, "")
        if found is None
        else (text[: found.start()], found[1], text[found.end() :])
    )


def without_symbols(text: str) -> str:
    """Return `text` with separators that it spells taken apart: none is mistaken for one."""
    text = text.replace(SEPARATOR, "[ LSEP ]")
    return _TARGET_SEPARATOR.sub(r"[ LSEP:\1 ]", text)


def lower(text: str, language: str) -> str:
    """Return `text` in lower case, by the rules of `language` for the letter i."""
    if language.split("-")[0] in _DOTTED_I_LANGUAGES:
        text = text.translate(_DOTTED_I)
    return text.lower()


def prepare_text(text: str, language: str, *, lowercase: bool) -> str:
    """Return `text` as tokenizers see it: NFC, single spaces, in lower case if that is asked."""
    text = normalize_text(text)
    # Lower case can take a letter apart ("İ" becomes "i" and a dot), hence once more.
    return normalize_text(lower(text, language)) if lowercase else text


class Tokenizer(ABC):
    """Text to pieces and back, for all languages of a data-bin.

    Args:
        lowercase: whether `encode` lower-cases its text.
    """

    name: ClassVar[str]
    # Name -> kind, of all that are defined: a tokenizer may be made of others of any kind.
    kinds: ClassVar[dict[str, type["Tokenizer"]]] = {}

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in vars(cls):
            Tokenizer.kinds[cls.name] = cls

    def __init__(self, *, lowercase: bool) -> None:
        self.lowercase = lowercase

    def encode(self, text: str, language: str) -> list[str]:
        """Return the pieces of `text`; none holds white space, none is a reserved symbol.

        Characters that the tokenizer never saw come out as pieces of their own, which the
        dictionary then does not know.
        """
        return self._segment(prepare_text(text, language, lowercase=self.lowercase), language)

    @abstractmethod
    def _segment(self, text: str, language: str) -> list[str]:
        """Return the pieces of `text`, which `prepare_text` returned."""

    @abstractmethod
    def decode(self, pieces: Sequence[str], language: str) -> str:
        """Return the text of `pieces`; a piece `<unk>` stays visible as such."""

    def shares(self, pieces: Sequence[str], language: str) -> list[str]:
        """Return what each piece adds to the text of all; joined, they are `decode` of all pieces.

        A space belongs to the piece behind it. A piece by which nothing is there yet, such as the
        first byte of a letter, adds nothing.
        """
        whole = self.decode(pieces, language)
        ends: list[int] = []
        for count in range(1, len(pieces)):
            begun = self.decode(pieces[:count], language)
            common = len(os.path.commonprefix([begun, whole]))
            ends.append(max(common, ends[-1] if ends else 0))
        starts = [0, *ends]
        return [whole[a:b] for a, b in zip(starts, [*ends, len(whole)], strict=True)][: len(pieces)]

    def entries(self) -> Optional[list[str]]:
        """Return all pieces there are, in a fixed order; None if only counting can tell."""
        return None

    def save(self, folder: Path) -> None:
        """Write the tokenizer into `folder`, which is made if it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        self._save_model(folder)
        # Last, so that a folder with a description is complete.
        text = json.dumps(self._description(), indent=2, sort_keys=True) + "\n"
        write_file(folder / DESCRIPTION_FILE, text.encode("utf-8"))

    def _description(self) -> dict[str, object]:
        """Return what `tokenizer.json` says."""
        return {"tokenizer": self.name, "lowercase": self.lowercase}

    @abstractmethod
    def _save_model(self, folder: Path) -> None:
        """Write the files beside `tokenizer.json`, if there are any."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises `DataError` naming the file that is missing or broken."""

    @classmethod
    @abstractmethod
    def train(cls, texts: Mapping[str, Iterable[str]], *, vocab_size: int, lowercase: bool) -> Self:
        """Learn from `texts` (language to lines), balanced over the languages.

        Lines are gone through more than once: a list, or `mclas_fairseq.corpus.balance.Lines`.
        """


def write_file(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and rename it, so that `path` is never half written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_file(path: Path) -> bytes:
    """Return the bytes of a tokenizer's file. Raises `DataError` if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: a tokenizer needs this file, and reading it failed ({error.strerror}); "
            "prepare the data-bin again with mclas prepare"
        ) from error


def read_description(folder: Path) -> dict[str, object]:
    """Return what a tokenizer's folder says of itself, checked for the keys all have."""
    path = folder / DESCRIPTION_FILE
    remedy = "prepare the data-bin again with mclas prepare"
    try:
        description = json.loads(read_file(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: must be JSON, but {error}; {remedy}") from error
    if not isinstance(description, dict):
        raise DataError(f"{path}: must hold a JSON object, found {description!r}; {remedy}")
    if not isinstance(description.get("lowercase"), bool):
        found = description.get("lowercase")
        raise DataError(f"{path}: 'lowercase' must be true or false, found {found!r}; {remedy}")
    return description


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read the tokenizer that was saved in `folder`. Raises `DataError` if there is none."""
    name = read_description(folder).get("tokenizer")
    if not isinstance(name, str) or name not in Tokenizer.kinds:
        raise DataError(
            f"{folder / DESCRIPTION_FILE}: 'tokenizer' must be one of {', '.join(Tokenizer.kinds)},"
            f" found {name!r}; prepare the data-bin again with mclas prepare"
        )
    return Tokenizer.kinds[name].load(folder)

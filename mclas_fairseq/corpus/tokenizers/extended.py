"""An earlier tokenizer, and a second one for the languages that were added to it.

Text of the earlier languages is cut by the earlier tokenizer, text of the added languages by a
sentencepiece model of their own. Two kinds of its pieces are told apart:

- *shared* ones, which the earlier dictionary holds already (digits, punctuation, names): they keep
  their number there, and what a checkpoint knows of them serves the added language too;
- *added* ones, which are written with the languages in front (`⟦zh⟧模型`) and stand behind the
  earlier entries. Thus the earlier languages can never come upon one: their text is cut and
  numbered as before, a character that was unknown to them stays so, and an extended checkpoint
  gives for them what it gave before.

One joint model learned anew would number everything anew; adding pieces to the earlier model would
change how it cuts what it knew.

Place in the pipeline: made by `mclas prepare --like DATA_BIN --extend LANG`; `mclas extend` grows
a checkpoint to match.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Optional, Self

from mclas_fairseq.corpus.tokenizers.base import (
    DESCRIPTION_FILE,
    Tokenizer,
    load_tokenizer,
    read_description,
    read_file,
    write_file,
)
from mclas_fairseq.corpus.tokenizers.subword_sentencepiece import SentencepieceTokenizer
from mclas_fairseq.errors import ConfigError, DataError

BASE_FOLDER = "base"
EXTENSION_FOLDER = "extension"
SHARED_FILE = "shared.txt"

_MARK = re.compile(r"⟦([A-Za-z0-9-]+(?:\+[A-Za-z0-9-]+)*)⟧(?=.)")


def split_mark(piece: str) -> tuple[tuple[str, ...], str]:
    """Return the languages that an entry was added for (none: it was there first) and its text."""
    found = _MARK.match(piece)
    return (tuple(found[1].split("+")), piece[found.end() :]) if found else ((), piece)


class ExtendedTokenizer(Tokenizer):
    """An earlier tokenizer and the sentencepiece model of the languages added to it.

    Args:
        base: the earlier tokenizer.
        extension: cuts the added languages.
        languages: which these are.
        shared: pieces of `extension` that the earlier dictionary holds and that mean the same.
    """

    name = "extended"

    def __init__(
        self,
        base: Tokenizer,
        extension: SentencepieceTokenizer,
        languages: Sequence[str],
        shared: Collection[str],
    ) -> None:
        super().__init__(lowercase=base.lowercase)
        self.base = base
        self.languages = tuple(languages)
        self._extension = extension
        self._shared = frozenset(shared)
        self._mark = f"⟦{'+'.join(self.languages)}⟧"
        self._plain = {
            self._mark + piece: piece for piece in extension.entries() if piece not in self._shared
        }
        self._marked = {piece: marked for marked, piece in self._plain.items()}

    @property
    def added(self) -> list[str]:
        """The entries that this extension adds to the earlier dictionary, in order."""
        return list(self._plain)

    @property
    def learned(self) -> int:
        """Number of pieces of the added languages, shared ones included."""
        return len(self._plain) + len(self._shared)

    @property
    def added_languages(self) -> tuple[str, ...]:
        """All languages that were added, also by extensions before this one."""
        before = self.base.added_languages if isinstance(self.base, ExtendedTokenizer) else ()
        return (*before, *self.languages)

    def encode(self, text: str, language: str) -> list[str]:
        """Return the pieces of `text`, cut by the tokenizer of its language."""
        return self._segment(text, language)

    def _segment(self, text: str, language: str) -> list[str]:
        # Both tokenizers prepare the text themselves: it comes here as it is.
        if language in self.languages:
            return [
                self._marked.get(piece, piece) for piece in self._extension.encode(text, language)
            ]
        pieces: list[str] = []
        for piece in self.base.encode(text, language):
            # A text that spells an added entry must not become one.
            pieces.extend(piece if piece in self._plain else [piece])
        return pieces

    def decode(self, pieces: Sequence[str], language: str) -> str:
        """Return the text of `pieces`, by the tokenizer of its language."""
        plain = [self._plain.get(piece, piece) for piece in pieces]
        tokenizer = self._extension if language in self.languages else self.base
        return tokenizer.decode(plain, language)

    def entries(self) -> Optional[list[str]]:
        """Return all pieces, the added ones last; None if only counting can tell the others."""
        entries = self.base.entries()
        return None if entries is None else [*entries, *self.added]

    def _description(self) -> dict[str, object]:
        return {**super()._description(), "languages": list(self.languages)}

    def _save_model(self, folder: Path) -> None:
        self.base.save(folder / BASE_FOLDER)
        self._extension.save(folder / EXTENSION_FOLDER)
        text = "".join(f"{piece}\n" for piece in sorted(self._shared))
        write_file(folder / SHARED_FILE, text.encode("utf-8"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the earlier tokenizer, the added one and what they share from `folder`."""
        languages = read_description(folder).get("languages")
        if not (isinstance(languages, list) and languages) or not all(
            isinstance(language, str) for language in languages
        ):
            raise DataError(
                f"{folder / DESCRIPTION_FILE}: 'languages' must list the added languages, found"
                f" {languages!r}; prepare the data-bin again with mclas prepare"
            )
        shared = read_file(folder / SHARED_FILE).decode("utf-8", errors="replace").split("\n")
        return cls(
            load_tokenizer(folder / BASE_FOLDER),  # of any kind, this one too
            SentencepieceTokenizer.load(folder / EXTENSION_FOLDER),
            languages,
            [piece for piece in shared if piece],
        )

    @classmethod
    def train(cls, texts: Mapping[str, Iterable[str]], *, vocab_size: int, lowercase: bool) -> Self:
        """Raise `ConfigError`: there must be something to extend, see `extend_tokenizer`."""
        raise ConfigError(
            "tokenizer extended: extends that of an earlier data-bin, but none is given; give it"
            " with --like and the languages with --extend"
        )


def extend_tokenizer(
    base: Tokenizer,
    texts: Mapping[str, Iterable[str]],
    *,
    vocab_size: int,
    known: Collection[str],
) -> ExtendedTokenizer:
    """Learn a tokenizer for the languages of `texts` and join it to an earlier one.

    Args:
        base: the earlier tokenizer.
        texts: language -> lines, of the languages to add; they are learned from in equal shares.
        vocab_size: number of pieces to learn, shared ones included.
        known: entries of the earlier dictionary.

    Raises:
        DataError: the text is too small, or has too many characters, for `vocab_size`.
    """
    extension = SentencepieceTokenizer.train(texts, vocab_size=vocab_size, lowercase=base.lowercase)
    entries = frozenset(known)
    shared = [p for p in extension.entries() if p in entries and _means_the_same(p, base)]
    return ExtendedTokenizer(base, extension, sorted(texts), shared)


def _means_the_same(piece: str, base: Tokenizer) -> bool:
    """Whether an earlier entry that is spelt like a piece stands for the same text.

    Only sentencepiece marks the start of words: to another tokenizer `in` is a word of its own, to
    the extension the middle of one. Digits, punctuation and symbols are the same to all.
    """
    while isinstance(base, ExtendedTokenizer):
        base = base.base
    if isinstance(base, SentencepieceTokenizer):
        return True
    return len(piece) == 1 and unicodedata.category(piece)[0] in "NPS"

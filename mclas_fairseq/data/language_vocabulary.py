"""Language vocabularies: which dictionary entries a language's training summaries use.

"In the inference period, we only generate tokens from the corresponding vocabulary" (Bai et al.
2021, section 5.2). Entries made of digits, punctuation and symbols alone belong to every language.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fairseq.data import Dictionary

from mclas_fairseq.data.indexed_dictionary import special_indices
from mclas_fairseq.errors import DataError

_MARKERS = "▁"  # sentencepiece's start of a word


@dataclass(frozen=True)
class LanguageVocabulary:
    """The dictionary entries that summaries of one language may hold, as symbols in id order."""

    language: str
    symbols: tuple[str, ...]

    def indices(self, dictionary: Dictionary) -> list[int]:
        """Dictionary ids of the entries, ascending.

        Raises:
            DataError: an entry is not in the dictionary.
        """
        indices = [dictionary.index(symbol) for symbol in self.symbols]
        for symbol, index in zip(self.symbols, indices, strict=True):
            if index == dictionary.unk():
                raise DataError(
                    f"language vocabulary of {self.language!r}: every entry must be in the "
                    f"dictionary, {symbol!r} is not; prepare the data-bin again"
                )
        return sorted(indices)

    def save(self, path: Path) -> None:
        """Write one entry a line."""
        path.write_text("".join(f"{symbol}\n" for symbol in self.symbols), encoding="utf-8")

    @classmethod
    def load(cls, path: Path, language: str) -> "LanguageVocabulary":
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing or cannot be read.
        """
        if not path.is_file():
            raise DataError(
                f"data-bin {path.parent}: a language vocabulary is needed for {language!r}, "
                f"{path.name} is missing; prepare the data-bin again with mclas prepare"
            )
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path}: must be readable UTF-8, but {error}; copy the data-bin again, or prepare"
                " it again"
            ) from error
        return cls(language, tuple(line for line in lines if line))

    @classmethod
    def from_counts(
        cls, language: str, seen: Iterable[int], dictionary: Dictionary
    ) -> "LanguageVocabulary":
        """Vocabulary of the dictionary ids `seen` in a language's summaries.

        Special symbols (BOS, padding, EOS, unknown) are left out; digits and punctuation are
        always in.
        """
        special = special_indices(dictionary)
        chosen = {index for index in seen if index not in special}
        chosen.update(language_neutral(dictionary))
        return cls(language, tuple(dictionary[index] for index in sorted(chosen)))


def language_neutral(dictionary: Dictionary) -> list[int]:
    """Ids of the entries that hold only digits, punctuation and symbols, whatever the language."""
    special = special_indices(dictionary)
    return [
        index
        for index in range(len(dictionary))
        if index not in special and _is_neutral(dictionary[index])
    ]


def _is_neutral(symbol: str) -> bool:
    if symbol.startswith("[LSEP"):
        return False
    text = symbol.removesuffix("@@").strip(_MARKERS)
    # A lone word marker starts words of every language.
    return all(unicodedata.category(char)[0] in "NPS" for char in text)

"""How well a tokenizer and a dictionary fit each language: unknown share, pieces per word.

Place in the pipeline: `mclas prepare` prints these numbers and refuses a vocabulary that leaves too
much of a language unknown.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from mclas_fairseq.corpus.languages import is_unspaced
from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.corpus.tokenizers.base import Tokenizer


@dataclass(frozen=True)
class TokenizerStatistics:
    """Counts over the texts of one language.

    Attributes:
        pieces: all pieces.
        unknown: those of them that the dictionary does not know.
        units: words, or characters other than white space, see `unit`.
        unit: "word" or "character".
    """

    pieces: int
    unknown: int
    units: int
    unit: str

    @property
    def unknown_share(self) -> float:
        """Return the share of unknown pieces, between 0 and 1 (0 without any text)."""
        return self.unknown / self.pieces if self.pieces else 0.0

    @property
    def pieces_per_unit(self) -> float:
        """Return the mean number of pieces in a word or character (0 without any text)."""
        return self.pieces / self.units if self.units else 0.0


def statistics(
    tokenizer: Tokenizer, texts_by_language: Mapping[str, Iterable[str]], known: Container[str]
) -> dict[str, TokenizerStatistics]:
    """Return counts for each language; `known` holds the pieces that the dictionary knows."""
    return {
        language: _count(tokenizer, language, texts, known)
        for language, texts in texts_by_language.items()
    }


def _count(
    tokenizer: Tokenizer, language: str, texts: Iterable[str], known: Container[str]
) -> TokenizerStatistics:
    unit = "character" if is_unspaced(language) else "word"
    pieces = unknown = units = 0
    for text in texts:
        encoded = tokenizer.encode(text, language)
        pieces += len(encoded)
        unknown += sum(piece not in known for piece in encoded)
        words = normalize_text(text).split()
        units += len("".join(words)) if unit == "character" else len(words)
    return TokenizerStatistics(pieces, unknown, units, unit)

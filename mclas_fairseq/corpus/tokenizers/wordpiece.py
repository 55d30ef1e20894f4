"""WordPiece with a given vocabulary (BERT's `vocab.txt`): what a pretrained encoder was fed with.

Text is cut as BERT cuts it, by the library `tokenizers`: control characters removed, punctuation
and Chinese characters set apart, in lower case and without accents for an uncased vocabulary, then
the longest pieces from the left. Nothing is learned. Two things differ from BERT:

- special pieces (`[CLS]`, `[SEP]`, `[unused1]`, ...) are no entries of the dictionary, and no text
  can produce them: fairseq has its own;
- a word that BERT would turn into `[UNK]` comes out as it stands, so that it can be counted and
  named; the dictionary does not know it.

WordPiece forgets where spaces stood. Decoding puts back the usual ones: Moses' rules for
punctuation, and hyphens, apostrophes, decimal points and slashes closed up.

Devlin et al., "BERT" (2019, arXiv:1810.04805). Place in the pipeline: see
`mclas_fairseq.corpus.tokenizers.base`.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import regex

from mclas_fairseq.corpus.tokenizers.base import (
    Tokenizer,
    is_reserved,
    prepare_text,
    read_description,
    read_file,
    write_file,
)
from mclas_fairseq.corpus.tokenizers.moses import join_words
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.extras import require

VOCABULARY_FILE = "vocab.txt"

_UNKNOWN = "[UNK]"
CONTINUED = "##"  # begins each piece that continues a word
SPECIAL = regex.compile(r"\[(PAD|UNK|CLS|SEP|MASK|unused\d+)\]")
_LONGEST_WORD = 100  # characters; BERT takes longer words for unknown

# What BERT cut apart and texts write together, as (pattern, replacement).
_CLOSED_UP = (
    (regex.compile(r"(?<=\w) - (?=(?:and|or|to|und|oder|bis|bzw)\b(?! -))"), "- "),  # 8- and 4-bit
    (regex.compile(r"(?<=\b(?:und|oder|bzw|sowie)) - (?=\w)"), " -"),  # Suche und -Regression
    (regex.compile(r"(?<=\w) ([-\u2010\u2011/_]) (?=\w)"), r"\1"),  # state-of-the-art, and/or
    (regex.compile(r"(?<=\d) ([.,:]) (?=\d)"), r"\1"),  # 0.25, 10,000
    (
        regex.compile(
            r"(?<=\w) (['\u2019]) (?=(?:s|t|re|ve|ll|d|m|sche[nmrs]?)\b)", regex.IGNORECASE
        ),
        r"\1",
    ),
    (regex.compile(r"< (/?) ?(\w+) >"), r"<\1\2>"),
)
_ELIDING_LANGUAGES = frozenset({"fr", "it", "ca"})
_ELISION = regex.compile(r"(?<=\p{L}) (['\u2019]) (?=\p{L})")  # l'homme, dell'arte


class WordpieceTokenizer(Tokenizer):
    """Pieces of a given `vocab.txt`.

    Args:
        vocabulary: the bytes of `vocab.txt`, one piece a line.
        lowercase: whether the vocabulary is uncased: text is lower-cased and loses its accents.

    Raises:
        DataError: the vocabulary has no `[UNK]`, as every vocabulary of BERT has, or is not UTF-8.
    """

    name = "wordpiece"

    def __init__(self, vocabulary: bytes, *, lowercase: bool) -> None:
        super().__init__(lowercase=lowercase)
        self._vocabulary = vocabulary
        lines = _lines(vocabulary)
        self._entries = [
            line
            for line in dict.fromkeys(lines)
            if not (SPECIAL.fullmatch(line) or is_reserved(line) or line.split() != [line])
        ]
        self._known = frozenset(self._entries)
        models, normalizers, pre_tokenizers = (
            require(f"tokenizers.{part}", extra="pretrained", purpose="tokenizer wordpiece")
            for part in ("models", "normalizers", "pre_tokenizers")
        )
        self._normalizer: Any = normalizers.BertNormalizer(
            clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=lowercase
        )
        self._words: Any = pre_tokenizers.BertPreTokenizer()
        self._pieces: Any = models.WordPiece(
            {line: number for number, line in enumerate(lines)},
            unk_token=_UNKNOWN,
            max_input_chars_per_word=_LONGEST_WORD,
        )

    def encode(self, text: str, language: str) -> list[str]:
        """Return the pieces of `text`; lower case is left to BERT's rules, not to ours."""
        return self._segment(prepare_text(text, language, lowercase=False), language)

    def _segment(self, text: str, language: str) -> list[str]:
        pieces: list[str] = []
        for word, _ in self._words.pre_tokenize_str(self._normalizer.normalize_str(text)):
            cut = [token.value for token in self._pieces.tokenize(word)]
            if cut == [_UNKNOWN]:
                cut = [word]
            for piece in cut:
                # One that reads as a special symbol is cut into what cannot be mistaken.
                pieces.extend(_characters(piece) if is_reserved(piece) else [piece])
        return pieces

    def decode(self, pieces: Sequence[str], language: str) -> str:
        """Return the text of `pieces` with the spacing that is usual in `language`."""
        return join_word_pieces(pieces, language)

    def entries(self) -> list[str]:
        """Return the pieces in the vocabulary's order, special ones left out."""
        return list(self._entries)

    def _save_model(self, folder: Path) -> None:
        write_file(folder / VOCABULARY_FILE, self._vocabulary)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `vocab.txt` and `tokenizer.json` from `folder`."""
        lowercase = bool(read_description(folder)["lowercase"])
        vocabulary = read_file(folder / VOCABULARY_FILE)
        try:
            return cls(vocabulary, lowercase=lowercase)
        except DataError as error:
            raise DataError(
                f"{folder / VOCABULARY_FILE}: {error}; prepare the data-bin again with mclas"
                " prepare"
            ) from error

    @classmethod
    def from_file(cls, path: Path, *, lowercase: bool) -> Self:
        """Take the vocabulary that a user gives.

        Raises:
            DataError: the file cannot be read or is no `vocab.txt` of BERT's.
        """
        try:
            return cls(path.read_bytes(), lowercase=lowercase)
        except OSError as error:
            raise DataError(
                f"{path}: --vocab must name a readable file, but reading it failed"
                f" ({error.strerror}); check name and rights"
            ) from error
        except DataError as error:
            raise DataError(
                f"{path}: {error}; give the vocab.txt of a BERT model with --vocab"
            ) from error

    @classmethod
    def train(cls, texts: Mapping[str, Iterable[str]], *, vocab_size: int, lowercase: bool) -> Self:
        """Raise `ConfigError`: this vocabulary is given, not learned."""
        raise ConfigError(
            "--tokenizer wordpiece: takes a given vocabulary, but none is given; give BERT's"
            " vocab.txt with --vocab"
        )


def join_word_pieces(pieces: Sequence[str], language: str) -> str:
    """Return the text of WordPiece's pieces with the spacing that is usual in `language`."""
    words: list[str] = []
    for piece in pieces:
        if words and len(piece) > len(CONTINUED) and piece.startswith(CONTINUED):
            words[-1] += piece.removeprefix(CONTINUED)
        else:
            words.append(piece)
    text = " ".join(words)
    for pattern, replacement in _CLOSED_UP:
        text = pattern.sub(replacement, text)
    if language.split("-")[0] in _ELIDING_LANGUAGES:
        text = _ELISION.sub(r"\1", text)
    return join_words(text.split(), language)


def _lines(vocabulary: bytes) -> list[str]:
    try:
        text = vocabulary.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"must be UTF-8, but byte {error.start + 1} is not") from error
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    if _UNKNOWN not in lines:
        raise DataError(f"must hold {_UNKNOWN} and one piece a line, found {len(lines)} lines")
    return lines


def _characters(piece: str) -> list[str]:
    """Cut a piece into characters, all but a word's first one marked as continued."""
    return [piece[0], *(CONTINUED + character for character in piece[1:])]

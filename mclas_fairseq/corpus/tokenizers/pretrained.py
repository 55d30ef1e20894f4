"""The tokenizer of a pretrained encoder, exactly as its checkpoint has it.

Text is cut by the library `tokenizers` with the checkpoint's own rules (lower case, accents,
Chinese characters, normalisation), kept in the data-bin as one file, so that the checkpoint is not
needed to read or write text. Two things differ from what transformers' AutoTokenizer does, so that
no text can end its own summary and what is unknown can be named:

- a text that spells a special piece (`[SEP]`, `<s>`) is cut into what cannot be mistaken for it;
- a word that becomes `[UNK]` comes out as it stands; the dictionary does not know it.

Its kind says how pieces become text again: "bert" for WordPiece (BERT), "xlmr" for a unigram model
with marked spaces (XLM-R).

Devlin et al., "BERT" (2019, arXiv:1810.04805); Conneau et al., "Unsupervised Cross-lingual
Representation Learning at Scale" (2020, arXiv:1911.02116). Place in the pipeline: opened from a
checkpoint by `mclas_fairseq.corpus.tokenizers.pretrained_checkpoint`; see
`mclas_fairseq.corpus.tokenizers.base`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Self

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.corpus.tokenizers.base import (
    UNKNOWN,
    Tokenizer,
    is_reserved,
    prepare_text,
    read_file,
    write_file,
)
from mclas_fairseq.corpus.tokenizers.wordpiece import CONTINUED, SPECIAL, join_word_pieces
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.extras import require

MODEL_FILE = "pretrained.json"

_KINDS = {"WordPiece": "bert", "Unigram": "xlmr"}
_BERT_UNKNOWN = "[UNK]"
_SPACE = "\u2581"  # marks a space in the pieces of XLM-R
_FOREIGN = "\ufffd"  # put before what is unknown and yet spelt like an entry


class PretrainedTokenizer(Tokenizer):
    """Pieces of a pretrained encoder.

    Args:
        serialized: the tokenizer as the library `tokenizers` writes it.

    Raises:
        DataError: it is not of one of the two kinds, or cannot be read.
    """

    name = "pretrained"

    def __init__(self, serialized: str) -> None:
        library = require(
            "tokenizers", extra="pretrained", purpose="tokenizer of a pretrained encoder"
        )
        try:
            description = json.loads(serialized)
            self._tokenizer: Any = library.Tokenizer.from_str(serialized)
        except Exception as error:  # the library raises nothing narrower
            raise DataError(f"must be a tokenizer's description, but {error}") from error
        model = description["model"]
        if model.get("type") not in _KINDS or model.get("byte_fallback"):
            raise DataError(
                "must cut text by WordPiece (BERT) or by a unigram model without pieces for single"
                f" bytes (XLM-R), but is {model.get('type')}"
                f"{' with byte pieces' if model.get('byte_fallback') else ''}"
            )
        self.kind = _KINDS[model["type"]]
        normalizer: Any = self._tokenizer.normalizer
        super().__init__(
            lowercase=normalizer is not None and normalizer.normalize_str("Ab").startswith("ab")
        )
        self._serialized = serialized
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True
        self._ids: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=True)
        self._special = frozenset(
            token["content"] for token in description["added_tokens"] if token["special"]
        )
        self._unknown = self._ids.get(_BERT_UNKNOWN, self._ids.get(UNKNOWN))

    @property
    def pieces(self) -> list[Optional[str]]:
        """All pieces in the order of their ids, special ones included; None at ids without one."""
        listed: list[Optional[str]] = [None] * (max(self._ids.values(), default=-1) + 1)
        for piece, number in self._ids.items():
            listed[number] = piece
        return listed

    def numbers(self, pieces: Sequence[str]) -> list[Optional[int]]:
        """Ids of pieces that `encode` returned, in the checkpoint's vocabulary."""
        return [self._ids.get(piece, self._unknown) for piece in pieces]

    def encode(self, text: str, language: str) -> list[str]:
        """Return the pieces of `text`; lower case is left to the checkpoint's rules."""
        return self._segment(prepare_text(text, language, lowercase=False), language)

    def _segment(self, text: str, language: str) -> list[str]:
        pieces: list[str] = []
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        for piece, number, (start, end) in zip(
            encoding.tokens, encoding.ids, encoding.offsets, strict=True
        ):
            if piece == _BERT_UNKNOWN and number == self._unknown:
                pieces.append(self._foreign(text[start:end]))
            elif number == self._unknown and piece not in self._ids:
                pieces.append(self._foreign(piece))  # a unigram model shows what it does not know
            elif self._is_text(piece):
                pieces.append(piece)
            else:
                pieces.extend(self._characters(piece))
        return pieces

    def _foreign(self, text: str) -> str:
        """How an unknown stretch of text is written: as it stands, and never as an entry."""
        shown = "".join(text.split())
        # Names of special entries begin with a bracket, whatever the vocabulary.
        if not shown or shown[0] in "[<" or shown in self._ids or is_reserved(shown):
            shown = _FOREIGN + shown
        return shown

    def _characters(self, piece: str) -> list[str]:
        """Cut a piece that must not stand as such into characters."""
        mark = CONTINUED if self.kind == "bert" else ""
        text = "".join(piece.split())
        cut = [text[:1], *(mark + character for character in text[1:])]
        return [one for one in cut if one]

    def decode(self, pieces: Sequence[str], language: str) -> str:
        """Return the text of `pieces`; a piece `<unk>` stays visible as such."""
        if self.kind == "bert":
            return join_word_pieces(pieces, language)
        return normalize_text("".join(pieces).replace(_SPACE, " "))

    def entries(self) -> list[str]:
        """Return all pieces that text can be cut into, in the order of their ids."""
        return [piece for piece in self.pieces if piece is not None and self._is_text(piece)]

    def _is_text(self, piece: str) -> bool:
        """Whether a piece can stand for text: it is no special one and holds no white space."""
        special = piece in self._special or is_reserved(piece) or SPECIAL.fullmatch(piece)
        return not special and piece.split() == [piece]

    def _description(self) -> dict[str, object]:
        return {**super()._description(), "kind": self.kind}

    def _save_model(self, folder: Path) -> None:
        write_file(folder / MODEL_FILE, self._serialized.encode("utf-8"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `pretrained.json` from `folder`."""
        path = folder / MODEL_FILE
        try:
            return cls(read_file(path).decode("utf-8", errors="replace"))
        except DataError as error:
            if str(path) in str(error):
                raise
            raise DataError(
                f"{path}: {error}; prepare the data-bin again with mclas prepare"
            ) from error

    @classmethod
    def train(cls, texts: Mapping[str, Iterable[str]], *, vocab_size: int, lowercase: bool) -> Self:
        """Raise `ConfigError`: it is a checkpoint's, never learned."""
        raise ConfigError(
            "tokenizer pretrained: is that of a pretrained encoder, never learned; name the"
            " checkpoint with --pretrained"
        )

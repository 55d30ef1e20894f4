"""Opening a pretrained encoder's tokenizer by name or path.

Place in the pipeline: `mclas prepare --pretrained` takes the tokenizer from here; whoever loads the
encoder's weights compares `vocabulary_sha256` with the manifest of the data-bin.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Optional

from mclas_fairseq.corpus.tokenizers.base import prepare_text
from mclas_fairseq.corpus.tokenizers.pretrained import PretrainedTokenizer
from mclas_fairseq.errors import DataError
from mclas_fairseq.extras import require
from mclas_fairseq.transformers_loading import PretrainedSource

_REMEDY = (
    "give the folder, or the hub's name, of a BERT- or XLM-R-like checkpoint: config.json and its"
    " tokenizer's files"
)


@dataclass(frozen=True)
class PretrainedCheckpoint:
    """The tokenizer of a pretrained encoder.

    Attributes:
        name: without folders.
        tokenizer: as this package uses it.
        pieces: its vocabulary in the order of the ids, None at ids without a piece; as long as the
            encoder has rows.
        auto: transformers' own tokenizer.
    """

    name: str
    tokenizer: PretrainedTokenizer
    pieces: tuple[Optional[str], ...]
    auto: Any

    @property
    def sha256(self) -> str:
        """Fingerprint of the vocabulary, see `vocabulary_sha256`."""
        return vocabulary_sha256(self.pieces)

    def check_cuts(self, texts: Sequence[str], language: str) -> None:
        """Compare how texts are cut here with how transformers cuts them.

        Raises:
            DataError: a text becomes other ids.
        """
        special = set(self.auto.all_special_ids) - {self.auto.unk_token_id}
        for text in texts:
            expected = self.auto(
                prepare_text(text, language, lowercase=False),
                add_special_tokens=False,
                truncation=False,
                verbose=False,
            )["input_ids"]
            found = self.tokenizer.numbers(self.tokenizer.encode(text, language))
            # Texts that spell a special piece are cut otherwise here, on purpose.
            if found != expected and special.isdisjoint(expected):
                pairs = enumerate(zip_longest(found, expected))
                at = next(number for number, (one, other) in pairs if one != other)
                raise DataError(
                    f"--pretrained {self.name}: its text must become the ids that its own tokenizer"
                    f" gives, but {text[:60]!r} differs at piece {at + 1}: {found[at : at + 3]}"
                    f" instead of {expected[at : at + 3]}; give --vocab or --sentencepiece-model"
                )


def open_pretrained(name_or_path: str) -> PretrainedCheckpoint:
    """Open the tokenizer of a checkpoint.

    Args:
        name_or_path: folder, or name on the hub.

    Raises:
        ConfigError: there is no such folder, or it holds no settings or no tokenizer.
        DataError: its tokenizer is of another kind, or has more pieces than the encoder has rows.
        SetupError: transformers is not installed, or a named checkpoint is neither in its cache nor
            reachable.
    """
    source = PretrainedSource(
        name_or_path,
        subject=f"--pretrained {name_or_path}",
        given_as="--pretrained FOLDER",
        extra="pretrained",
        purpose="--pretrained",
    )
    names = set() if source.folder is None else {file.name for file in source.folder.iterdir()}
    if "sentencepiece.bpe.model" in names and "tokenizer.json" not in names:
        # transformers reads it with protobuf, and complains of another package where that lacks.
        require("google.protobuf", extra="pretrained", purpose=f"--pretrained {name_or_path}")
    rows = getattr(source.config, "vocab_size", None)
    auto = source.tokenizer()
    tokenizer = _tokenizer(name_or_path, auto)
    if not tokenizer.entries():
        raise source.no_tokenizer()
    return PretrainedCheckpoint(
        name=source.name,
        tokenizer=tokenizer,
        pieces=_with_rows(name_or_path, tokenizer.pieces, rows),
        auto=auto,
    )


def vocabulary_sha256(pieces: Sequence[Optional[str]]) -> str:
    """SHA-256 over a vocabulary's pieces in the order of their ids, an absent one being empty."""
    return hashlib.sha256("\n".join(piece or "" for piece in pieces).encode("utf-8")).hexdigest()


def _tokenizer(name: str, auto: Any) -> PretrainedTokenizer:
    backend = getattr(auto, "backend_tokenizer", None)
    if backend is None:
        raise DataError(
            f"--pretrained {name}: its tokenizer must be one of the library tokenizers, but is"
            f" {type(auto).__name__}; {_REMEDY}"
        )
    try:
        return PretrainedTokenizer(backend.to_str())
    except DataError as error:
        raise DataError(f"--pretrained {name}: its tokenizer {error}; {_REMEDY}") from error


def _with_rows(
    name: str, pieces: Sequence[Optional[str]], rows: Optional[int]
) -> tuple[Optional[str], ...]:
    """The pieces, and None for each row of the encoder behind the last of them."""
    if rows is None:
        return tuple(pieces)
    if len(pieces) > rows:
        raise DataError(
            f"--pretrained {name}: each piece of its tokenizer needs a row of the encoder, but"
            f" {len(pieces)} pieces meet {rows} rows (vocab_size in config.json); {_REMEDY}"
        )
    return (*pieces, *[None] * (rows - len(pieces)))

"""The pieces of a given model as tokens: what protocols share that compare ids.

Some papers score what their decoder wrote, ids of word pieces, instead of words. A text is encoded
as a whole, so that ROUGE-1, ROUGE-2 and ROUGE-L see the very ids of the model, and its pieces are
put into sentences by where they start. Signatures hold the beginning of the model's SHA-256: two
models give other numbers.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any, NamedTuple

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.protocols.sentences import split_after_marks
from mclas_fairseq.extras import require

_TOKENIZER_JSON = "tokenizer.json"
_VOCABULARY = "vocab.txt"
_UNKNOWN = "[UNK]"


class Piece(NamedTuple):
    """An id, written as text, and the place in the text where its piece starts."""

    id: str
    start: int


class PieceModel(ABC):
    """What turns a text into ids.

    Attributes:
        unknown: the id of the unknown piece, as text.
        sha256: of the file that defines the model.
    """

    unknown: str
    sha256: str

    @abstractmethod
    def encode(self, text: str) -> list[Piece]:
        """The pieces of a text, without special ones at its ends."""

    def sentences(self, text: str) -> list[list[str]]:
        """The ids of a text, sentence by sentence; sentences without any are left out."""
        ends = list(accumulate(len(sentence) for sentence in split_after_marks(text)))
        groups = groupby(self.encode(text), key=lambda piece: bisect_right(ends, piece.start))
        return [[piece.id for piece in pieces] for _, pieces in groups]

    def unknown_share(self, texts: Iterable[str]) -> float:
        """Share in [0, 1] of the pieces of texts that the model does not know."""
        ids = [piece.id for text in texts for piece in self.encode(text)]
        return ids.count(self.unknown) / len(ids) if ids else 0.0


class WordPieceModel(PieceModel):
    """A word-piece vocabulary of the BERT family.

    Args:
        path: `vocab.txt` (taken as uncased, like multilingual BERT in MCLAS), `tokenizer.json`, or
            a folder with one of them; beside `vocab.txt`, `tokenizer_config.json` may say
            `do_lower_case`.

    Raises:
        DataError: there is nothing of the kind, or it cannot be read.
        SetupError: the package `tokenizers` is not installed.
    """

    def __init__(self, path: Path) -> None:
        file = _find(path, _TOKENIZER_JSON, _VOCABULARY)
        tokenizers = require("tokenizers", extra="pretrained", purpose=f"tokenizer {path}")
        self.sha256 = _sha256(file)
        try:
            if file.name.endswith(".json"):
                self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(file))
            else:
                self._tokenizer = tokenizers.BertWordPieceTokenizer(
                    str(file), lowercase=_is_uncased(file.parent)
                )
        except Exception as error:  # the library raises plain Exceptions
            raise _unreadable(file, error) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        unknown = self._tokenizer.token_to_id(_UNKNOWN)
        if unknown is None:
            raise DataError(
                f"tokenizer {file}: must be a vocabulary of word pieces with {_UNKNOWN}, but has"
                " none; give the one of multilingual BERT"
            )
        self.unknown = str(unknown)

    def encode(self, text: str) -> list[Piece]:
        """The pieces of a text, without [CLS] and [SEP]."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return [
            Piece(str(number), start)
            for number, (start, _) in zip(encoding.ids, encoding.offsets, strict=True)
        ]


class SentencePieceModel(PieceModel):
    """A SentencePiece model.

    Args:
        path: the model's file, or a folder with one file `*.model`.

    Raises:
        DataError: there is nothing of the kind, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        # Imported here because every fairseq command imports the protocols.
        from sentencepiece import SentencePieceProcessor

        file = _find(path, "*.model")
        self.sha256 = _sha256(file)
        try:
            self._model: Any = SentencePieceProcessor(model_file=str(file))
        except (OSError, RuntimeError) as error:
            raise _unreadable(file, error) from error
        self.unknown = str(self._model.unk_id())

    def encode(self, text: str) -> list[Piece]:
        """The pieces of a text."""
        encoding = self._model.encode(text, out_type="offset_mapping")
        return [
            Piece(str(number), start)
            for number, (start, _) in zip(encoding["ids"], encoding["offsets"], strict=True)
        ]


def need_tokenizer(protocol: str, language: str, what: str) -> ConfigError:
    """The error of a protocol that was given no tokenizer; `what` it needs."""
    return ConfigError(
        f"ROUGE protocol {protocol!r} in {language!r}: needs {what}, but none is given; give one"
        " (mclas score and report: --tokenizer PATH, fairseq's commands: --rouge-tokenizer PATH),"
        " or choose another protocol"
    )


def _find(path: Path, *patterns: str) -> Path:
    """The file itself, or the only one of a folder that fits the first pattern that any fits."""
    if path.is_file():
        return path
    wanted = " or ".join(patterns)
    if not path.is_dir():
        raise DataError(
            f"tokenizer {path}: must be a file, or a folder with one {wanted}, but is not there;"
            " correct the path"
        )
    for pattern in patterns:
        found = sorted(path.glob(pattern))
        if len(found) == 1:
            return found[0]
        if found:
            raise DataError(
                f"tokenizer {path}: must hold one {pattern}, but holds"
                f" {', '.join(file.name for file in found)}; give the file"
            )
    raise DataError(
        f"tokenizer {path}: must hold {wanted}, but holds none; give the folder that came with"
        " the model, or the file"
    )


def _unreadable(file: Path, error: Exception) -> DataError:
    return DataError(
        f"tokenizer {file}: must hold the vocabulary of a tokenizer, but cannot be read"
        f" ({error}); give the file that came with the model"
    )


def _is_uncased(folder: Path) -> bool:
    config = folder / "tokenizer_config.json"
    if not config.is_file():
        return True
    return bool(json.loads(config.read_text(encoding="utf-8")).get("do_lower_case", True))


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

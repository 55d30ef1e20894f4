"""Sentencepiece's unigram model: the default tokenizer, needs no words and decodes exactly.

How the model is learned, and why:

- from text balanced over the languages (`mclas_fairseq.corpus.balance`);
- every character of that text becomes a piece (`character_coverage` 1): below 1 the rarest
  characters are cut off, and those are the Chinese ones; unless bytes can spell them;
- no normalisation (`identity`): NFKC would turn `ﬁ`, `²` or full-width punctuation into other
  characters, so that references could never be written; records are NFC already;
- digits are single pieces, so that numbers never seen in training can be copied;
- one thread and a fixed order of the lines: the same text gives the same bytes.

A model that was made elsewhere can be given instead (`--sentencepiece-model`): then its own rules
hold, normalisation and pieces for single bytes included, and its control symbols are left out.

Kudo, "Subword Regularization" (2018, arXiv:1804.10959); Kudo and Richardson, "SentencePiece"
(2018, arXiv:1808.06226). Place in the pipeline: see `mclas_fairseq.corpus.tokenizers.base`.
"""

import io
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Self

import sentencepiece

from mclas_fairseq.corpus.balance import balance_by_repeating, changed_lines
from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.corpus.tokenizers.base import (
    Tokenizer,
    is_reserved,
    prepare_text,
    read_description,
    read_file,
    write_file,
)
from mclas_fairseq.errors import DataError

logger = logging.getLogger(__name__)

MODEL_FILE = "sentencepiece.model"
BYTES_PER_LANGUAGE = 6_000_000  # more text changed German by under 0.01 pieces a word

_SPACE = "\u2581"  # sentencepiece writes a space like this
_ESCAPE = "\u241b"  # so this character has to mark one that stands in the text itself
_ESCAPED = re.compile(f"{_ESCAPE}([{_ESCAPE}_])")
_TOO_HIGH = re.compile(r"Vocabulary size too high \(\d+\).*?<= ?(\d+)", re.DOTALL)
_TOO_LOW = re.compile(r"Vocabulary size is smaller than required_chars\. \d+ vs (\d+)")
_COVERED_BESIDE_BYTES = 0.9995  # of the text's characters: the rest is spelled by bytes
_UNKNOWN_PIECES = 1  # sentencepiece counts its own unknown symbol, we do not


class SentencepieceTokenizer(Tokenizer):
    """Pieces of a sentencepiece model.

    Args:
        model: the serialised sentencepiece model.
        lowercase: whether `encode` lower-cases its text.
    """

    name = "sentencepiece"

    def __init__(self, model: bytes, *, lowercase: bool) -> None:
        super().__init__(lowercase=lowercase)
        self._model = model
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        self._pieces = _text_pieces(self._processor)
        self._known = frozenset(self._pieces)
        self._bytes = _byte_pieces(self._processor)

    def _segment(self, text: str, language: str) -> list[str]:
        found: list[str] = self._processor.encode(_escape(text), out_type=str)
        if self._known.issuperset(found):
            return found
        pieces: list[str] = []
        for piece in found:
            if piece in self._known:
                pieces.append(piece)
            else:
                # A run of unknown characters, or a piece that would read as a special symbol.
                # Single characters can be neither.
                pieces.extend(piece)
        return pieces

    def decode(self, pieces: Sequence[str], language: str) -> str:
        """Return the text of `pieces`, exactly as it was encoded."""
        joined = "".join(self._join_bytes(pieces) if self._bytes else pieces)
        text = normalize_text(joined.replace(_SPACE, " "))
        return _ESCAPED.sub(lambda match: match[1].replace("_", _SPACE), text)

    def _join_bytes(self, pieces: Sequence[str]) -> Iterator[str]:
        """Yield the pieces, each run of byte pieces as the characters that it spells."""
        for are_bytes, run in groupby(pieces, self._bytes.__contains__):
            if are_bytes:
                yield bytes(self._bytes[piece] for piece in run).decode("utf-8", errors="replace")
            else:
                yield from run

    def entries(self) -> list[str]:
        """Return all pieces in the model's order, control symbols left out."""
        return list(self._pieces)

    def _save_model(self, folder: Path) -> None:
        write_file(folder / MODEL_FILE, self._model)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `sentencepiece.model` and `tokenizer.json` from `folder`."""
        lowercase = bool(read_description(folder)["lowercase"])
        path = folder / MODEL_FILE
        remedy = "prepare the data-bin again with mclas prepare"
        return cls._from_bytes(read_file(path), path, remedy, lowercase=lowercase)

    @classmethod
    def from_file(cls, path: Path, *, lowercase: bool) -> Self:
        """Take the model that a user gives; its pieces become the dictionary.

        Raises:
            DataError: the file cannot be read or is no sentencepiece model.
        """
        remedy = "give a .model file that sentencepiece wrote with --sentencepiece-model"
        try:
            model = path.read_bytes()
        except OSError as error:
            raise DataError(
                f"{path}: --sentencepiece-model must name a readable file, but reading it failed"
                f" ({error.strerror}); check name and rights"
            ) from error
        return cls._from_bytes(model, path, remedy, lowercase=lowercase)

    @classmethod
    def _from_bytes(cls, model: bytes, path: Path, remedy: str, *, lowercase: bool) -> Self:
        try:
            if model:  # sentencepiece takes an empty one for "none given"
                return cls(model, lowercase=lowercase)
        except RuntimeError:
            pass
        raise DataError(
            f"{path}: must be a sentencepiece model, but cannot be read as one; {remedy}"
        )

    @classmethod
    def train(
        cls,
        texts: Mapping[str, Iterable[str]],
        *,
        vocab_size: int,
        lowercase: bool,
        byte_fallback: bool = False,
        bytes_per_language: int = BYTES_PER_LANGUAGE,
    ) -> Self:
        """Learn `vocab_size` pieces from `texts`, balanced over the languages.

        With `byte_fallback` 256 of them stand for single bytes, so that text of any script can be
        spelled, and the rarest characters (5 in 10,000) get no piece of their own. At most about
        `bytes_per_language` bytes of a language are learned from.

        Raises `DataError` if the text is too small, or has too many characters, for `vocab_size`.
        """
        prepared = {
            language: changed_lines(_escape, changed_lines(_preparing(language, lowercase), lines))
            for language, lines in texts.items()
        }
        lines = balance_by_repeating(prepared, bytes_per_language)
        model = _train_model(lines, vocab_size, byte_fallback=byte_fallback)
        tokenizer = cls(model, lowercase=lowercase)
        single = sum(len(piece) == 1 for piece in tokenizer._pieces)
        if 2 * single > vocab_size:
            logger.warning(
                "tokenizer: %d of %d pieces are single characters; a larger --vocab-size would "
                "cut words into fewer pieces",
                *(single, vocab_size),
            )
        return tokenizer


def _text_pieces(processor: sentencepiece.SentencePieceProcessor) -> list[str]:
    """Return the pieces that text can be cut into, in the model's order."""
    pieces = []
    for index in range(processor.get_piece_size()):
        piece = processor.id_to_piece(index)
        is_symbol = processor.is_control(index) or processor.is_unknown(index)
        # White space inside a piece (a given model may have such) could not be stored.
        is_stored = piece.split() == [piece] and not is_reserved(piece)
        if is_stored and not (is_symbol or processor.is_unused(index)):
            pieces.append(piece)
    return pieces


def _byte_pieces(processor: sentencepiece.SentencePieceProcessor) -> dict[str, int]:
    """Return the pieces that stand for single bytes, with their bytes; ours has none."""
    ids = filter(processor.is_byte, range(processor.get_piece_size()))
    pieces = [processor.id_to_piece(index) for index in ids]
    return {piece: int(piece[1:-1], 16) for piece in pieces}  # written <0x0A>


def _preparing(language: str, lowercase: bool) -> Callable[[str], str]:
    return partial(prepare_text, language=language, lowercase=lowercase)


def _escape(text: str) -> str:
    """Return `text` with a mark for each character that means a space to sentencepiece."""
    return text.replace(_ESCAPE, _ESCAPE * 2).replace(_SPACE, f"{_ESCAPE}_")


def _train_model(lines: list[str], vocab_size: int, *, byte_fallback: bool) -> bytes:
    """Return the serialised model that sentencepiece learns from `lines`."""
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocab_size + _UNKNOWN_PIECES,
            character_coverage=_COVERED_BESIDE_BYTES if byte_fallback else 1.0,
            normalization_rule_name="identity",
            remove_extra_whitespaces=True,
            split_digits=True,
            byte_fallback=byte_fallback,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            input_sentence_size=0,
            shuffle_input_sentence=False,
            # Longer lines would be dropped silently.
            max_sentence_length=max(len(line.encode("utf-8")) for line in lines) + 1,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise _training_error(str(error), vocab_size) from error
    return model.getvalue()


def _training_error(message: str, vocab_size: int) -> DataError:
    """Turn sentencepiece's complaint into one that names our flag and a value that works."""
    if found := _TOO_HIGH.search(message):
        return DataError(
            f"tokenizer: sentencepiece cannot make {vocab_size} pieces of this text; "
            f"use --vocab-size {int(found[1]) - _UNKNOWN_PIECES} or less, or give more text"
        )
    if found := _TOO_LOW.search(message):
        return DataError(
            f"tokenizer: sentencepiece needs a piece for each character of the text, "
            f"{vocab_size} are too few; use --vocab-size {int(found[1]) - _UNKNOWN_PIECES} or more"
        )
    return DataError(f"tokenizer: sentencepiece could not learn {vocab_size} pieces: {message}")

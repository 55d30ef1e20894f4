"""Tokenizers: `sentencepiece` (default), `bpe`, `words` and `wordpiece`, by name.

A pretrained encoder brings its own, see `pretrained_checkpoint.open_pretrained`.

Place in the pipeline: `mclas prepare` learns one with `train_tokenizer` (or takes a model made
elsewhere with `open_given_tokenizer`, or adds languages to an earlier one with `extend_tokenizer`)
and keeps it in the data-bin; everything later reads it back with `load_tokenizer`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mclas_fairseq.corpus.tokenizers.base import (
    SEPARATOR,
    TASK_TAGS,
    UNKNOWN,
    Tokenizer,
    load_tokenizer,
    split_at_target,
    target_separator,
    without_symbols,
)
from mclas_fairseq.corpus.tokenizers.bpe import BpeTokenizer
from mclas_fairseq.corpus.tokenizers.extended import ExtendedTokenizer, extend_tokenizer
from mclas_fairseq.corpus.tokenizers.pretrained import PretrainedTokenizer
from mclas_fairseq.corpus.tokenizers.subword_sentencepiece import SentencepieceTokenizer
from mclas_fairseq.corpus.tokenizers.wordpiece import WordpieceTokenizer
from mclas_fairseq.corpus.tokenizers.words import WordTokenizer
from mclas_fairseq.errors import ConfigError

_CLASSES: tuple[type[Tokenizer], ...] = (
    SentencepieceTokenizer,
    BpeTokenizer,
    WordTokenizer,
    WordpieceTokenizer,
)
TOKENIZERS: Mapping[str, type[Tokenizer]] = {kind.name: kind for kind in _CLASSES}
_GIVEN: Mapping[str, type[SentencepieceTokenizer] | type[WordpieceTokenizer]] = {
    SentencepieceTokenizer.name: SentencepieceTokenizer,
    WordpieceTokenizer.name: WordpieceTokenizer,
}

__all__ = [
    "SEPARATOR",
    "TASK_TAGS",
    "TOKENIZERS",
    "UNKNOWN",
    "ExtendedTokenizer",
    "PretrainedTokenizer",
    "SentencepieceTokenizer",
    "Tokenizer",
    "extend_tokenizer",
    "load_tokenizer",
    "open_given_tokenizer",
    "split_at_target",
    "target_separator",
    "train_tokenizer",
    "without_symbols",
]


def train_tokenizer(
    name: str, texts: Mapping[str, Iterable[str]], *, vocab_size: int, lowercase: bool
) -> Tokenizer:
    """Learn the tokenizer `name` from `texts` (language to lines), balanced over the languages.

    Lines may be gone through more than once and need not be held, see `corpus.balance.Lines`.

    `vocab_size` is the number of pieces for `sentencepiece`, of merges for `bpe`; `words`
    ignores it. Raises `ConfigError` for an unknown name or a size below 1, `DataError` where the
    text does not suffice.
    """
    if name not in TOKENIZERS:
        raise ConfigError(
            f"tokenizer: must be one of {', '.join(TOKENIZERS)}, found {name!r}; set --tokenizer"
        )
    if vocab_size < 1:
        raise ConfigError(
            f"vocabulary size: must be at least 1, found {vocab_size}; set --vocab-size"
        )
    return TOKENIZERS[name].train(texts, vocab_size=vocab_size, lowercase=lowercase)


def open_given_tokenizer(name: str, path: Path, *, lowercase: bool) -> Tokenizer:
    """Take a model made elsewhere: a sentencepiece model, or BERT's `vocab.txt` for `wordpiece`.

    Raises `ConfigError` for a tokenizer that has no such files, `DataError` for a bad file.
    """
    if name not in _GIVEN:
        raise ConfigError(
            f"tokenizer {name}: is learned, never given, but {path} is; leave it out, or set"
            f" --tokenizer to one of {', '.join(_GIVEN)}"
        )
    return _GIVEN[name].from_file(path, lowercase=lowercase)

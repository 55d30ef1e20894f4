"""The tokenizer of a data-bin: learned, given, or an earlier data-bin's, as it is or extended."""

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import compress
from pathlib import Path

from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.pretrained import check_lined_up
from mclas_fairseq.binarize.spool import SpooledSplit
from mclas_fairseq.corpus.balance import Lines
from mclas_fairseq.corpus.subsets import draw_subset
from mclas_fairseq.corpus.tokenizers import (
    PretrainedTokenizer,
    Tokenizer,
    extend_tokenizer,
    load_tokenizer,
    open_given_tokenizer,
    train_tokenizer,
)
from mclas_fairseq.data.data_bin import DICTIONARY_FILE, TOKENIZER_FOLDER, DataBin
from mclas_fairseq.errors import DataError


def learn_tokenizer(
    train: SpooledSplit,
    sides: dict[str, str],
    options: TokenizerOptions,
    learned: list[bool],
    folder: Path,
) -> Tokenizer:
    """Learn a tokenizer from the training text, and save it into a data-bin.

    Args:
        train: the training split.
        sides: side -> language; all of them are learned from.
        options: which tokenizer, of what size.
        learned: whether it may learn from each row.
        folder: of the data-bin.

    Returns:
        The tokenizer as read back from the folder, the very one that later readers get.
    """
    tokenizer = train_tokenizer(
        options.name,
        _texts_by_language(train, sides, learned),
        vocab_size=options.vocab_size,
        lowercase=options.lowercase,
    )
    return _saved(tokenizer, folder)


def take_given(options: TokenizerOptions, model: Path, folder: Path) -> Tokenizer:
    """Save a tokenizer made elsewhere into a data-bin.

    Args:
        options: of what kind it is, and whether text is lower-cased.
        model: sentencepiece's, or BERT's `vocab.txt`.
        folder: of the data-bin.

    Raises:
        DataError: the file cannot be read, or is not of this kind.
    """
    tokenizer = open_given_tokenizer(options.name, model, lowercase=options.lowercase)
    return _saved(tokenizer, folder)


def extend_earlier(
    like: DataBin,
    train: SpooledSplit,
    sides: dict[str, str],
    options: PrepareOptions,
    learned: list[bool],
    folder: Path,
) -> Tokenizer:
    """Add languages to an earlier data-bin's tokenizer and save the result into a data-bin.

    Raises:
        DataError: a language is none that could be added: the earlier data-bin has it.
    """
    had = sorted(like.languages.intersection(options.extend))
    if had:
        raise DataError(
            f"--extend {','.join(options.extend)}: adds languages that {like.folder} does not have,"
            f" but {', '.join(had)} is one of its own, whose text is cut as before; leave it out"
        )
    chosen = {side: language for side, language in sides.items() if language in options.extend}
    texts = {language: Lines(lambda: iter(())) for language in options.extend}
    texts.update(_texts_by_language(train, chosen, learned))
    tokenizer = extend_tokenizer(
        like.tokenizer,
        texts,
        vocab_size=options.tokenizer.vocab_size,
        known=frozenset(like.dictionary.symbols),
    )
    return _saved(tokenizer, folder)


def _saved(tokenizer: Tokenizer, folder: Path) -> Tokenizer:
    """As read back from the data-bin, so that it is the one that later readers get."""
    tokenizer.save(folder / TOKENIZER_FOLDER)
    return load_tokenizer(folder / TOKENIZER_FOLDER)


def take_over(like: DataBin, folder: Path) -> Tokenizer:
    """Copy tokenizer and dictionary of an earlier data-bin, byte for byte."""
    shutil.copytree(like.folder / TOKENIZER_FOLDER, folder / TOKENIZER_FOLDER)
    shutil.copyfile(like.folder / DICTIONARY_FILE, folder / DICTIONARY_FILE)
    tokenizer = load_tokenizer(folder / TOKENIZER_FOLDER)
    if isinstance(tokenizer, PretrainedTokenizer):
        check_lined_up(like.dictionary, tokenizer, f"--like {like.folder}")
    return tokenizer


def learned_rows(train: SpooledSplit, options: TokenizerOptions) -> list[bool]:
    """Mark the training rows that the tokenizer may learn from.

    All, or with a subset: the drawn triples, and what is no complete triple (a monolingual corpus
    is at hand in the low-resource setting too).

    Raises:
        DataError: there are fewer complete triples than asked for.
    """
    if options.subset_size is None:
        return [True] * len(train.ids)
    triples = list(compress(train.ids, train.is_triple))
    drawn = set(draw_subset(triples, options.subset_size, options.subset_seed))
    return [
        not is_triple or item in drawn
        for item, is_triple in zip(train.ids, train.is_triple, strict=True)
    ]


def _texts_by_language(
    train: SpooledSplit, sides: dict[str, str], learned: list[bool]
) -> dict[str, Lines]:
    """The texts of each language, read anew from the files each time they are gone through."""
    files: dict[str, list[Path]] = {}
    for side, language in sides.items():
        files.setdefault(language, []).append(train.raw_file(side))
    return {
        language: Lines(partial(_texts, raw_files, learned))
        for language, raw_files in files.items()
    }


def _texts(raw_files: Sequence[Path], learned: Sequence[bool]) -> Iterator[str]:
    for raw_file in raw_files:
        with raw_file.open(encoding="utf-8", newline="\n") as lines:
            for line in compress(lines, learned):
                if text := line.removesuffix("\n"):
                    yield text

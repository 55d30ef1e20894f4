"""`mclas prepare-text`: raw text of several languages becomes a data-bin to pretrain on.

Passes: a tokenizer is learned from the same amount of text of each language (sentencepiece, bytes
for what it cannot spell); each document is cut and written to the side of its language, in training
or validation (`raw_text`, `data/text_sides.py`); what each language uses becomes its vocabulary.
The manifest closes the folder, which only then gets its name (`staging`).

Texts are streamed: memory holds the text that the tokenizer learns from, and 4 bytes a document.
`text_shards` does the second pass in shards, on several machines.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from fairseq.data import Dictionary
from tqdm import tqdm

from mclas_fairseq.binarize.dictionary import (
    add_target_separators,
    build_dictionary,
    write_dictionary,
)
from mclas_fairseq.binarize.encode import EncodeBlocks, block_encoder, encode_texts
from mclas_fairseq.binarize.provenance import digest, versions
from mclas_fairseq.binarize.raw_text import (
    Documents,
    is_set_aside,
    read_documents,
    read_paragraphs,
)
from mclas_fairseq.binarize.staging import check_free, staged_folder
from mclas_fairseq.corpus.balance import Lines
from mclas_fairseq.corpus.languages import check_language
from mclas_fairseq.corpus.tokenizers import SentencepieceTokenizer
from mclas_fairseq.corpus.tokenizers.base import is_byte_piece
from mclas_fairseq.data.data_bin import (
    DICTIONARY_FILE,
    TOKENIZER_FOLDER,
    dictionary_fingerprint,
    vocabulary_file,
)
from mclas_fairseq.data.integrity import describe_files
from mclas_fairseq.data.language_vocabulary import LanguageVocabulary
from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.data.text_sides import TextWriter, text_side
from mclas_fairseq.errors import ConfigError, DataError

logger = logging.getLogger(__name__)

TRAIN, VALID = "train", "valid"
_MULTIPLE = 8  # of dictionary entries, for the sake of matrix products


@dataclass(frozen=True)
class TextOptions:
    """One call of `mclas prepare-text`.

    Attributes:
        texts: language -> files of raw text.
        out: the data-bin to make.
        commands: entries of the dictionary beside the pieces of text.
        documents: what ends a document in a file.
        valid_share: share of the documents that validation gets.
        vocab_size: pieces of the tokenizer, those of 256 bytes among them.
        tokenizer_bytes: text of each language that the tokenizer learns from, in bytes.
        workers: processes that cut text to pieces.
        overwrite: whether an existing data-bin at `out` is replaced.
    """

    texts: Mapping[str, tuple[Path, ...]]
    out: Path
    commands: tuple[str, ...] = ()
    documents: Documents = Documents.EMPTY_LINES
    valid_share: float = 0.01
    vocab_size: int = 16000
    tokenizer_bytes: int = 2_000_000
    workers: int = 1
    overwrite: bool = False

    def check(self) -> None:
        """Check what can be checked without reading text.

        Raises:
            ConfigError: a number is out of range, or there is no text.
            DataError: a language code is unknown.
        """
        if not self.texts:
            raise ConfigError("--text: text of one language at least is needed, none is given")
        for language in self.texts:
            check_language(language, "--text")
        if not 0 < self.valid_share < 1:
            raise ConfigError(
                f"--valid-share: must lie between 0 and 1, but is {self.valid_share:g}; give 0.01"
            )
        numbers = {
            "--vocab-size": (self.vocab_size, 300),  # 256 bytes, and some pieces of text
            "--tokenizer-bytes": (self.tokenizer_bytes, 1),
            "--workers": (self.workers, 1),
        }
        for flag, (value, least) in numbers.items():
            if value < least:
                raise ConfigError(f"{flag}: must be at least {least}, but is {value}")


@dataclass(frozen=True)
class LanguageReport:
    """What was written of a language.

    Attributes:
        language: its code.
        documents: split -> documents.
        tokens: split -> tokens, the marks of documents' ends included.
        entries: dictionary entries that its training text uses.
        bytes_spelled: share, 0 to 1, of the training tokens that stand for a byte.
    """

    language: str
    documents: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    bytes_spelled: float = 0.0


# Writes the documents of a language into its sides, by split.
Fill = Callable[[str, Mapping[str, TextWriter]], None]


def prepare_text(options: TextOptions) -> list[LanguageReport]:
    """Make a data-bin of plain text; it is whole or not there.

    Raises:
        ConfigError: the options contradict one another.
        DataError: a file is not as it must be, or has too little text.
    """
    options.check()
    check_free(options.out, overwrite=options.overwrite)
    inputs = digest_inputs(options)
    with staged_folder(options.out, overwrite=options.overwrite) as folder:
        dictionary = learn(options, folder)
        with block_encoder(folder / TOKENIZER_FOLDER, options.workers) as encode:
            fill = partial(_encode_and_write, options, encode, dictionary)
            return write_data_bin(options, folder, dictionary, inputs, fill)


def digest_inputs(options: TextOptions) -> dict[str, str]:
    """SHA-256 of each file, by language, number and name."""
    return {
        f"{language}/{number}/{file.name}": digest(file)
        for language, files in options.texts.items()
        for number, file in enumerate(files, start=1)
    }


def write_data_bin(
    options: TextOptions,
    folder: Path,
    dictionary: Dictionary,
    inputs: dict[str, str],
    fill: Fill,
) -> list[LanguageReport]:
    """Write everything but the tokenizer into the folder of a data-bin.

    Args:
        options: of the call.
        folder: of the data-bin, with the tokenizer.
        dictionary: of the tokenizer; it gets the counts.
        inputs: as `digest_inputs` gives them.
        fill: writes the documents of a language.

    Raises:
        DataError: a split of a language has no document.
    """
    totals = np.zeros(len(dictionary), dtype=np.int64)
    reports = []
    for language in options.texts:
        report, counts = _write_language(language, dictionary, folder, fill)
        reports.append(report)
        totals += counts
    dictionary.count = totals.tolist()
    write_dictionary(dictionary, folder / DICTIONARY_FILE)
    manifest = _manifest(options, dictionary, reports, inputs)
    replace(manifest, files=describe_files(folder)).save(folder)
    return reports


def learn(options: TextOptions, folder: Path) -> Dictionary:
    """Learn the tokenizer and save it in a folder; see `text_dictionary` for what is returned.

    Raises:
        DataError: a piece of text reads as a command, or there is too little text.
    """
    logger.info("learning the tokenizer (sentencepiece, %d pieces)", options.vocab_size)
    texts = {
        language: Lines(partial(read_paragraphs, files))
        for language, files in options.texts.items()
    }
    tokenizer = SentencepieceTokenizer.train(
        texts,
        vocab_size=options.vocab_size,
        lowercase=False,
        byte_fallback=True,
        bytes_per_language=options.tokenizer_bytes,
    )
    tokenizer.save(folder / TOKENIZER_FOLDER)
    entries = tokenizer.entries()
    taken = sorted(set(options.commands).intersection(entries))
    if taken:
        raise DataError(
            f"--text: no piece of text may read as a command, but the tokenizer learned {taken[0]},"
            " which stands often in the text; take it out of the text"
        )
    return text_dictionary(entries, tuple(options.texts), options.commands)


def text_dictionary(
    entries: Sequence[str], languages: Sequence[str], commands: Sequence[str]
) -> Dictionary:
    """Pieces, `[LSEP]`, the separators of languages, commands; filled up to a multiple of 8.

    Its occurrences are still to be counted.
    """
    dictionary = build_dictionary(entries, counts=Counter(), limit=None)
    add_target_separators(dictionary, languages)
    for command in commands:
        dictionary.add_symbol(command, n=0)
    dictionary.pad_to_multiple_(_MULTIPLE)
    return dictionary


def _encode_and_write(
    options: TextOptions,
    encode: EncodeBlocks,
    dictionary: Dictionary,
    language: str,
    sides: Mapping[str, TextWriter],
) -> None:
    """Cut the documents of a language to pieces and write them."""
    documents = read_documents(options.texts[language], options.documents)
    bar = tqdm(desc=f"tokenise {language}", unit=" documents", disable=None)
    for document, pieces in encode_texts(encode, documents, language):
        if pieces:
            side = sides[split_of(document, options.valid_share)]
            side.add([dictionary.indices[piece] for piece in pieces])
        bar.update()
    bar.close()


def split_of(document: str, valid_share: float) -> str:
    """The split that a document belongs to."""
    return VALID if is_set_aside(document, valid_share) else TRAIN


def _write_language(
    language: str, dictionary: Dictionary, folder: Path, fill: Fill
) -> tuple[LanguageReport, "np.ndarray"]:
    """Write both sides of a language and its vocabulary.

    Returns:
        What was written, and the occurrences of each entry in training, (V,).
    """
    with ExitStack() as stack:
        sides = {
            split: stack.enter_context(
                TextWriter(
                    folder,
                    split,
                    text_side(language),
                    entries=len(dictionary),
                    eos=dictionary.eos(),
                )
            )
            for split in (TRAIN, VALID)
        }
        fill(language, sides)
    for split, side in sides.items():
        if not side.documents:
            raise DataError(
                f"--text {language}: each split must have a document at least, {split} has none of"
                " it; give more text, or another --valid-share"
            )
    counts = sides[TRAIN].counts
    seen = np.flatnonzero(counts).tolist()
    vocabulary = LanguageVocabulary.from_counts(language, seen, dictionary)
    vocabulary.save(folder / vocabulary_file(language))
    spelled = [number for piece, number in dictionary.indices.items() if is_byte_piece(piece)]
    report = LanguageReport(
        language,
        {split: side.documents for split, side in sides.items()},
        {split: side.tokens for split, side in sides.items()},
        len(seen),
        float(counts[spelled].sum() / counts.sum()),
    )
    return report, counts


def _manifest(
    options: TextOptions,
    dictionary: Dictionary,
    reports: Sequence[LanguageReport],
    inputs: dict[str, str],
) -> Manifest:
    first, *others = options.texts
    return Manifest(
        source_lang=first,
        target_langs=tuple(others),
        tokenizer=SentencepieceTokenizer.name,
        lowercase=False,
        counts={
            split: {text_side(each.language): each.documents[split] for each in reports}
            for split in (TRAIN, VALID)
        },
        inputs=inputs,
        dictionary_sha256=dictionary_fingerprint(dictionary),
        versions=versions(),
    )

"""A data-bin on disk: `fairseq-preprocess` output for each side, and what belongs to it.

dict.txt                                   one dictionary for all sides, `[LSEP]` in it
SPLIT.SIDE-None.SIDE.{bin,idx}             sides: document, summary-LANG, translation-LANG,
question-LANG; an absent text is a lone EOS
tokenizer/                                 the tokenizer's files
vocabulary.LANG.txt                        the language vocabulary of each summary language
ids.SPLIT.txt                              the records' ids in row order
references.SPLIT.jsonl                     raw references of validation and test, in row order
left_out.train.jsonl                       ids of records left out on demand, and why (if any)
manifest.json                              written last; size and SHA-256 of all others in it

Every file is read as one that may be damaged or of another data-bin: that is one error, which names
the file (`mclas_fairseq.data.integrity`).
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fairseq.data import Dictionary, data_utils
from fairseq.data.fairseq_dataset import FairseqDataset

from mclas_fairseq.corpus.tokenizers import (
    SEPARATOR,
    Tokenizer,
    load_tokenizer,
    target_separator,
)
from mclas_fairseq.data.indexed_dictionary import load_dictionary
from mclas_fairseq.data.integrity import REMEDY, check_content, check_side, check_sizes
from mclas_fairseq.data.language_ids import LanguageIds
from mclas_fairseq.data.language_vocabulary import LanguageVocabulary
from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.errors import DataError, first_line

DICTIONARY_FILE = "dict.txt"
TOKENIZER_FOLDER = "tokenizer"
DOCUMENT_SIDE = "document"
SPLITS = ("train", "valid", "test")


def summary_side(language: str) -> str:
    """Name of the side that holds the summaries in `language`."""
    return f"summary-{language}"


def translation_side(language: str) -> str:
    """Name of the side that holds the documents' translations into `language`."""
    return f"translation-{language}"


def question_side(language: str) -> str:
    """Name of the side that holds questions about the documents in `language`."""
    return f"question-{language}"


def side_prefix(split: str, side: str) -> str:
    """File name, without suffix, that `fairseq-preprocess --only-source` gives to a side."""
    return f"{split}.{side}-None.{side}"


def vocabulary_file(language: str) -> str:
    """File name of a language vocabulary."""
    return f"vocabulary.{language}.txt"


def ids_file(split: str) -> str:
    """File name of a split's record ids."""
    return f"ids.{split}.txt"


def left_out_file(split: str) -> str:
    """File name of the records that were left out of a split on demand."""
    return f"left_out.{split}.jsonl"


def references_file(split: str) -> str:
    """File name of a split's raw references."""
    return f"references.{split}.jsonl"


def dictionary_fingerprint(dictionary: Dictionary) -> str:
    """SHA-256 over the dictionary's symbols in order: same size in another order differs."""
    return fingerprint_of(dictionary.symbols)


def fingerprint_of(symbols: Sequence[str]) -> str:
    """`dictionary_fingerprint` of the dictionary that has these symbols."""
    return hashlib.sha256("\n".join(symbols).encode("utf-8")).hexdigest()


@dataclass(frozen=True)
class DataBin:
    """An opened data-bin. What is large is read when it is asked for."""

    folder: Path
    manifest: Manifest
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(cls, folder: Path) -> "DataBin":
        """Open a data-bin.

        Raises:
            DataError: it is not one, is not whole, or its dictionary was exchanged.
        """
        data_bin = cls(folder, Manifest.load(folder))
        check_sizes(folder, data_bin.manifest)
        data_bin.check_dictionary()
        return data_bin

    def check_dictionary(self) -> None:
        """Compare the dictionary with the fingerprint in the manifest.

        Raises:
            DataError: it was exchanged.
        """
        found = dictionary_fingerprint(self.dictionary)
        if found != self.manifest.dictionary_sha256:
            raise DataError(
                f"data-bin {self.folder}: {DICTIONARY_FILE} must be the one it was made with "
                f"({self.manifest.dictionary_sha256[:12]}), found {found[:12]}; "
                "prepare it again"
            )

    @cached_property
    def dictionary(self) -> Dictionary:
        """The one dictionary of all sides."""
        path = self.folder / DICTIONARY_FILE
        if not path.is_file():
            raise DataError(
                f"data-bin {self.folder}: {DICTIONARY_FILE} is missing; prepare it again"
            )
        try:
            dictionary = load_dictionary(path)
        except Exception as error:  # fairseq raises a bare Exception for what is not UTF-8
            raise DataError(
                f"{path}: must be a dictionary as mclas prepare wrote it, but cannot be read"
                f" ({first_line(error)}); {REMEDY}"
            ) from error
        if SEPARATOR not in dictionary:
            raise DataError(
                f"data-bin {self.folder}: the dictionary must hold the separator {SEPARATOR}, "
                "it does not; prepare it again with mclas prepare"
            )
        return dictionary

    @property
    def separator(self) -> int:
        """Dictionary id of `[LSEP]`."""
        return int(self.dictionary.index(SEPARATOR))

    def target_separator(self, language: str) -> int:
        """Dictionary id of the separator of one of several target languages, as in `[LSEP:de]`.

        Raises:
            DataError: the dictionary has none for this language.
        """
        symbol = target_separator(language)
        if symbol not in self.dictionary:
            raise DataError(
                f"data-bin {self.folder}: several target languages in one decoder need a separator"
                f" each, but its dictionary lacks {symbol}; prepare it again with mclas prepare"
                " --target-lang naming them all (--like keeps an earlier dictionary as it is;"
                " --extend, which adds a language to it, adds all separators as well)"
            )
        return int(self.dictionary.index(symbol))

    @cached_property
    def language_ids(self) -> LanguageIds | None:
        """The language ids of mBART's dictionary; None of any other."""
        return LanguageIds.find(self.dictionary)

    def language_id(self, language: str) -> int | None:
        """What documents in a language end with behind EOS; None with any dictionary but mBART's.

        Raises:
            DataError: mBART has no id for the language.
        """
        return None if self.language_ids is None else self.language_ids.number(language)

    def start(self, language: str) -> int:
        """What the decoder reads before a summary in a language: its id with mBART, else BOS."""
        number = self.language_id(language)
        return int(self.dictionary.bos()) if number is None else number

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made the data-bin."""
        return load_tokenizer(self.folder / TOKENIZER_FOLDER)

    def vocabulary(self, language: str) -> LanguageVocabulary:
        """The language vocabulary counted over all training summaries.

        Raises:
            DataError: there is none for this language.
        """
        return LanguageVocabulary.load(self.folder / vocabulary_file(language), language)

    @property
    def languages(self) -> set[str]:
        """Languages that its tokenizer was made for: its own, and those it was extended from."""
        prefix, suffix = vocabulary_file("*").split("*")
        names = (path.name for path in self.folder.glob(vocabulary_file("*")))
        listed = {name.removeprefix(prefix).removesuffix(suffix) for name in names}
        return listed | {self.manifest.source_lang, *self.manifest.target_langs}

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that are there."""
        return tuple(split for split in SPLITS if (self.folder / ids_file(split)).is_file())

    def ids(self, split: str) -> list[str]:
        """The records' ids of a split, in row order.

        Raises:
            DataError: the split is not there.
        """
        path = self.folder / ids_file(split)
        if not path.is_file():
            raise DataError(
                f"data-bin {self.folder}: split {split!r} is not in it, it has "
                f"{', '.join(self.splits) or 'none'}; give --{split} to mclas prepare"
            )
        key = f"ids {split}"
        if key not in self._kept:
            self._kept[key] = self._read_ids(split, path)
        kept: list[str] = self._kept[key]
        return kept

    def _read_ids(self, split: str, path: Path) -> list[str]:
        try:
            ids = path.read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: must be readable UTF-8, but {error}; {REMEDY}") from error
        documents = self.manifest.counts.get(split, {}).get("documents", len(ids) - 1)
        if ids.pop() or len(ids) != documents:
            raise DataError(
                f"{path}: must hold the ids of {documents:,} documents, one a line, but holds"
                f" {len(ids):,}; {REMEDY}"
            )
        return ids

    def references(self, split: str) -> list[dict[str, tuple[str, ...]]]:
        """Raw references of each record of a split, language -> references, in row order.

        Raises:
            DataError: no references are kept for this split (training has none).
        """
        if split not in self._kept:
            self._kept[split] = self._read_references(split)
        kept: list[dict[str, tuple[str, ...]]] = self._kept[split]
        return kept

    def _read_references(self, split: str) -> list[dict[str, tuple[str, ...]]]:
        path = self.folder / references_file(split)
        if not path.is_file():
            raise DataError(
                f"data-bin {self.folder}: raw references are kept for valid and test, "
                f"not for {split!r}"
            )
        try:
            with path.open(encoding="utf-8") as lines:
                rows = [json.loads(line) for line in lines]
            found = [row["id"] for row in rows]
            summaries = [
                {language: tuple(map(_text, texts)) for language, texts in row["summary"].items()}
                for row in rows
            ]
        except (OSError, ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
            raise DataError(
                f"{path}: must hold one JSON object a line, with id and summaries, but does not"
                f" ({first_line(error)}); {REMEDY}"
            ) from error
        if found != self.ids(split):
            raise DataError(
                f"{path}: must hold the references of the documents that {ids_file(split)} lists,"
                f" in that order, but does not; {REMEDY}"
            )
        return summaries

    def side(self, split: str, side: str) -> FairseqDataset | None:
        """One binarised side of a split; None when the corpus has no such texts.

        Raises:
            DataError: it is damaged or of another data-bin.
        """
        prefix = side_prefix(split, side)
        counted = side in self.manifest.counts.get(split, {})
        if not counted and not (self.folder / f"{prefix}.idx").is_file():
            return None
        key = f"checked {prefix}"
        if key not in self._kept:
            entries = len(self.dictionary)
            check_side(self.folder, self.manifest, split, side, prefix, entries=entries)
            self._kept[key] = True
        return data_utils.load_indexed_dataset(str(self.folder / prefix), self.dictionary)

    def check_everything(self) -> Iterator[str]:
        """Check every file, content included, and yield the name of each that is right.

        Raises:
            DataError: at the first that is damaged or of another data-bin.
        """
        self.check_dictionary()
        yield from check_content(self.folder, self.manifest, self.manifest.files)
        for split in self.splits:
            self.ids(split)
            yield ids_file(split)
            if (self.folder / references_file(split)).is_file():
                self.references(split)
                yield references_file(split)
            for side in self.manifest.counts.get(split, {}):
                if side != "documents" and self.side(split, side) is not None:
                    yield side_prefix(split, side)
        for language in sorted(self.languages):
            if (self.folder / vocabulary_file(language)).is_file():
                self.vocabulary(language).indices(self.dictionary)
                yield vocabulary_file(language)
        yield f"{TOKENIZER_FOLDER}: {self.tokenizer.name}"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is {value!r}")
    return value

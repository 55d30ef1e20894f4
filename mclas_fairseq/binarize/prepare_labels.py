"""`mclas prepare --labels`: labelled sentences become a data-bin to train a labeller on.

Words are cut one by one, and the first piece of each has the label (`data/label_sides.py`).
Tokenizer and dictionary are learned from the training words, given, a pretrained encoder's, or an
earlier data-bin's. A word that comes out without a piece becomes the unknown one: each word is
labelled. A tag that training has not is refused, as no model could give it; of parts of speech all
17 are there.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

import numpy as np
from fairseq.data import Dictionary

from mclas_fairseq.binarize.dictionary import build_dictionary, write_dictionary
from mclas_fairseq.binarize.learn import take_over
from mclas_fairseq.binarize.options import TokenizerOptions
from mclas_fairseq.binarize.pretrained import build_indexed_dictionary, describe_pretrained
from mclas_fairseq.binarize.provenance import digest, versions
from mclas_fairseq.binarize.staging import check_free, staged_folder
from mclas_fairseq.corpus.labelled import LabelKind, LabelledFile, LabelledSentence, tag_set
from mclas_fairseq.corpus.languages import check_language
from mclas_fairseq.corpus.tokenizers import (
    Tokenizer,
    load_tokenizer,
    open_given_tokenizer,
    train_tokenizer,
)
from mclas_fairseq.corpus.tokenizers.pretrained_checkpoint import open_pretrained
from mclas_fairseq.data.data_bin import (
    DICTIONARY_FILE,
    TOKENIZER_FOLDER,
    DataBin,
    dictionary_fingerprint,
)
from mclas_fairseq.data.integrity import describe_files
from mclas_fairseq.data.label_sides import LabelSet, labels_side, words_side
from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.data.text_sides import TextWriter
from mclas_fairseq.errors import ConfigError, DataError

logger = logging.getLogger(__name__)

_CHECKED = 100  # sentences of a language that are cut as transformers cuts them

Files = Mapping[str, tuple[LabelledFile, ...]]  # language -> files


@dataclass(frozen=True)
class LabelOptions:
    """One call of `mclas prepare --labels`.

    Attributes:
        kind: of the labels.
        inputs: split -> language -> files.
        out: the data-bin to make.
        tokenizer: how it is learned, or where it comes from.
        like: data-bin whose tokenizer and dictionary are taken over instead.
        tags: all tags of spans, O apart; empty: those of the training files.
        overwrite: whether an existing data-bin at `out` is replaced.
    """

    kind: LabelKind
    inputs: Mapping[str, Files]
    out: Path
    tokenizer: TokenizerOptions = field(default_factory=TokenizerOptions)
    like: Optional[Path] = None
    tags: tuple[str, ...] = ()
    overwrite: bool = False

    @property
    def languages(self) -> tuple[str, ...]:
        """All languages, those of training first."""
        return tuple(dict.fromkeys(code for files in self.inputs.values() for code in files))

    def check(self) -> None:
        """Check what can be checked without reading.

        Raises:
            ConfigError: there is nothing to learn from.
            DataError: a language code is unknown.
        """
        for language in self.languages:
            check_language(language, "--train, --valid, --test")
        if not self.inputs.get("train") and self.like is None:
            raise ConfigError(
                "--train: labelled sentences are needed to learn tags and tokenizer from, but none"
                " are given; give --train LANG=FILE, or take an earlier data-bin's with --like"
            )


@dataclass(frozen=True)
class LabelReport:
    """What was written of a language in a split.

    Attributes:
        split: its name.
        language: its code.
        sentences: how many.
        words: how many, which are the labels.
        pieces: of the words.
        unknown: pieces that the dictionary does not know, or words without any.
    """

    split: str
    language: str
    sentences: int
    words: int
    pieces: int
    unknown: int

    def line(self) -> str:
        """One line for people."""
        return (
            f"{self.split} {self.language}: {self.sentences:,} sentences, {self.words:,} words,"
            f" {self.pieces:,} pieces ({self.unknown / max(1, self.pieces):.2%} unknown)"
        )


def prepare_labels(options: LabelOptions) -> tuple[LabelSet, list[LabelReport]]:
    """Make a data-bin of labelled sentences; it is whole or not there.

    Raises:
        ConfigError: the options contradict one another.
        DataError: a file is not as it must be, or has tags that training has not.
    """
    options.check()
    check_free(options.out, overwrite=options.overwrite)
    inputs = {
        f"{split}/{language}/{number}/{path.name}": digest(path)
        for split, files in options.inputs.items()
        for language, given in files.items()
        for number, one in enumerate(given, start=1)
        for path in (one.path, one.labels)
        if path is not None
    }
    with staged_folder(options.out, overwrite=options.overwrite) as folder:
        labels = _labels(options)
        labels.save(folder)
        tokenizer, dictionary, pretrained = _make_tokenizer(options, folder)
        cutter = _Cutter(tokenizer, dictionary, labels)
        reports = [
            _write(folder, split, language, files, cutter)
            for split, by_language in options.inputs.items()
            for language, files in by_language.items()
        ]
        manifest = _manifest(options, tokenizer, dictionary, reports, inputs)
        manifest = replace(manifest, pretrained=pretrained)
        replace(manifest, files=describe_files(folder)).save(folder)
    return labels, reports


def _sentences(files: Sequence[LabelledFile]) -> Iterator[LabelledSentence]:
    for file in files:
        yield from file.sentences()


def _labels(options: LabelOptions) -> LabelSet:
    """The tags: those named, those of an earlier data-bin, or those of the training files."""
    if options.kind is LabelKind.SPANS and options.tags:
        return LabelSet(options.kind, tuple(tag_set(options.kind, options.tags)))
    if options.like is not None and not options.inputs.get("train"):
        earlier = LabelSet.load(options.like)
        if earlier.kind is not options.kind:
            raise ConfigError(
                f"--labels {options.kind.value}: must be the kind of --like {options.like}, but"
                f" that has {earlier.kind.value}; give that"
            )
        return earlier
    found: set[str] = set()
    if options.kind is LabelKind.SPANS:
        for files in options.inputs.get("train", {}).values():
            found.update(tag for sentence in _sentences(files) for tag in sentence.tags)
        # a span of one word leaves no I-, and one that is cut no B-
        types = {tag[2:] for tag in found if tag != "O"}
        found = {f"{mark}-{name}" for name in types for mark in "BI"}
    return LabelSet(options.kind, tuple(tag_set(options.kind, sorted(found))))


def _make_tokenizer(
    options: LabelOptions, folder: Path
) -> tuple[Tokenizer, Dictionary, Optional[dict[str, Any]]]:
    """Tokenizer and dictionary in a data-bin, and what is said of a pretrained encoder's."""
    chosen = options.tokenizer
    if options.like is not None:
        earlier = DataBin.open(options.like)
        tokenizer = take_over(earlier, folder)
        return tokenizer, earlier.dictionary, earlier.manifest.pretrained
    texts = {
        language: [" ".join(sentence.words) for sentence in _sentences(files)]
        for language, files in options.inputs["train"].items()
    }
    if chosen.pretrained is not None:
        checkpoint = open_pretrained(chosen.pretrained)
        for language, lines in texts.items():
            checkpoint.check_cuts(lines[:_CHECKED], language)
        checkpoint.tokenizer.save(folder / TOKENIZER_FOLDER)
        dictionary = build_indexed_dictionary(checkpoint, Counter(), ())
        pretrained: Optional[dict[str, Any]] = describe_pretrained(checkpoint)
    else:
        logger.info("making the tokenizer (%s)", chosen.name)
        made = (
            train_tokenizer(
                chosen.name, texts, vocab_size=chosen.vocab_size, lowercase=chosen.lowercase
            )
            if chosen.given is None
            else open_given_tokenizer(chosen.name, chosen.given, lowercase=chosen.lowercase)
        )
        made.save(folder / TOKENIZER_FOLDER)
        counts = Counter(
            piece
            for language, lines in texts.items()
            for line in lines
            for piece in made.encode(line, language)
        )
        limit = chosen.vocab_size if made.name == "words" else None
        dictionary = build_dictionary(made.entries(), counts, limit)
        pretrained = None
    write_dictionary(dictionary, folder / DICTIONARY_FILE)
    return load_tokenizer(folder / TOKENIZER_FOLDER), dictionary, pretrained


@dataclass(frozen=True)
class _Cutter:
    """What makes numbers of words and tags."""

    tokenizer: Tokenizer
    dictionary: Dictionary
    labels: LabelSet

    def cut(self, sentence: LabelledSentence, language: str) -> tuple[list[int], list[int]]:
        """Pieces, and labels at the first of each word, 0 elsewhere; as many."""
        pieces: list[int] = []
        numbers: list[int] = []
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            own = [self.dictionary.index(piece) for piece in self.tokenizer.encode(word, language)]
            own = own or [self.dictionary.unk()]
            pieces += own
            numbers += [1 + self.labels.tags.index(tag), *[0] * (len(own) - 1)]
        return pieces, numbers


def _write(
    folder: Path, split: str, language: str, files: Sequence[LabelledFile], cutter: _Cutter
) -> LabelReport:
    """Write both sides of a language in a split."""
    eos, known = cutter.dictionary.eos(), frozenset(cutter.labels.tags)
    entries = (len(cutter.dictionary), 1 + len(cutter.labels.tags))
    words = 0
    with ExitStack() as stack:
        sides = [
            stack.enter_context(TextWriter(folder, split, side, entries=size, eos=end))
            for side, size, end in (
                (words_side(language), entries[0], eos),
                (labels_side(language), entries[1], 0),
            )
        ]
        for file in files:
            for number, sentence in enumerate(file.sentences(), start=1):
                strange = sorted(set(sentence.tags) - known)
                if strange:
                    raise DataError(
                        f"{file.labels or file.path}: sentence {number} must have tags that"
                        f" training has, but has {strange[0]}; correct it, or name all tags"
                        " (--tags)"
                    )
                pieces, numbers = cutter.cut(sentence, language)
                sides[0].add(pieces)
                sides[1].add(numbers)
                words += len(sentence.words)
    counts = sides[0].counts
    unknown = int(counts[cutter.dictionary.unk()])
    return LabelReport(
        split,
        language,
        sides[0].documents,
        words,
        int(np.sum(counts)) - sides[0].documents,
        unknown,
    )


def _manifest(
    options: LabelOptions,
    tokenizer: Tokenizer,
    dictionary: Dictionary,
    reports: Sequence[LabelReport],
    inputs: dict[str, str],
) -> Manifest:
    first, *others = options.languages
    counts: dict[str, dict[str, int]] = {}
    for each in reports:
        own = counts.setdefault(each.split, {})
        own[words_side(each.language)] = own[labels_side(each.language)] = each.sentences
    return Manifest(
        source_lang=first,
        target_langs=tuple(others),
        tokenizer=tokenizer.name,
        lowercase=tokenizer.lowercase,
        counts=counts,
        inputs=inputs,
        dictionary_sha256=dictionary_fingerprint(dictionary),
        versions=versions(),
    )

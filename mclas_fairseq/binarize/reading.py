"""First pass over all splits: what is known of a corpus before it is cut into pieces."""

import json
import logging
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mclas_fairseq.binarize.learn import learned_rows
from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.sieve import TRAIN, Sieve
from mclas_fairseq.binarize.spool import (
    Languages,
    SpooledSplit,
    check_splits_disjoint,
    read_ids,
    spool_split,
)
from mclas_fairseq.data.data_bin import SPLITS, ids_file, left_out_file, references_file

logger = logging.getLogger(__name__)

WORK_FOLDER = "work"


@dataclass(frozen=True)
class Corpus:
    """The corpus after the first pass.

    Attributes:
        splits: in the order train, valid, test.
        sides: side -> language, of those sides that have a text in some split.
        learned: split -> whether the tokenizer may learn from each row (never outside training).
    """

    splits: list[SpooledSplit]
    sides: dict[str, str]
    learned: dict[str, list[bool]]

    @property
    def train(self) -> Optional[SpooledSplit]:
        """The training split, if there is one."""
        return next((split for split in self.splits if split.name == TRAIN), None)


def read_splits(options: PrepareOptions, folder: Path) -> Corpus:
    """Read, check and spread all splits; ids and raw references go into the data-bin.

    Raises:
        DataError: a record is not as it must be, or a split is left empty.
    """
    languages = Languages(options.source_lang, options.target_langs)
    excluded = read_ids(options.exclude_ids) if options.exclude_ids else frozenset()
    sieve = Sieve(options.filters, options.source_lang, languages.sides(), excluded)
    found = {}
    # Training last: what validation and test hold may have to be left out of it.
    for name in sorted(SPLITS, key=TRAIN.__eq__):
        if options.inputs.get(name):
            found[name] = _read_split(name, options, folder, languages, sieve)
    splits = [found[name] for name in SPLITS if name in found]
    check_splits_disjoint(splits)
    corpus = Corpus(
        splits,
        {
            side: language
            for side, language in languages.sides().items()
            if any(split.filled[side] for split in splits)
        },
        {
            split.name: learned_rows(split, options.tokenizer)
            if split.name == TRAIN and (options.like is None or options.extend)
            else [split.name == TRAIN] * len(split.ids)
            for split in splits
        },
    )
    _warn_of_unmet_ids(corpus, options, len(excluded))
    return corpus


def _read_split(
    name: str, options: PrepareOptions, folder: Path, languages: Languages, sieve: Sieve
) -> SpooledSplit:
    logger.info("reading %s", name)
    with ExitStack() as stack:
        references = None
        if name != TRAIN:
            path = folder / references_file(name)
            references = stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))
        split = spool_split(
            name,
            options.inputs[name],
            folder / WORK_FOLDER,
            languages,
            translation_key=options.translation_key,
            sieve=sieve,
            references=references,
        )
    lines = "".join(f"{item}\n" for item in split.ids)
    (folder / ids_file(name)).write_text(lines, encoding="utf-8", newline="\n")
    if split.left_out:
        lines = "".join(
            json.dumps({"id": item, "reason": reason}, ensure_ascii=False) + "\n"
            for item, reason in split.left_out
        )
        (folder / left_out_file(name)).write_text(lines, encoding="utf-8", newline="\n")
    return split


def _warn_of_unmet_ids(corpus: Corpus, options: PrepareOptions, listed: int) -> None:
    met = corpus.train.reasons["--exclude-ids"] if corpus.train is not None else 0
    if met < listed:
        logger.warning(
            "%s: %d of its %d ids are in no training record",
            *(options.exclude_ids, listed - met, listed),
        )

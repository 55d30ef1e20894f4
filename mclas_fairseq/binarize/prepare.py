"""`mclas prepare`: a corpus of records becomes a data-bin.

Passes: the records are checked and spread over one file a side (`spool`); the tokenizer is learned
or taken from an earlier data-bin (`learn`); each side is encoded (`encode`); dictionary and
language vocabularies are counted; `fairseq-preprocess` binarises the sides (`fairseq_preprocess`);
the manifest closes the folder, which only then gets its name (`staging`).
"""

import logging
import shutil
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from fairseq.data import Dictionary
from tqdm import tqdm

from mclas_fairseq.binarize.dictionary import build_dictionary, unknown_share, write_dictionary
from mclas_fairseq.binarize.encode import SideStatistics, block_encoder, encode_side
from mclas_fairseq.binarize.fairseq_preprocess import binarize_side, check_side
from mclas_fairseq.binarize.learn import learn_tokenizer, learned_rows, take_over
from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.provenance import hash_inputs, make_manifest
from mclas_fairseq.binarize.report import PrepareReport, SideReport, SplitReport
from mclas_fairseq.binarize.spool import (
    Languages,
    SpooledSplit,
    check_splits_disjoint,
    read_ids,
    spool_split,
)
from mclas_fairseq.binarize.staging import check_free, staged_folder
from mclas_fairseq.binarize.vocabularies import (
    Statistics,
    summary_text_side,
    write_vocabularies,
)
from mclas_fairseq.corpus.tokenizers import Tokenizer
from mclas_fairseq.data.data_bin import (
    DICTIONARY_FILE,
    SPLITS,
    TOKENIZER_FOLDER,
    DataBin,
    ids_file,
    references_file,
)
from mclas_fairseq.errors import DataError

logger = logging.getLogger(__name__)

# More unknown pieces than this in a language's training summaries, and no model can learn to write
# them.
MAX_UNKNOWN_SHARE = 0.005

_WORK_FOLDER = "work"


def prepare(options: PrepareOptions) -> PrepareReport:
    """Make a data-bin; it is whole or not there.

    Raises:
        ConfigError: the options contradict one another.
        DataError: the corpus, the data-bin to be like, or the output folder is not as it must be.
    """
    options.check()
    check_free(options.out, overwrite=options.overwrite)
    inputs = hash_inputs(options)
    like = DataBin.open(options.like) if options.like is not None else None
    with staged_folder(options.out, overwrite=options.overwrite) as folder:
        (folder / _WORK_FOLDER).mkdir()
        corpus = _spool(options, folder)
        tokenizer = _provide_tokenizer(corpus, options, like, folder)
        statistics = _encode(corpus, options.workers, folder)
        dictionary = _provide_dictionary(tokenizer, statistics, options, like, folder)
        _check_unknown(statistics, dictionary, options)
        _binarize(corpus, statistics, dictionary, options.workers, folder)
        vocabularies = write_vocabularies(folder, options.languages, statistics, dictionary, like)
        shutil.rmtree(folder / _WORK_FOLDER)
        make_manifest(options, corpus.splits, corpus.sides, inputs, tokenizer, dictionary).save(
            folder
        )
    return PrepareReport(
        out=options.out,
        source_lang=options.source_lang,
        tokenizer=tokenizer.name,
        dictionary_size=len(dictionary),
        splits=[SplitReport(s.name, len(s.ids), s.kinds, s.excluded) for s in corpus.splits],
        sides=_side_reports(corpus, statistics, dictionary),
        vocabularies=vocabularies,
    )


@dataclass(frozen=True)
class _Corpus:
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
        return next((split for split in self.splits if split.name == "train"), None)


def _spool(options: PrepareOptions, folder: Path) -> _Corpus:
    languages = Languages(options.source_lang, options.target_langs)
    excluded = read_ids(options.exclude_ids) if options.exclude_ids else frozenset()
    splits = []
    for name in SPLITS:
        if not options.inputs.get(name):
            continue
        logger.info("reading %s", name)
        with ExitStack() as stack:
            references = None
            if name != "train":
                path = folder / references_file(name)
                references = stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))
            split = spool_split(
                name,
                options.inputs[name],
                folder / _WORK_FOLDER,
                languages,
                translation_key=options.translation_key,
                excluded_ids=excluded if name == "train" else frozenset(),
                references=references,
            )
        lines = "".join(f"{item}\n" for item in split.ids)
        (folder / ids_file(name)).write_text(lines, encoding="utf-8", newline="\n")
        splits.append(split)
        if name == "train" and split.excluded < len(excluded):
            logger.warning(
                "%s: %d of its %d ids are in no training record",
                options.exclude_ids,
                len(excluded) - split.excluded,
                len(excluded),
            )
    check_splits_disjoint(splits)
    sides = {
        side: language
        for side, language in languages.sides().items()
        if any(split.filled[side] for split in splits)
    }
    learned = {
        split.name: learned_rows(split, options.tokenizer)
        if split.name == "train" and options.like is None
        else [split.name == "train"] * len(split.ids)
        for split in splits
    }
    return _Corpus(splits, sides, learned)


def _provide_tokenizer(
    corpus: _Corpus, options: PrepareOptions, like: Optional[DataBin], folder: Path
) -> Tokenizer:
    if like is not None:
        return take_over(like, folder)
    assert corpus.train is not None, "checked with the options"
    logger.info("learning the tokenizer (%s)", options.tokenizer.name)
    return learn_tokenizer(
        corpus.train, corpus.sides, options.tokenizer, corpus.learned["train"], folder
    )


def _encode(corpus: _Corpus, workers: int, folder: Path) -> dict[tuple[str, str], SideStatistics]:
    logger.info("tokenising with %d worker(s)", workers)
    rows = sum(len(split.ids) for split in corpus.splits) * len(corpus.sides)
    statistics = {}
    with (
        block_encoder(folder / TOKENIZER_FOLDER, workers) as encode,
        tqdm(total=rows, desc="tokenise", unit=" texts", disable=None) as bar,
    ):
        for split in corpus.splits:
            for side, language in corpus.sides.items():
                statistics[split.name, side] = encode_side(
                    encode,
                    split.raw_file(side),
                    folder / _WORK_FOLDER / f"{split.name}.{side}",
                    language=language,
                    ids=split.ids,
                    learned=corpus.learned[split.name],
                    progress=bar.update,
                )
                split.raw_file(side).unlink()
    return statistics


def _provide_dictionary(
    tokenizer: Tokenizer,
    statistics: Statistics,
    options: PrepareOptions,
    like: Optional[DataBin],
    folder: Path,
) -> Dictionary:
    if like is not None:
        return like.dictionary
    counts: Counter[str] = Counter()
    for counted in statistics.values():
        counts.update(counted.learned_pieces)
    # The merges bound the number of BPE's pieces already; words are without end.
    limit = options.tokenizer.vocab_size if tokenizer.name == "words" else None
    dictionary = build_dictionary(tokenizer.entries(), counts, limit)
    write_dictionary(dictionary, folder / DICTIONARY_FILE)
    return dictionary


def _check_unknown(statistics: Statistics, dictionary: Dictionary, options: PrepareOptions) -> None:
    """Refuse a dictionary that cannot spell the training summaries of one of the languages."""
    for language in options.languages:
        side = summary_text_side(statistics, language)
        if side is None:
            continue
        share = unknown_share(statistics["train", side].learned_pieces, dictionary)
        if share > MAX_UNKNOWN_SHARE:
            remedy = (
                "prepare both corpora together, or this one without --like"
                if options.like is not None
                else "give a larger --vocab-size or --tokenizer sentencepiece"
            )
            raise DataError(
                f"training texts of {side}: at most {MAX_UNKNOWN_SHARE:.1%} of their pieces may be"
                f" unknown to the dictionary ({len(dictionary)} entries), but {share:.2%} are;"
                f" {remedy}"
            )


def _binarize(
    corpus: _Corpus,
    statistics: Statistics,
    dictionary: Dictionary,
    workers: int,
    folder: Path,
) -> None:
    prefixes = {split.name: folder / _WORK_FOLDER / split.name for split in corpus.splits}
    for side in tqdm(corpus.sides, desc="binarise", unit=" sides", disable=None):
        logger.info("fairseq-preprocess: %s", side)
        binarize_side(side, prefixes, folder, workers=workers)
        for split in corpus.splits:
            check_side(
                folder,
                split.name,
                side,
                dictionary,
                rows=len(split.ids),
                pieces=statistics[split.name, side].pieces.total(),
            )


def _side_reports(
    corpus: _Corpus, statistics: Statistics, dictionary: Dictionary
) -> list[SideReport]:
    """Reports of the training sides, or of all splits' where there is no training."""
    splits = [corpus.train] if corpus.train is not None else corpus.splits
    return [
        SideReport(
            split=split.name,
            side=side,
            language=language,
            texts=counted.texts,
            pieces=counted.pieces.total(),
            units=counted.units,
            unknown=unknown_share(counted.pieces, dictionary),
        )
        for split in splits
        for side, language in corpus.sides.items()
        if (counted := statistics[split.name, side]).texts
    ]

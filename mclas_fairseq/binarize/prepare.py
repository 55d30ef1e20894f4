"""`mclas prepare`: a corpus of records becomes a data-bin.

Passes: the records are checked and spread over one file a side (`reading`, `spool`), some left out
on demand (`sieve`), and training is searched for what is tested (`leakage`); the tokenizer is
learned, given, or an earlier data-bin's (`learn`); each side is encoded (`encode`); dictionary and
language vocabularies are counted, and what is unknown (`unknown`); `fairseq-preprocess` binarises
the sides (`fairseq_preprocess`); the manifest closes the folder, which only then gets its name
(`staging`).
"""

import logging
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Optional

from fairseq.data import Dictionary
from tqdm import tqdm

from mclas_fairseq.binarize.dictionary import (
    add_target_separators,
    add_task_tags,
    build_dictionary,
    extend_dictionary,
    unknown_share,
    write_dictionary,
)
from mclas_fairseq.binarize.encode import SideStatistics, block_encoder, encode_side
from mclas_fairseq.binarize.fairseq_preprocess import binarize_side, check_side
from mclas_fairseq.binarize.leakage import warn_of_near_duplicates
from mclas_fairseq.binarize.learn import extend_earlier, learn_tokenizer, take_over
from mclas_fairseq.binarize.mbart import build_mbart_dictionary, describe_mbart
from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.pretrained import (
    build_indexed_dictionary,
    describe_pretrained,
    take_tokenizer,
)
from mclas_fairseq.binarize.provenance import hash_inputs, make_manifest
from mclas_fairseq.binarize.reading import WORK_FOLDER, Corpus, read_splits
from mclas_fairseq.binarize.report import (
    ExtensionReport,
    PrepareReport,
    SideReport,
    SplitReport,
)
from mclas_fairseq.binarize.staging import check_free, staged_folder
from mclas_fairseq.binarize.unknown import (
    UnknownText,
    check_learned,
    check_taken_over,
    measure_unknown,
    unknown_of_sides,
)
from mclas_fairseq.binarize.vocabularies import (
    Statistics,
    summary_text_side,
    write_vocabularies,
)
from mclas_fairseq.corpus.tokenizers import ExtendedTokenizer, Tokenizer
from mclas_fairseq.corpus.tokenizers.pretrained_checkpoint import (
    PretrainedCheckpoint,
    open_pretrained,
)
from mclas_fairseq.data.data_bin import DICTIONARY_FILE, TOKENIZER_FOLDER, DataBin
from mclas_fairseq.data.integrity import describe_files
from mclas_fairseq.errors import DataError

logger = logging.getLogger(__name__)


def _check_name(out: Path) -> None:
    if "," in str(out):
        raise DataError(
            f"--out {out}: must have no comma in it, where fairseq-preprocess would take it for two"
            " paths; choose another name"
        )


def prepare(options: PrepareOptions) -> PrepareReport:
    """Make a data-bin; it is whole or not there.

    Raises:
        ConfigError: the options contradict one another.
        DataError: the corpus, the data-bin to be like, or the output folder is not as it must be.
    """
    options.check()
    _check_name(options.out)
    check_free(options.out, overwrite=options.overwrite)
    inputs = hash_inputs(options)
    like = DataBin.open(options.like) if options.like is not None else None
    pretrained = options.tokenizer.pretrained
    checkpoint = open_pretrained(pretrained) if pretrained is not None else None
    with staged_folder(options.out, overwrite=options.overwrite) as folder:
        (folder / WORK_FOLDER).mkdir()
        corpus = read_splits(options, folder)
        warn_of_near_duplicates(corpus)
        tokenizer = _provide_tokenizer(corpus, options, like, checkpoint, folder)
        statistics = _encode(corpus, options.workers, folder)
        dictionary = _provide_dictionary(tokenizer, statistics, options, like, checkpoint, folder)
        unknown = _check_unknown(corpus, statistics, dictionary, options, like)
        _binarize(corpus, statistics, dictionary, options.workers, folder)
        vocabularies = write_vocabularies(folder, options.languages, statistics, dictionary, like)
        shutil.rmtree(folder / WORK_FOLDER)
        manifest = make_manifest(
            options, corpus.splits, corpus.sides, inputs, tokenizer, dictionary, like
        )
        pretrained_from = describe_pretrained(checkpoint, like)
        if pretrained_from is None and options.tokenizer.mbart is not None:
            pretrained_from = describe_mbart(options.tokenizer.mbart, dictionary)
        replace(manifest, pretrained=pretrained_from, files=describe_files(folder)).save(folder)
    return PrepareReport(
        out=options.out,
        source_lang=options.source_lang,
        tokenizer=tokenizer.name,
        dictionary_size=len(dictionary),
        splits=[
            SplitReport(s.name, len(s.ids), s.kinds, s.reasons, s.noted) for s in corpus.splits
        ],
        sides=_side_reports(corpus, statistics, dictionary),
        vocabularies=vocabularies,
        extension=_extension_report(tokenizer, options, like),
        unknown=unknown,
    )


def _provide_tokenizer(
    corpus: Corpus,
    options: PrepareOptions,
    like: Optional[DataBin],
    checkpoint: Optional[PretrainedCheckpoint],
    folder: Path,
) -> Tokenizer:
    if like is not None and not options.extend:
        return take_over(like, folder)
    assert corpus.train is not None, "checked with the options"
    learned = corpus.learned["train"]
    if like is not None:
        logger.info("learning the pieces of %s", ", ".join(options.extend))
        return extend_earlier(like, corpus.train, corpus.sides, options, learned, folder)
    if checkpoint is not None:
        return take_tokenizer(checkpoint, corpus.train, corpus.sides, folder)
    if options.tokenizer.given is None:
        logger.info("learning the tokenizer (%s)", options.tokenizer.name)
    return learn_tokenizer(corpus.train, corpus.sides, options.tokenizer, learned, folder)


def _encode(corpus: Corpus, workers: int, folder: Path) -> dict[tuple[str, str], SideStatistics]:
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
                    folder / WORK_FOLDER / f"{split.name}.{side}",
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
    checkpoint: Optional[PretrainedCheckpoint],
    folder: Path,
) -> Dictionary:
    counts: Counter[str] = Counter()
    for counted in statistics.values():
        counts.update(counted.learned_pieces)
    if like is not None:
        if not isinstance(tokenizer, ExtendedTokenizer) or not options.extend:
            return like.dictionary
        dictionary = extend_dictionary(like.dictionary, tokenizer.added, counts)
        add_target_separators(dictionary, options.target_langs)
        if options.task_tags:
            add_task_tags(dictionary)
        write_dictionary(dictionary, folder / DICTIONARY_FILE)
        return dictionary
    if checkpoint is not None:
        dictionary = build_indexed_dictionary(checkpoint, counts, options.target_langs)
    elif options.tokenizer.mbart is not None:
        dictionary = build_mbart_dictionary(options.tokenizer.mbart, options.tokenizer.mbart_langs)
    else:
        # The merges bound the number of BPE's pieces already; words are without end.
        limit = options.tokenizer.vocab_size if tokenizer.name == "words" else None
        dictionary = build_dictionary(tokenizer.entries(), counts, limit)
    add_target_separators(dictionary, options.target_langs)
    if options.task_tags:
        add_task_tags(dictionary)
    write_dictionary(dictionary, folder / DICTIONARY_FILE)
    return dictionary


def _check_unknown(
    corpus: Corpus,
    statistics: Statistics,
    dictionary: Dictionary,
    options: PrepareOptions,
    like: Optional[DataBin],
) -> list[UnknownText]:
    """Refuse a dictionary that cannot spell the text; returns what it does not know of it."""
    if like is not None:
        texts = unknown_of_sides(statistics, corpus.sides, dictionary)
        check_taken_over(texts, options, like.languages.union(options.extend))
        return texts
    sides = {summary_text_side(statistics, language): language for language in options.languages}
    check_learned(
        [
            measure_unknown(side, language, statistics["train", side].learned_pieces, dictionary)
            for side, language in sides.items()
            if side is not None
        ],
        dictionary,
        options,
    )
    return []


def _binarize(
    corpus: Corpus,
    statistics: Statistics,
    dictionary: Dictionary,
    workers: int,
    folder: Path,
) -> None:
    prefixes = {split.name: folder / WORK_FOLDER / split.name for split in corpus.splits}
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


def _extension_report(
    tokenizer: Tokenizer, options: PrepareOptions, like: Optional[DataBin]
) -> Optional[ExtensionReport]:
    if like is None or not isinstance(tokenizer, ExtendedTokenizer) or not options.extend:
        return None
    return ExtensionReport(
        languages=tokenizer.languages,
        learned=tokenizer.learned,
        added=len(tokenizer.added),
        earlier=len(like.dictionary),
    )


def _side_reports(
    corpus: Corpus, statistics: Statistics, dictionary: Dictionary
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

"""`mclas prepare`: a corpus of records becomes a data-bin.

Passes: the records are checked and spread over one file a side (`reading`, `spool`), some left out
on demand (`sieve`), and training is searched for what is tested (`leakage`); the tokenizer is
learned, given, a checkpoint's or an earlier data-bin's (`sources`); each side is encoded
(`encode`); dictionary and language vocabularies are counted, and what is unknown (`unknown`);
`fairseq-preprocess` binarises the sides (`fairseq_preprocess`); the manifest closes the folder,
which only then gets its name (`staging`).
"""

import logging
import shutil
from dataclasses import replace
from pathlib import Path

from fairseq.data import Dictionary
from tqdm import tqdm

from mclas_fairseq.binarize.dictionary import unknown_share
from mclas_fairseq.binarize.encode import SideStatistics, block_encoder, encode_side
from mclas_fairseq.binarize.fairseq_preprocess import binarize_side, check_side
from mclas_fairseq.binarize.leakage import warn_of_near_duplicates
from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.provenance import hash_inputs, make_manifest
from mclas_fairseq.binarize.reading import WORK_FOLDER, Corpus, read_splits
from mclas_fairseq.binarize.report import PrepareReport, SideReport, SplitReport
from mclas_fairseq.binarize.sources import open_source
from mclas_fairseq.binarize.staging import check_free, staged_folder
from mclas_fairseq.binarize.vocabularies import Statistics, write_vocabularies
from mclas_fairseq.data.data_bin import TOKENIZER_FOLDER
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
    source = open_source(options)
    with staged_folder(options.out, overwrite=options.overwrite) as folder:
        (folder / WORK_FOLDER).mkdir()
        corpus = read_splits(options, folder)
        warn_of_near_duplicates(corpus)
        tokenizer = source.make_tokenizer(corpus, folder)
        statistics = _encode(corpus, options.workers, folder)
        dictionary = source.make_dictionary(tokenizer, statistics, folder)
        unknown = source.check_unknown(corpus, statistics, dictionary)
        _binarize(corpus, statistics, dictionary, options.workers, folder)
        vocabularies = write_vocabularies(
            folder, options.languages, statistics, dictionary, source.earlier
        )
        shutil.rmtree(folder / WORK_FOLDER)
        notes = source.notes(tokenizer, dictionary)
        manifest = make_manifest(
            options, corpus.splits, corpus.sides, inputs, tokenizer, dictionary, notes
        )
        replace(manifest, files=describe_files(folder)).save(folder)
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
        extension=source.extension_report(tokenizer),
        unknown=unknown,
    )


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

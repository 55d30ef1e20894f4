"""Loading a split of a data-bin: which rows serve a layout, which make a low-resource subset."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mclas_fairseq.corpus.subsets import draw_subset
from mclas_fairseq.data.data_bin import DataBin, summary_side
from mclas_fairseq.data.language_vocabulary import LanguageVocabulary
from mclas_fairseq.data.summary_dataset import (
    LayoutDataset,
    RowsDataset,
    SummaryDataset,
    TargetSpec,
)
from mclas_fairseq.errors import ConfigError, DataError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainSubset:
    """A random choice of triples: how many, and with which seed."""

    size: int
    seed: int


@dataclass(frozen=True)
class LoadedSplit:
    """A dataset and the ids of its records, in the dataset's order."""

    dataset: SummaryDataset
    ids: list[str]


def rows_with_summaries(data_bin: DataBin, split: str, languages: Sequence[str]) -> np.ndarray:
    """Rows of a split that have a summary in each of the languages, ascending, shape (N,)."""
    present = np.ones(len(data_bin.ids(split)), dtype=bool)
    for language in languages:
        side = data_bin.side(split, summary_side(language))
        if side is None:
            present[:] = False
        else:
            present &= np.asarray(side.sizes) > 1  # a lone EOS stands for an absent summary
    return np.flatnonzero(present)


def count_vocabulary(
    data_bin: DataBin, language: str, rows: Sequence[int] | np.ndarray
) -> LanguageVocabulary:
    """Language vocabulary counted from the training summaries of the given rows alone."""
    side = data_bin.side("train", summary_side(language))
    seen: set[int] = set()
    if side is not None:
        for row in rows:
            seen.update(side[int(row)].tolist())
    return LanguageVocabulary.from_counts(language, seen, data_bin.dictionary)


def served_rows(
    data_bin: DataBin, split: str, languages: Sequence[str], every_document: bool
) -> np.ndarray:
    """Rows that serve a layout; those without a summary are counted in the log."""
    rows = rows_with_summaries(data_bin, split, languages)
    total = len(data_bin.ids(split))
    if len(rows) == 0 and not every_document:
        raise DataError(_no_target_message(data_bin, split, languages))
    if len(rows) < total:
        logger.warning(
            "%s: %d of %d records have no summary in %s%s",
            *(split, total - len(rows), total, " and ".join(languages)),
            "" if every_document else " and are left out",
        )
    return np.arange(total) if every_document else rows


def subset_rows(
    data_bin: DataBin, split: str, triple: Sequence[str], subset: TrainSubset
) -> np.ndarray:
    """Rows of the drawn triples, the same whatever the layout."""
    ids = data_bin.ids(split)
    complete = rows_with_summaries(data_bin, split, triple)
    if subset.size > len(complete):
        raise ConfigError(
            f"--train-subset-size {subset.size}: the data-bin {data_bin.folder} has "
            f"{len(complete)} training triples; ask for at most so many"
        )
    drawn = set(draw_subset([ids[row] for row in complete], subset.size, subset.seed))
    return np.asarray([row for row in complete if ids[row] in drawn], dtype=np.int64)


def _no_target_message(data_bin: DataBin, split: str, languages: Sequence[str]) -> str:
    counts = data_bin.manifest.counts.get(split, {})
    have = [f"{counts.get(summary_side(code), 0)} have one in {code}" for code in languages]
    remedy = "prepare records with summaries in " + " and ".join(languages)
    if len(languages) == 2:
        remedy += ", or train with --target-layout ncls, which needs no source-language summaries"
    return (
        f"data-bin {data_bin.folder}: split {split!r} needs records with summaries in "
        f"{' and '.join(languages)}, none has them all ({'; '.join(have)}); {remedy}"
    )


def log_truncation(split: str, sources: RowsDataset) -> None:
    """Say how many documents are cut."""
    logger.info(
        "%s: %d of %d documents are cut to %d tokens (%d tokens of theirs are not read)",
        *(split, sources.truncated, len(sources), sources.max_tokens, sources.truncated_tokens),
    )


def log_cut_targets(split: str, targets: LayoutDataset, spec: TargetSpec) -> None:
    """Say how many targets are cut, if any."""
    if targets.truncated:
        logger.warning(
            "%s: %d of %d training targets are cut to %d tokens; references for scoring are not",
            *(split, targets.truncated, len(targets), spec.max_positions),
        )

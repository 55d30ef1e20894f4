"""Loading the corpora of task `multitask_summarization`: which data-bin, which rows, which tag.

A data-bin may serve several tasks: its records with a translation are MT pairs, those with a
summary in the document's language serve MS, those with one in the target language CLS.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from fairseq.data import FairseqDataset

from mclas_fairseq.corpus.subsets import draw_subset
from mclas_fairseq.corpus.tokenizers import TASK_TAGS
from mclas_fairseq.data.data_bin import DOCUMENT_SIDE, DataBin, summary_side, translation_side
from mclas_fairseq.data.split_loading import TrainSubset, rows_with_summaries
from mclas_fairseq.data.summary_dataset import LayoutDataset, Rows, SummaryDataset, TargetSpec
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.vhm.batches import TaggedRows, TaskDataset, TrainTask

logger = logging.getLogger(__name__)

_NEEDED = {
    TrainTask.MT: "a translation into",
    TrainTask.MS: "a summary in",
    TrainTask.CLS: "a summary in",
}


@dataclass(frozen=True)
class TaskCorpus:
    """Where a task's samples come from.

    Attributes:
        task: what is learned from it.
        data_bin: where the texts are.
        source_lang: language of the documents.
        target_lang: language of translations and cross-lingual summaries.
        tag: dictionary id of the tag in front of each document.
    """

    task: TrainTask
    data_bin: DataBin
    source_lang: str
    target_lang: str
    tag: int

    @property
    def language(self) -> str:
        """Language of what is written."""
        return self.source_lang if self.task is TrainTask.MS else self.target_lang

    @property
    def side(self) -> str:
        """The side of the data-bin that is written."""
        if self.task is TrainTask.MT:
            return translation_side(self.language)
        return summary_side(self.language)

    def rows(self, split: str) -> np.ndarray:
        """Rows of a split whose target is there, ascending, shape (N,)."""
        side = self.data_bin.side(split, self.side)
        if side is None:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(np.asarray(side.sizes) > 1)  # a lone EOS stands for an absent text


@dataclass(frozen=True)
class SampleLimits:
    """Longest document, tag and EOS included, and what targets are made with."""

    max_source_positions: int
    targets: TargetSpec


def task_tags(data_bin: DataBin) -> dict[TrainTask, int]:
    """Dictionary id of each task's tag.

    Raises:
        DataError: the dictionary has none.
    """
    dictionary = data_bin.dictionary
    missing = [tag for tag in TASK_TAGS.values() if tag not in dictionary]
    if missing:
        raise DataError(
            f"data-bin {data_bin.folder}: the dictionary must hold the tags of the tasks "
            f"({', '.join(TASK_TAGS.values())}), {', '.join(missing)} is not in it; prepare it "
            "again with mclas prepare --task-tags, and what is made --like it as well"
        )
    return {task: int(dictionary.index(TASK_TAGS[task.value])) for task in TrainTask}


def open_corpus(first: DataBin, folder: Path, flag: str, languages: tuple[str, str]) -> DataBin:
    """Open a further data-bin, which must have dictionary and languages of the first.

    Args:
        first: the data-bin of CLS.
        folder: of the further one.
        flag: that names it, for messages.
        languages: of documents, and of translations and cross-lingual summaries.

    Raises:
        DataError: it is none, or its dictionary differs.
        ConfigError: it has other languages.
    """
    try:
        data_bin = DataBin.open(folder)
    except DataError as error:
        raise DataError(f"{flag}: {error}") from error
    if data_bin.manifest.dictionary_sha256 != first.manifest.dictionary_sha256:
        pairs = zip_longest(first.dictionary.symbols, data_bin.dictionary.symbols)
        number, (own, other) = next(
            (number, pair) for number, pair in enumerate(pairs) if pair[0] != pair[1]
        )
        raise DataError(
            f"{flag} {folder}: all corpora must have one dictionary, that of {first.folder}, but "
            f"entry {number} is {_quoted(other)}, not {_quoted(own)}; prepare it again with "
            f"--like {first.folder}"
        )
    manifest = data_bin.manifest
    if manifest.source_lang != languages[0] or languages[1] not in manifest.target_langs:
        raise ConfigError(
            f"{flag} {folder}: must be of documents in {languages[0]} with {languages[1]} beside "
            f"them, but is of {manifest.source_lang} with {', '.join(manifest.target_langs)}; "
            "prepare it with these languages"
        )
    return data_bin


def _quoted(symbol: str | None) -> str:
    return "absent" if symbol is None else repr(symbol)


def load_task(
    corpus: TaskCorpus, split: str, limits: SampleLimits, subset: TrainSubset | None = None
) -> TaskDataset:
    """Load what a corpus holds for its task; records without it are left out and counted.

    Raises:
        DataError: the split is missing or serves the task with no record.
        ConfigError: the subset is larger than what there is.
    """
    ids = corpus.data_bin.ids(split)
    rows: np.ndarray = corpus.rows(split)
    if not len(rows):
        raise DataError(_nothing_there(corpus, split))
    if len(rows) < len(ids):
        logger.warning(
            "%s, task %s: %d of %d records have no %s %s and are left out",
            *(split, corpus.task.value, len(ids) - len(rows), len(ids)),
            *(_NEEDED[corpus.task].split(" ", 1)[1], corpus.language),
        )
    if subset is not None:
        rows = subset_rows(corpus, split, subset)
    documents = tagged_documents(corpus, split, rows, limits)
    targets = LayoutDataset([_side(corpus, split, corpus.side)], rows, limits.targets)
    logger.info(
        "%s, task %s: %d samples, %d documents are cut to %d tokens, %d targets to %d",
        *(split, corpus.task.value, len(rows), documents.truncated, limits.max_source_positions),
        *(targets.truncated, limits.targets.max_positions),
    )
    return TaskDataset(
        documents,
        targets,
        corpus.data_bin.dictionary,
        split=split,
        shuffle=split == "train",
        max_encoder_positions=limits.max_source_positions,
        ms_targets=_summaries_of_documents(corpus, split, rows, limits),
        start=corpus.data_bin.start(corpus.language),
        language_ids=(
            corpus.data_bin.language_id(corpus.language),
            corpus.data_bin.language_id(corpus.source_lang),
        ),
        names=ids,
    )


def tagged_documents(
    corpus: TaskCorpus, split: str, rows: Rows, limits: SampleLimits
) -> TaggedRows:
    """Documents of a split, each behind the task's tag."""
    eos, longest = limits.targets.eos, limits.max_source_positions
    side, language_id = _side(corpus, split, DOCUMENT_SIDE), corpus.data_bin.language_id
    return TaggedRows(side, rows, longest, eos, corpus.tag, language_id(corpus.source_lang))


def load_documents(corpus: TaskCorpus, split: str, limits: SampleLimits) -> SummaryDataset:
    """Load every document of a split, to be decoded; with those targets that are there."""
    rows = np.arange(len(corpus.data_bin.ids(split)))
    documents = tagged_documents(corpus, split, rows, limits)
    targets = None
    if len(corpus.rows(split)):
        targets = LayoutDataset([_side(corpus, split, corpus.side)], rows, limits.targets)
    dictionary, start = corpus.data_bin.dictionary, corpus.data_bin.start(corpus.language)
    return SummaryDataset(
        documents,
        targets,
        dictionary,
        shuffle=False,
        split=split,
        starts=(start, start),
        names=corpus.data_bin.ids(split),
    )


def subset_rows(corpus: TaskCorpus, split: str, subset: TrainSubset) -> np.ndarray:
    """Rows of a low-resource subset: the ones `cross_lingual_summarization` draws.

    That draws from the records with summaries in both languages. Where a CLS corpus has no `S^A` at
    all, any of its records with `S^B` may be drawn.
    """
    data_bin, source = corpus.data_bin, corpus.source_lang
    ids = data_bin.ids(split)
    complete = rows_with_summaries(data_bin, split, (source, corpus.target_lang))
    if not len(rows_with_summaries(data_bin, split, (source,))):
        complete = corpus.rows(split)
    if subset.size > len(complete):
        raise ConfigError(
            f"--cls-subset-size {subset.size}: the data-bin {data_bin.folder} has {len(complete)} "
            "training records to draw from; ask for at most so many"
        )
    drawn = set(draw_subset([ids[row] for row in complete], subset.size, subset.seed))
    return np.asarray([row for row in complete if ids[row] in drawn], dtype=np.int64)


def tokens_written(parts: Iterable[tuple[TaskCorpus, TaskDataset]]) -> dict[str, set[int]]:
    """Which dictionary ids the targets of a training hold: language -> ids."""
    seen: dict[str, set[int]] = {}
    for corpus, dataset in parts:
        side = _side(corpus, "train", corpus.side)
        tokens = seen.setdefault(corpus.language, set())
        for row in dataset.rows:
            tokens.update(side[int(row)].tolist())
    return seen


def _summaries_of_documents(
    corpus: TaskCorpus, split: str, rows: np.ndarray, limits: SampleLimits
) -> LayoutDataset | None:
    """`S^A` of the documents of a CLS corpus, if all of them have one."""
    if corpus.task is not TrainTask.CLS:
        return None
    there = rows_with_summaries(corpus.data_bin, split, (corpus.source_lang,))
    if not np.isin(rows, there).all():
        return None
    side = _side(corpus, split, summary_side(corpus.source_lang))
    return LayoutDataset([side], rows, limits.targets)


def _side(corpus: TaskCorpus, split: str, side: str) -> FairseqDataset:
    found = corpus.data_bin.side(split, side)
    if found is None:
        raise DataError(f"data-bin {corpus.data_bin.folder}: split {split!r} has no {side}")
    return found


def _nothing_there(corpus: TaskCorpus, split: str) -> str:
    remedy = "prepare records that have it"
    if corpus.task is not TrainTask.CLS:
        remedy = (
            f"give the data-bin of another corpus with --{corpus.task.value}-data, or leave "
            f"{corpus.task.value} out of --train-tasks"
        )
    return (
        f"data-bin {corpus.data_bin.folder}: task {corpus.task.value} needs records with "
        f"{_NEEDED[corpus.task]} {corpus.language}, split {split!r} has none; {remedy}"
    )

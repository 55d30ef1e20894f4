"""Loads a split with the targets of a setting, and keeps what a subset of it is written with."""

import logging
from pathlib import Path
from typing import Any, Optional

from mclas_fairseq.corpus.generation_log import GenerationRun, describe_run
from mclas_fairseq.data.layouts import DecoderChoice
from mclas_fairseq.data.setting import Setting
from mclas_fairseq.data.split_loading import (
    LoadedSplit,
    TrainSubset,
    count_vocabulary,
)
from mclas_fairseq.data.subset_file import write_train_subset

logger = logging.getLogger(__name__)


def train_subset(cfg: Any, split: str) -> Optional[TrainSubset]:
    """The low-resource sample that the flags ask for; None: all of the split."""
    if split != "train" or cfg.train_subset_size <= 0:
        return None
    return TrainSubset(cfg.train_subset_size, cfg.subset_seed)


def load_examples(setting: Setting, split: str, subset: Optional[TrainSubset]) -> LoadedSplit:
    """Load what is trained or validated on: documents with all summaries of the layout."""
    return setting.examples().load(split, subset)


def load_documents(
    setting: Setting, split: str, decoder: DecoderChoice, subset: Optional[TrainSubset]
) -> LoadedSplit:
    """Load what is decoded: every document, with the targets that are there.

    Says in the log what will be written, which is how logs of generation are read.
    """
    languages, targets = setting.written(decoder), setting.targets
    loaded = setting.examples().load(split, subset, decoder=decoder)
    written = targets.written if targets.several else ()
    run = GenerationRun(split, languages, len(loaded.ids), written)
    logger.info("%s", describe_run(run))
    return loaded


def keep_subset(setting: Setting, loaded: LoadedSplit, folder: Path) -> dict[str, list[int]]:
    """Write the ids of a subset beside the checkpoints, and count its language vocabularies.

    Returns:
        By language, the dictionary ids that the subset's training summaries hold.
    """
    write_train_subset(folder, loaded.ids)
    dictionary, rows = setting.data_bin.dictionary, loaded.dataset.rows
    return {
        language: count_vocabulary(setting.data_bin, language, rows).indices(dictionary)
        for language in setting.languages
    }

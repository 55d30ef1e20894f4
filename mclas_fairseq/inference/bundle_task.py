"""The task of a bundle: what a checkpoint with its data-bin would set up, from `config.json` alone.

Place in the pipeline: `loading.py` builds the model with it.
"""

from pathlib import Path
from typing import Any

from mclas_fairseq.bundles.config import BundleConfig
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.data.task_state import TaskState
from mclas_fairseq.generation.options import DecodingOptions, Owner, of_task
from mclas_fairseq.mglm.prompted_examples import PromptDataBin
from mclas_fairseq.mglm.seq2seq import PROMPTS, GlmSeq2SeqConfig, GlmSeq2SeqTask
from mclas_fairseq.summarization.base_task import SummarizationTask
from mclas_fairseq.summarization.task import (
    CrossLingualSummarizationConfig,
    CrossLingualSummarizationTask,
)
from mclas_fairseq.vhm.task import (
    MultitaskSummarizationConfig,
    MultitaskSummarizationTask,
)


def build_task(folder: Path, config: BundleConfig, options: DecodingOptions) -> SummarizationTask:
    """Build the task of a bundle that was checked.

    Args:
        folder: the bundle, with dictionary, tokenizer and vocabularies as in a data-bin.
        config: what it says of itself.
        options: how to decode.

    Raises:
        DataError: its dictionary is not the one that it was made with.
        CheckpointError: its model did not learn the task that is to be decoded.
    """
    data_bin = _data_bin(folder, config)
    task = _task(data_bin, config, options)
    state = TaskState(
        target_layout=config.target_layout,
        source_lang=config.source_lang,
        target_lang=config.target_lang,
        max_source_positions=config.max_source_positions,
        max_target_positions=config.max_target_positions,
        dictionary_sha256=config.dictionary_sha256,
        subset_ids=[],
        vocabularies={
            code: data_bin.vocabulary(code).indices(task.dictionary)
            for code in config.written_langs
        },
        target_langs=list(config.target_langs) if len(config.target_langs) > 1 else [],
    ).to_dict()
    if config.train_tasks:
        state["train_tasks"] = list(config.train_tasks)
    if config.prompts:
        state[PROMPTS] = dict(config.prompts)
    task.load_state_dict(state)
    return task


def _data_bin(folder: Path, config: BundleConfig) -> DataBin:
    # A bundle has of a data-bin what decoding reads: dictionary, tokenizer, vocabularies.
    manifest = Manifest(
        source_lang=config.source_lang,
        target_langs=config.target_langs,
        tokenizer=config.tokenizer,
        lowercase=config.lowercase,
        counts={},
        inputs={},
        dictionary_sha256=config.dictionary_sha256,
        versions=config.versions,
    )
    data_bin = (PromptDataBin if config.prompts else DataBin)(folder, manifest)
    data_bin.check_dictionary()
    return data_bin


def _task(data_bin: DataBin, config: BundleConfig, options: DecodingOptions) -> SummarizationTask:
    common: dict[str, Any] = {
        "data": str(data_bin.folder),
        "target_lang": config.target_lang,
        "max_source_positions": config.max_source_positions,
        "max_target_positions": config.max_target_positions,
        **of_task(options, Owner.SUMMARIZATION),
    }
    if config.prompts:
        del common["target_lang"]  # what the checkpoint learned is written, until others are asked
        return GlmSeq2SeqTask(GlmSeq2SeqConfig(**common), data_bin)
    if not config.train_tasks:
        return CrossLingualSummarizationTask(CrossLingualSummarizationConfig(**common), data_bin)
    cfg = MultitaskSummarizationConfig(
        **common,
        train_tasks=",".join(config.train_tasks),
        **of_task(options, Owner.MULTITASK),
        seed=config.training.get("seed", 1),  # a checkpoint's draws are by it
    )
    return MultitaskSummarizationTask(cfg, data_bin)

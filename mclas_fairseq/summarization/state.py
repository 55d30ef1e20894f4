"""Between a task's setting and what a checkpoint keeps of it."""

import logging
from collections.abc import Mapping
from typing import Any

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.data.setting import Setting
from mclas_fairseq.data.task_state import TaskState
from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.summarization.targets import asked_of, check_layout, several_targets

logger = logging.getLogger(__name__)


def read_state(state_dict: Mapping[str, Any], data_bin: DataBin) -> TaskState:
    """What a checkpoint kept.

    Raises:
        CheckpointError: it has none of it, or was trained with another dictionary.
    """
    return TaskState.from_dict(
        state_dict, dictionary_sha256=data_bin.manifest.dictionary_sha256, folder=data_bin.folder
    )


def state_of(
    setting: Setting, vocabularies: dict[str, list[int]], subset_ids: list[str]
) -> TaskState:
    """What a checkpoint keeps.

    Args:
        setting: what its model writes.
        vocabularies: language -> dictionary ids that its summaries may hold.
        subset_ids: ids of the training subset, empty for all.
    """
    return TaskState(
        target_layout=setting.layout.value,
        source_lang=setting.source_lang,
        target_lang=setting.target_lang,
        max_source_positions=setting.max_source_positions,
        max_target_positions=setting.max_target_positions,
        dictionary_sha256=setting.data_bin.manifest.dictionary_sha256,
        subset_ids=list(subset_ids),
        vocabularies=vocabularies,
        target_langs=list(setting.targets.trained) if setting.targets.several else [],
    )


def setting_of(state: TaskState, data_bin: DataBin, cfg: Any) -> Setting:
    """What a checkpoint's model writes; the flags choose among its target languages.

    Raises:
        ConfigError: it was not trained to write one that they name.
    """
    trained, layout = _trained(state), Layout(state.target_layout)
    check_layout(layout, trained)
    return Setting(
        data_bin,
        layout,
        state.source_lang,
        several_targets(data_bin, trained).write(asked_of(cfg, trained)),
        max_source_positions=state.max_source_positions,
        max_target_positions=state.max_target_positions,
    )


def compare(setting: Setting, state: TaskState, *, loaded: bool) -> None:
    """Say where a checkpoint wins over the flags.

    Args:
        setting: what the flags ask for, or the checkpoint before it had.
        state: what the checkpoint has.
        loaded: whether there was one before it, in an ensemble.

    Raises:
        CheckpointError: there was, and it had something else.
    """
    asked = (setting.layout.value, setting.source_lang, "+".join(setting.targets.trained))
    found = (state.target_layout, state.source_lang, "+".join(_trained(state)))
    if asked == found:
        return
    if loaded:
        raise CheckpointError(
            f"ensemble: its checkpoints must have one layout and one pair of languages, "
            f"found {asked} and {found}; decode them one by one"
        )
    logger.info("the checkpoint has %s, which wins over the flags' %s", found, asked)


def _trained(state: TaskState) -> list[str]:
    return state.target_langs or [state.target_lang]


def refuse_multitask(state_dict: Mapping[str, Any]) -> None:
    """Refuse a checkpoint of the other task.

    Raises:
        CheckpointError: it is of `multitask_summarization`.
    """
    if "train_tasks" in state_dict:
        raise CheckpointError(
            "checkpoint: it was trained with --task multitask_summarization, whose documents "
            "begin with a tag; give that task"
        )

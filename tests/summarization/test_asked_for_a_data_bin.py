"""Every task of ours says by its name what it needs where no data-bin is given."""

import pytest
from fairseq.tasks import TASK_DATACLASS_REGISTRY, TASK_REGISTRY

from mclas_fairseq import register
from mclas_fairseq.errors import ConfigError

COMMANDS = {
    "cross_lingual_summarization": "mclas prepare",
    "multitask_summarization": "mclas prepare",
    "glm_pretraining": "mclas prepare-text",
    "glm_seq2seq": "mclas prepare --like",
    "sequence_labelling": "mclas prepare --labels",
}


@pytest.mark.parametrize(("task", "command"), COMMANDS.items())
def test_a_task_without_a_data_bin_names_the_command_that_makes_one(
    task: str, command: str
) -> None:
    register()
    with pytest.raises(ConfigError) as caught:
        TASK_REGISTRY[task].setup_task(TASK_DATACLASS_REGISTRY[task]())
    assert str(caught.value) == (
        f"task {task}: it needs a data-bin, none was given; name the folder that {command} wrote"
    )


def test_these_are_all_tasks_of_ours() -> None:
    register()
    ours = {name for name, task in TASK_REGISTRY.items() if task.__module__.startswith("mclas_")}
    assert ours == set(COMMANDS)

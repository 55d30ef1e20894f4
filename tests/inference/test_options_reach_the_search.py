"""Options of the search reach it, whoever says them: flags, a call, or a loaded system."""

from argparse import Namespace
from typing import Any
from unittest.mock import patch

import pytest

from mclas_fairseq.generation.options import DecodingOptions, Owner, SearchOption, search_options
from mclas_fairseq.summarization.task import (
    CrossLingualSummarizationConfig,
    CrossLingualSummarizationTask,
)

Task = CrossLingualSummarizationTask
SHARED = search_options(Owner.FAIRSEQ, Owner.SUMMARIZATION)


def asked(task: Task, args: Namespace) -> DecodingOptions:
    """The options that the search of a task is built with."""
    with patch("mclas_fairseq.summarization.search.build_summary_generator") as build:
        task.build_generator([], args)
    found: DecodingOptions = build.call_args.kwargs["options"]
    return found


@pytest.mark.parametrize("option", SHARED, ids=lambda option: option.name)
def test_each_option_reaches_the_search(task: Task, option: SearchOption) -> None:
    value: Any = option.declared.choices[1] if option.kind is str else option.kind(2)
    layout = "ncls_ms" if option.name == "summary_decoder" else "mclas"
    flags: dict[str, Any] = {"data": str(task.data_bin.folder), "target_layout": layout}
    changed = DecodingOptions(**{option.name: value})
    if option.owner is Owner.SUMMARIZATION:
        own = Task.setup_task(CrossLingualSummarizationConfig(**flags, **{option.name: value}))
        assert asked(own, Namespace()) == changed
    own = Task.setup_task(CrossLingualSummarizationConfig(**flags))
    assert asked(own, Namespace()) == DecodingOptions()
    assert asked(own, Namespace(**{option.name: value})) == changed
    own.decode_with(changed)
    assert asked(own, Namespace()) == changed

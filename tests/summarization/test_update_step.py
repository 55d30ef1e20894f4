"""What our tasks do around an update of fairseq's."""

from typing import Any

import pytest
from torch import nn

from mclas_fairseq.modules import heap
from mclas_fairseq.summarization.task import CrossLingualSummarizationTask
from mclas_fairseq.vhm.task import MultitaskSummarizationTask


class Optimizer:
    """Counts its steps."""

    steps = 0

    def step(self) -> None:
        self.steps += 1


@pytest.mark.parametrize("task_type", [CrossLingualSummarizationTask, MultitaskSummarizationTask])
def test_holes_in_the_heap_are_closed_after_every_tenth_update(
    task_type: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps_before: list[int] = []
    optimizer, model = Optimizer(), nn.Linear(1, 1)
    monkeypatch.setattr(
        heap, "_malloc_trim", lambda: lambda _: steps_before.append(optimizer.steps)
    )
    task = object.__new__(task_type)
    for update in range(1, 21):
        task.optimizer_step(optimizer, model, update)
    assert steps_before == [10, 20]

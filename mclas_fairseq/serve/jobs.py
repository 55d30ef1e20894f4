"""A document from when it was taken until somebody has its summary."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Optional

from mclas_fairseq.serve.messages import Outcome
from mclas_fairseq.serve.problems import Problem

# Told of a document's summaries while they are written: target, language, text that is added.
Watcher = Callable[[str, str, str], None]


@dataclass(eq=False)
class Job:
    """A document that was taken.

    Attributes:
        number: of it alone.
        model: name of the one that was asked.
        told: who looks on while it is decoded.
        waiting: parts of it that wait: itself, or windows of it.
        future: gets its outcome, or the problem that it met.
    """

    number: int
    model: str
    told: Optional[Watcher] = field(default=None, repr=False)
    waiting: int = 1
    future: "Future[Outcome]" = field(default_factory=Future, repr=False)

    def finish(self, outcome: Outcome) -> None:
        """Give the outcome to who waits, if anybody does."""
        if self._begin():
            self.future.set_result(outcome)

    def fail(self, problem: Problem) -> None:
        """Tell who waits what went wrong, if anybody does."""
        if self._begin():
            self.future.set_exception(problem)

    def _begin(self) -> bool:
        return not self.future.done() and self.future.set_running_or_notify_cancel()

"""Which of the waiting documents are decoded together."""

from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Optional

from mclas_fairseq.inference.results import Summary
from mclas_fairseq.serve.models import Search


@dataclass(frozen=True)
class Outcome:
    """What came of a document.

    Attributes:
        summary: what was written.
        attention: as `SummaryAttention.to_json` gives it, where it was asked for.
        read_tokens: of the document.
    """

    summary: Summary
    attention: Optional[dict[str, Any]]
    read_tokens: int


@dataclass(eq=False)
class Job:
    """A document that waits, or is being decoded.

    Attributes:
        search: how it is searched.
        text: of the document.
        attention: whether attention is asked for.
        arrived: when it entered the queue, in seconds of the monotonic clock.
        deadline: when nobody waits for it any more.
        future: gets its outcome, or what went wrong.
        tokens: that the model reads of it; 0 until it is measured.
    """

    search: Search
    text: str = field(repr=False)
    attention: bool
    arrived: float
    deadline: float
    future: "Future[Outcome]" = field(default_factory=Future, repr=False)
    tokens: int = 0

    @property
    def kind(self) -> Hashable:
        """Documents of the same kind can be decoded together."""
        return self.search


def choose_batch(jobs: Sequence[Job], max_tokens: int) -> list[Job]:
    """The next batch: the document that waits longest, and those nearest to it in length.

    So none waits for ever, and little is padded.

    Args:
        jobs: measured, in order of arrival; at least one.
        max_tokens: of a batch, padding included; a document that is longer goes alone.
    """
    oldest = jobs[0]
    others = [job for job in jobs[1:] if job.kind == oldest.kind]
    batch, longest = [oldest], oldest.tokens
    for job in sorted(others, key=lambda job: abs(job.tokens - oldest.tokens)):
        widest = max(longest, job.tokens)
        if (len(batch) + 1) * widest > max_tokens:
            break
        batch.append(job)
        longest = widest
    return batch


def is_full(jobs: Sequence[Job], max_tokens: int) -> bool:
    """Whether waiting for more documents cannot make the next batch larger."""
    batch = choose_batch(jobs, max_tokens)
    return len(batch) < sum(job.kind == jobs[0].kind for job in jobs) or (
        (len(batch) + 1) * max(job.tokens for job in batch) > max_tokens
    )

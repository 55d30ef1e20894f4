"""Which of the waiting documents are decoded together."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Optional, Protocol

from mclas_fairseq.inference.documents import EncodedDocument
from mclas_fairseq.inference.on_long import OnLong
from mclas_fairseq.inference.results import Summary
from mclas_fairseq.serve.models import Model, Search

# Told of a document's summaries while they are written: target, language, text that is added.
Told = Callable[[str, str, str], None]


@dataclass(frozen=True)
class Outcome:
    """What came of a document.

    Attributes:
        summary: what was written.
        attention: as `SummaryAttention.to_json` gives it, where it was asked for.
        read_tokens: of the document.
        warning: what there is to say of its language.
    """

    summary: Summary
    attention: Optional[dict[str, Any]]
    read_tokens: int
    warning: Optional[str] = None


@dataclass(frozen=True)
class Asked:
    """What is asked of the documents of a request, beside the search.

    Attributes:
        timeout: seconds after which nobody waits for them any more.
        attention: whether attention is asked for.
        on_long: what becomes of those that are longer than the model reads.
    """

    timeout: float
    attention: bool = False
    on_long: OnLong = OnLong.TRUNCATE


class Windows(Protocol):
    """Takes the summaries of the windows of a long document, as `serve.parts.Parts` does."""

    @property
    def read_tokens(self) -> int:
        """Of the document."""

    def take(self, job: "Job", summary: Summary) -> "tuple[list[Job], Optional[Summary]]":
        """Take the summary of one window; give what is to be decoded next, or the document's."""


@dataclass(eq=False)
class Job:
    """A document that waits, or is being decoded; or a part of a long one.

    Attributes:
        model: that was asked; it stays with the job when another takes its name.
        search: how it is searched.
        text: of the document.
        asked: of it.
        arrived: when it entered the queue, in seconds of the monotonic clock.
        told: who looks on while it is decoded.
        characters_told: target, language -> how much of that summary who looks on knows.
        parts: takes the summaries of the windows of a long document, of which this is one.
        future: gets its outcome, or what went wrong; the windows of a document share its own.
        encoded: the text in tokens of the model; None until the thread has come to it.
        warning: what there is to say of its language.
    """

    model: Model
    search: Search
    text: str = field(repr=False)
    asked: Asked
    arrived: float
    told: Optional[Told] = field(default=None, repr=False)
    characters_told: Counter[tuple[str, str]] = field(default_factory=Counter, repr=False)
    parts: Optional[Windows] = field(default=None, repr=False)
    future: "Future[Outcome]" = field(default_factory=Future, repr=False)
    encoded: Optional[EncodedDocument] = field(default=None, repr=False)
    warning: Optional[str] = None

    @property
    def kind(self) -> Hashable:
        """Documents of the same kind can be decoded together."""
        return self.model, self.search

    @property
    def name(self) -> str:
        """Of its model."""
        return self.model.card.name

    @property
    def document(self) -> EncodedDocument:
        """It in tokens, to be asked for when it is."""
        assert self.encoded is not None
        return self.encoded

    @property
    def tokens(self) -> int:
        """Those that the model reads of it; see `document`."""
        return self.document.read

    @property
    def deadline(self) -> float:
        """When nobody waits for it any more."""
        return self.arrived + self.asked.timeout

    def begin(self) -> bool:
        """Mark it as being decoded; False where nobody waits for it."""
        if self.future.running():  # another window of the document was begun
            return True
        return not self.future.done() and self.future.set_running_or_notify_cancel()

    def finish(self, outcome: Outcome) -> None:
        """Give the outcome to who waits, if anybody does."""
        if self.begin():
            self.future.set_result(outcome)

    def fail(self, error: Exception) -> None:
        """Tell who waits what went wrong, if anybody does."""
        if self.begin():
            self.future.set_exception(error)


def choose_batch(jobs: Sequence[Job], max_tokens: int) -> list[Job]:
    """The next batch: the document that waits longest, and those nearest to it in length.

    So none waits for ever, and little is padded.

    Args:
        jobs: in tokens, in order of arrival; at least one.
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

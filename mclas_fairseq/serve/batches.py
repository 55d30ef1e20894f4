"""Which of the waiting documents are decoded together."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Optional, Protocol

from mclas_fairseq.inference.documents import EncodedDocument
from mclas_fairseq.inference.results import Summary
from mclas_fairseq.serve.messages import Asked
from mclas_fairseq.serve.models import Model
from mclas_fairseq.serve.searches import Search


class Windows(Protocol):
    """Takes the summaries of the windows of a long document, as `serve.parts.Parts` does."""

    @property
    def read_tokens(self) -> int:
        """Of the document."""

    def take(self, job: "Job", summary: Summary) -> "tuple[list[Job], Optional[Summary]]":
        """Take the summary of one window; give what is to be decoded next, or the document's."""


@dataclass(eq=False)
class Ticket:
    """What the parts of one document share.

    Attributes:
        number: of the document.
        over: nobody waits for it any more, as it was answered, failed or was forgotten.
    """

    number: int
    over: bool = False


@dataclass(eq=False)
class Job:
    """A document that waits, or is being decoded; or a part of a long one.

    Attributes:
        ticket: of the document; its windows share it.
        model: that was asked; it stays with the job when another takes its name.
        search: how it is searched.
        text: of the document.
        asked: of it.
        arrived: when it entered the queue, in seconds of the monotonic clock.
        watched: whether somebody looks on while it is decoded.
        characters_told: target, language -> how much of that summary who looks on knows.
        parts: takes the summaries of the windows of a long document, of which this is one.
        encoded: the text in tokens of the model; None until the thread has come to it.
        warning: what there is to say of its language.
    """

    ticket: Ticket
    model: Model
    search: Search
    text: str = field(repr=False)
    asked: Asked
    arrived: float
    watched: bool = False
    characters_told: Counter[tuple[str, str]] = field(default_factory=Counter, repr=False)
    parts: Optional[Windows] = field(default=None, repr=False)
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


def choose_batch(jobs: Sequence[Job], max_tokens: int, max_documents: int) -> list[Job]:
    """The next batch: the document that waits longest, and those nearest to it in length.

    So none waits for ever, and little is padded.

    Args:
        jobs: in tokens, in order of arrival; at least one.
        max_tokens: of a batch, padding included; a document that is longer goes alone.
        max_documents: of a batch.
    """
    oldest = jobs[0]
    others = [job for job in jobs[1:] if job.kind == oldest.kind]
    batch, longest = [oldest], oldest.tokens
    for job in sorted(others, key=lambda job: abs(job.tokens - oldest.tokens)):
        widest = max(longest, job.tokens)
        if len(batch) == max_documents or (len(batch) + 1) * widest > max_tokens:
            break
        batch.append(job)
        longest = widest
    return batch


def is_full(jobs: Sequence[Job], max_tokens: int, max_documents: int) -> bool:
    """Whether waiting for more documents cannot make the next batch larger."""
    batch = choose_batch(jobs, max_tokens, max_documents)
    return (
        len(batch) == max_documents
        or len(batch) < sum(job.kind == jobs[0].kind for job in jobs)
        or (len(batch) + 1) * max(job.tokens for job in batch) > max_tokens
    )

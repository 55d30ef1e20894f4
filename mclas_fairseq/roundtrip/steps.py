"""Cleaning steps of a round-trip run: what a step is, and where it is put.

A step is a `datatrove` `PipelineStep`. Between steps travel `datatrove` documents, one for each
record of the input, in input order:

* `document.metadata["record"]` is the record, a plain dict, which a step may change in place;
* `document.metadata["rejected"]` is why it was rejected; absent while it is not.

No step drops a document: it rejects it (`reject`) and hands it on, so that every record of the
input ends either in the corpus or among the rejected ones, with its reason, which is also what the
report counts. Reasons are few fixed words ("too long", "duplicate"), never text of the record.

Most steps judge one record at a time: subclass `RecordStep` and write `judge`. A step that must
see the whole corpus overrides `run`, which gets the stream of all documents and may keep what it
needs on disk. Steps must be picklable: workers on other machines are sent them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

Record = dict[str, Any]

_RECORD = "record"
_REJECTED = "rejected"


def make_document(record: Record, reason: Optional[str] = None) -> Document:
    """Wrap a record, rejected already where there is a `reason`."""
    document = Document(text="", id="", metadata={_RECORD: record})
    if reason is not None:
        reject(document, reason)
    return document


def record_of(document: Document) -> Record:
    """The record of a document, to be read or changed in place."""
    record: Record = document.metadata[_RECORD]
    return record


def rejection_of(document: Document) -> Optional[str]:
    """Why the document was rejected; None: it was not."""
    reason: Optional[str] = document.metadata.get(_REJECTED)
    return reason


def reject(document: Document, reason: str) -> None:
    """Mark a document as rejected, for a reason of few fixed words."""
    document.metadata[_REJECTED] = reason


class RecordStep(PipelineStep, ABC):
    """A step that judges, and may change, one record at a time.

    Attributes:
        name: what it is called in settings and logs.
    """

    type = "mclas"
    name: str = ""

    def settings(self) -> Mapping[str, object]:
        """Options that change what the step does, as JSON values; a run is refused where other
        options were used before.
        """
        return {}

    @abstractmethod
    def judge(self, record: Record) -> Optional[str]:
        """Return why the record is to be rejected, or None to let it pass."""

    def run(
        self, data: Iterable[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Judge the documents that were not rejected before; hand on all."""
        for document in data:
            if _REJECTED not in document.metadata:
                reason = self.judge(document.metadata[_RECORD])
                if reason is not None:
                    document.metadata[_REJECTED] = reason
            yield document


@dataclass(frozen=True)
class CleaningSteps:
    """The steps of a run, by the place where they work; each list is run in its order.

    Attributes:
        corpus: over the whole input, in one process, while it is cut into shards: what must see
            all records (duplicates). Their records have passed no other step.
        before: over each shard, in the workers, before translation.
        after: over all pairs in order, in one process, after the filter; here records have both
            summaries. They are run again whenever thresholds change.
    """

    corpus: Sequence[PipelineStep] = ()
    before: Sequence[PipelineStep] = ()
    after: Sequence[PipelineStep] = ()

    def describe(self) -> dict[str, list[dict[str, object]]]:
        """Names and settings of the steps, as they are saved with a run."""
        return {
            place: [{"step": step.name, **getattr(step, "settings", dict)()} for step in steps]
            for place, steps in (
                ("corpus", self.corpus),
                ("before", self.before),
                ("after", self.after),
            )
        }


def chain(steps: Sequence[PipelineStep], data: Iterable[Document]) -> Iterator[Document]:
    """Run documents through steps, in this process."""
    stream = iter(data)
    for step in steps:
        stream = step(stream, 0, 1)
    return stream

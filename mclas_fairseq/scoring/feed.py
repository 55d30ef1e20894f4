"""From the task to the scorer: finished documents with their raw references.

fairseq hands its scorers two strings without an id: the training target, which has one reference
and may be truncated, and the hypothesis. Our task therefore puts every decoded document on a feed,
in the order in which fairseq goes through the batch, and the scorer takes it from there.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ScoredDocument:
    """What was written for one document and what should have been.

    Attributes:
        id: the document's id.
        hypotheses: language -> summary, in the order of writing: `S^A` before `S^B`.
        references: language -> raw references; a language without any is not scored.
        row: its place in the split; documents are decoded in order of length.
    """

    id: str
    hypotheses: Mapping[str, str]
    references: Mapping[str, Sequence[str]]
    row: int = 0


class ScoringFeed:
    """First in, first out; the task keeps it as `scoring_feed` of its target dictionary.

    Attributes:
        attached: whether a scorer takes the documents; while none does, nothing should be pushed.
    """

    def __init__(self) -> None:
        self.attached = False
        self._documents: deque[ScoredDocument] = deque()

    def __len__(self) -> int:
        return len(self._documents)

    def push(self, document: ScoredDocument) -> None:
        """Add a document behind the others."""
        self._documents.append(document)

    def pop(self) -> ScoredDocument:
        """Take the oldest document; IndexError when there is none."""
        return self._documents.popleft()

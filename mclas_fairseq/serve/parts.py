"""A long document in the queue: its windows are decoded like documents, then their summaries."""

from dataclasses import replace
from typing import Optional

from mclas_fairseq.inference.results import Summary
from mclas_fairseq.inference.windows import Windowed
from mclas_fairseq.serve.batches import Job


class Parts:
    """The windows of one document.

    Args:
        job: of the document; its windows share its ticket.
        tokens: of the document.
        windowed: the document.
    """

    def __init__(self, job: Job, tokens: int, windowed: Windowed):
        self._job, self._windowed = job, windowed
        self._tokens = tokens
        self._places: dict[Job, int] = {}
        self._found: dict[int, Summary] = {}

    @property
    def read_tokens(self) -> int:
        """Of the document, all of which is read."""
        return self._tokens

    def jobs(self) -> list[Job]:
        """What is to be decoded now."""
        job, last = self._job, self._windowed.last
        asked = replace(job.asked, attention=job.asked.attention and last)
        # One target language is enough for summaries that are only read again.
        first = replace(job.search, target_langs=job.search.target_langs[:1])
        jobs = [
            replace(
                job,
                search=job.search if last else first,
                text=part.text,
                encoded=part,
                asked=asked,
                watched=job.watched and last,
                parts=self,
            )
            for part in self._windowed.parts
        ]
        self._places, self._found = {one: place for place, one in enumerate(jobs)}, {}
        return jobs

    def take(self, job: Job, summary: Summary) -> tuple[list[Job], Optional[Summary]]:
        """Take the summary of one window.

        Returns:
            What is to be decoded next, and the document's summary: nothing and None while other
            windows are still out.
        """
        self._found[self._places[job]] = summary
        if len(self._found) < len(self._places):
            return [], None
        found = [self._found[place] for place in range(len(self._places))]
        whole = self._windowed.advance(found)
        return ([], whole) if whole is not None else (self.jobs(), None)

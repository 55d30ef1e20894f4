"""The queue of the process that decodes, and the one thread that owns the models.

The thread takes batches out of the queue (`batches.py`) and decodes them (`decoding.py`). It alone
touches models that are served: torch's models, and a task that is told how to search, are not for
several threads. Models that take the places of others are loaded elsewhere and handed over whole
(`reloading.py`). Messages come in another thread, and what there is to say goes out through `tell`.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from mclas_fairseq.inference.document_language import language_warning
from mclas_fairseq.modules.heap import give_back
from mclas_fairseq.serve import memory
from mclas_fairseq.serve.batches import Job, Ticket, choose_batch, is_full
from mclas_fairseq.serve.decoding import Decoding
from mclas_fairseq.serve.messages import (
    Begun,
    Cut,
    Drain,
    Forget,
    FromDecoder,
    Late,
    Loaded,
    Pace,
    Release,
    Reload,
    ServedModel,
    Submit,
    ToDecoder,
)
from mclas_fairseq.serve.models import Model
from mclas_fairseq.serve.settings import ServeSettings


class Decoder:
    """Takes messages, decodes documents, tells what came of them.

    Args:
        settings: its limits.
        tell: takes what there is to say, from any thread.

    Attributes:
        models: by number; those that were replaced stay until they are released.
        reload: is called when bundles are to be loaded anew; waits for nothing.
    """

    def __init__(self, settings: ServeSettings, tell: Callable[[FromDecoder], None]):
        self.settings = settings
        self.models: dict[int, Model] = {}
        self.reload: Callable[[], None] = lambda: None
        self._tell = tell
        self._decoding = Decoding(tell, settings.max_windows)
        self._waiting: list[Job] = []
        self._tickets: dict[int, Ticket] = {}
        self._changed = threading.Condition()
        self._draining = self._ended = False
        self._loaded = 0

    # -- for other threads ----------------------------------------------------------------------

    def take(self, message: ToDecoder) -> None:
        """Do what a message asks for."""
        if isinstance(message, Submit):
            self._submit(message)
        elif isinstance(message, Forget):
            self._forget(message.documents)
        elif isinstance(message, Release):
            for number in message.models:
                self.models.pop(number, None)
        elif isinstance(message, Reload):
            self.reload()
        elif isinstance(message, Drain):
            with self._changed:
                self._draining = True
                self._changed.notify_all()

    def replace(self, models: Mapping[str, Model]) -> None:
        """Serve these from now on, by their names; documents that wait keep the model they have."""
        served = []
        for model in models.values():
            language_warning("A word or two.", model.card.source_lang)  # reads its tables
            self._loaded += 1
            self.models[self._loaded] = model
            served.append(ServedModel(self._loaded, model.card))
        self._tell(Loaded(tuple(served)))

    def end(self) -> None:
        """End `run` after its batch."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _submit(self, message: Submit) -> None:
        model = self.models[message.model]
        jobs = [
            Job(
                Ticket(number),
                model,
                message.search,
                text,
                message.asked,
                message.arrived,
                message.watched,
            )
            for number, text in message.texts
        ]
        with self._changed:
            self._tickets.update((job.ticket.number, job.ticket) for job in jobs)
            self._waiting.extend(jobs)
            self._changed.notify_all()

    def _forget(self, documents: Sequence[int]) -> None:
        with self._changed:
            for number in documents:
                if (ticket := self._tickets.pop(number, None)) is not None:
                    ticket.over = True
            self._sweep()

    def _sweep(self) -> None:
        """Leave out what is over; the lock is held."""
        self._waiting = [job for job in self._waiting if not job.ticket.over]
        over = [number for number, ticket in self._tickets.items() if ticket.over]
        for number in over:
            del self._tickets[number]

    # -- the thread -----------------------------------------------------------------------------

    def run(self) -> None:
        """Decode until the end."""
        while batch := self._next_batch():
            start = time.monotonic()
            waited = tuple(start - job.arrived for job in batch)
            self._tell(Begun(tuple(job.ticket.number for job in batch), waited))
            following = self._decoding.decode(batch)
            self._tell(Pace(len(batch), time.monotonic() - start))
            for job in following:
                self._tell(Cut(job.ticket.number, 1))
            with self._changed:  # they have waited already, and go first
                self._waiting[:0] = following
                self._sweep()

    def _next_batch(self) -> list[Job]:
        """Wait for documents; an empty batch ends the thread."""
        while True:
            self._wait_for_documents()
            with self._changed:
                if self._ended:
                    return []
                fresh = [job for job in self._waiting if job.encoded is None]
            self._encode(fresh)
            with self._changed:
                self._drop_late()
                if not (ready := [job for job in self._waiting if job.encoded is not None]):
                    continue
                rest = ready[0].arrived + self.settings.max_wait_ms / 1000 - time.monotonic()
                limits = self.settings.max_batch_tokens, self.settings.max_batch_documents
                if rest > 0 and not self._draining and not is_full(ready, *limits):
                    self._changed.wait(rest)
                    continue
                chosen = choose_batch(ready, *limits)
                taken = set(chosen)
                self._waiting = [job for job in self._waiting if job not in taken]
            return chosen

    def _wait_for_documents(self) -> None:
        """Wait for some, or for the end; when they do not come soon, memory goes back."""

        def has_work() -> bool:
            return bool(self._waiting) or self._ended

        with self._changed:
            if self._changed.wait_for(has_work, memory.IDLE_SECONDS):
                return
        give_back()
        with self._changed:
            self._changed.wait_for(has_work)

    def _encode(self, jobs: Sequence[Job]) -> None:
        """Turn documents to tokens; windows of a long one take its place."""
        instead = {job: self._decoding.encode(job) for job in jobs if not job.ticket.over}
        for job, parts in instead.items():
            if len(parts) > 1:
                self._tell(Cut(job.ticket.number, len(parts) - 1))
        with self._changed:
            self._waiting = [one for job in self._waiting for one in instead.get(job, [job])]

    def _drop_late(self) -> None:
        """Documents past their deadline, or that failed, leave the queue; the lock is held."""
        now = time.monotonic()
        for job in self._waiting:
            if job.deadline <= now and not job.ticket.over:
                job.ticket.over = True
                self._tell(Late(job.ticket.number))
        self._sweep()

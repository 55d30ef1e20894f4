"""The queue, and the one thread that owns the models.

Requests of all clients put their documents into one bounded queue; the thread takes batches out of
it (`batches.py`) and decodes them (`decoding.py`). It alone touches models that are served, from
loading on: torch's models, and a task that is told how to search, are not for several threads.
Models that take their places are loaded elsewhere and handed over whole (`reloading.py`).
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Optional

from mclas_fairseq.inference.document_language import language_warning
from mclas_fairseq.modules.heap import give_back
from mclas_fairseq.serve import memory
from mclas_fairseq.serve.batches import Asked, Job, Told, choose_batch, is_full
from mclas_fairseq.serve.decoding import Decoding
from mclas_fairseq.serve.metrics import Metrics
from mclas_fairseq.serve.models import Model, Search
from mclas_fairseq.serve.problems import Problem, later
from mclas_fairseq.serve.settings import ServeSettings

logger = logging.getLogger(__name__)

_RECENT = 32  # batches whose pace says when to come again


class Engine:
    """Takes documents, gives futures.

    Args:
        load: gives the models by name; called in the thread.
        settings: its limits.
        failed: called in the thread with the error when loading fails.

    Attributes:
        models: by name; empty until they are loaded.
        metrics: of this engine.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[str, Model]],
        settings: ServeSettings,
        failed: Callable[[BaseException], None] = lambda error: None,
    ):
        self.settings = settings
        self.models: Mapping[str, Model] = {}
        self.metrics = Metrics(lambda: len(self._waiting))
        self._load, self._failed = load, failed
        self._decoding = Decoding(self.metrics, settings.max_windows)
        self._waiting: list[Job] = []
        self._changed = threading.Condition()
        self._draining = self._ended = False
        self._pace: deque[tuple[int, float]] = deque(maxlen=_RECENT)  # documents, seconds
        self._thread = threading.Thread(target=self._run, name="decoding", daemon=True)

    # -- for other threads ----------------------------------------------------------------------

    def start(self) -> None:
        """Start loading, and then decoding."""
        self._thread.start()

    def drain(self) -> None:
        """Take no more documents; those that were taken are still decoded.

        A handler of signals may call it: it waits for no lock.
        """
        self._draining = True

    def stop(self, timeout: Optional[float] = None) -> None:
        """End the thread after its batch; what still waits is answered with 503."""
        with self._changed:
            self._draining = self._ended = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def replace(self, models: Mapping[str, Model]) -> None:
        """Serve these from now on, by their names; documents that wait keep the model they have."""
        self.models = {**self.models, **models}
        self.metrics.loaded(self.models)

    @property
    def ready(self) -> bool:
        """Whether documents are taken."""
        return bool(self.models) and not self._draining

    def check_ready(self) -> None:
        """Refuse when no documents are taken.

        Raises:
            Problem: 503.
        """
        if self._draining:
            raise later(503, "the server is ending and takes no more documents; try another", 5)
        if not self.models:
            raise later(503, "the models are still being loaded; come again", 5)

    def submit(
        self,
        model: Model,
        search: Search,
        texts: Sequence[str],
        asked: Asked,
        told: Sequence[Told] = (),
    ) -> list[Job]:
        """Put documents into the queue, all or none.

        Args:
            model: one of `models`.
            search: that the model gave.
            texts: of the documents.
            asked: of each.
            told: of each who looks on while it is decoded; called in the thread.

        Raises:
            Problem: 503 while loading or ending; 429 when they do not fit, with `Retry-After`.
        """
        now = time.monotonic()
        jobs = [Job(model, search, text, asked, now) for text in texts]
        for job, one in zip(jobs, told, strict=False):
            job.told = one
        with self._changed:
            self.check_ready()
            self.check_room(len(jobs))
            self._waiting.extend(jobs)
            self._changed.notify_all()
        return jobs

    def check_admission(self) -> None:
        """Refuse when not a single document is taken; it costs next to nothing.

        Raises:
            Problem: 503 or 429.
        """
        self.check_ready()
        self.check_room(1)

    def check_room(self, documents: int) -> None:
        """Refuse when so many documents do not fit into the queue.

        Raises:
            Problem: 429, with `Retry-After`.
        """
        free = self.settings.max_queue - len(self._waiting)
        if documents > free:
            raise later(
                429,
                f"{documents} documents do not fit into the queue, which has room for"
                f" {max(0, free)}; come again after the seconds that Retry-After says",
                self._seconds_to_empty(),
            )

    def forget(self, jobs: Sequence[Job]) -> None:
        """Nobody waits for these any more: those that are not being decoded leave the queue."""
        gone = {job.future for job in jobs}
        with self._changed:
            self._waiting = [job for job in self._waiting if job.future not in gone]
        for future in gone:
            future.cancel()

    def _seconds_to_empty(self) -> int:
        documents = sum(count for count, _ in self._pace)
        if not documents:
            return 1
        each = sum(seconds for _, seconds in self._pace) / documents
        return math.ceil(each * len(self._waiting))

    # -- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            models = dict(self._load())
            for model in models.values():
                language_warning("A word or two.", model.card.source_lang)  # reads its tables
            self.replace(models)
        except BaseException as error:  # also SystemExit of a library: the server must end
            self._draining = True
            self._failed(error)
            return
        logger.info("ready: %s", ", ".join(models))
        while batch := self._next_batch():
            start = time.monotonic()
            self.metrics.started(batch, start)
            following = self._decoding.decode(batch)
            self._pace.append((len(batch), time.monotonic() - start))
            with self._changed:  # they have waited already, and go first
                self._waiting[:0] = following

    def _next_batch(self) -> list[Job]:
        """Wait for documents; an empty batch ends the thread."""
        while True:
            self._wait_for_documents()
            with self._changed:
                if self._ended:
                    self._refuse_all()
                    return []
                fresh = [job for job in self._waiting if job.encoded is None]
            self._encode(fresh)
            with self._changed:
                self._drop_late()
                if not (ready := [job for job in self._waiting if job.encoded is not None]):
                    continue
                rest = ready[0].arrived + self.settings.max_wait_ms / 1000 - time.monotonic()
                limit = self.settings.max_batch_tokens
                if rest > 0 and not self._draining and not is_full(ready, limit):
                    self._changed.wait(rest)
                    continue
                chosen = choose_batch(ready, limit)
                taken = set(chosen)
                self._waiting = [job for job in self._waiting if job not in taken]
            # What was forgotten just now is not decoded.
            if batch := [job for job in chosen if job.begin()]:
                return batch

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

    def _refuse_all(self) -> None:
        for job in self._waiting:
            job.fail(later(503, "the server ended; try another", 5))
        self._waiting = []

    def _encode(self, jobs: Sequence[Job]) -> None:
        """Turn documents to tokens; windows of a long one take its place."""
        instead = {job: self._decoding.encode(job) for job in jobs if not job.future.done()}
        with self._changed:
            self._waiting = [one for job in self._waiting for one in instead.get(job, [job])]

    def _drop_late(self) -> None:
        """Documents past their deadline, or that failed, leave the queue; the lock is held."""
        now = time.monotonic()
        for job in self._waiting:
            if job.deadline <= now:
                job.fail(past_deadline())
        self._waiting = [job for job in self._waiting if not job.future.done()]


def past_deadline() -> Problem:
    """What a request gets that took too long."""
    return Problem(
        504, "the summaries were not ready in time; send fewer documents, or come again later"
    )

"""The queue, and the one thread that owns the models.

Requests of all clients put their documents into one bounded queue; the thread takes batches out of
it (`batches.py`). It alone touches the models, from loading on: torch's models, and a task that is
told how to search, are not for several threads.
"""

import logging
import math
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from mclas_fairseq.errors import MclasError
from mclas_fairseq.serve.batches import Job, Outcome, choose_batch, is_full
from mclas_fairseq.serve.metrics import Metrics
from mclas_fairseq.serve.models import Search, ServedModel
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
        load: Callable[[], Mapping[str, ServedModel]],
        settings: ServeSettings,
        failed: Callable[[BaseException], None] = lambda error: None,
    ):
        self.settings = settings
        self.models: Mapping[str, ServedModel] = {}
        self.metrics = Metrics(lambda: len(self._waiting))
        self._load, self._failed = load, failed
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
        self, search: Search, texts: Sequence[str], *, attention: bool, timeout: float
    ) -> list[Job]:
        """Put documents into the queue, all or none.

        Raises:
            Problem: 503 while loading or ending; 429 when they do not fit, with `Retry-After`.
        """
        now = time.monotonic()
        jobs = [Job(search, text, attention, now, now + timeout) for text in texts]
        with self._changed:
            self.check_ready()
            free = self.settings.max_queue - len(self._waiting)
            if len(jobs) > free:
                raise later(
                    429,
                    f"{len(jobs)} documents do not fit into the queue, which has room for {free};"
                    " come again after the seconds that Retry-After says",
                    self._seconds_to_empty(),
                )
            self._waiting.extend(jobs)
            self._changed.notify_all()
        return jobs

    def forget(self, jobs: Sequence[Job]) -> None:
        """Nobody waits for these any more: those that are not being decoded leave the queue."""
        gone = set(jobs)
        with self._changed:
            self._waiting = [job for job in self._waiting if job not in gone]
        for job in gone:
            job.future.cancel()

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
            self.metrics.loaded(models)
            self.models = models
        except BaseException as error:  # also SystemExit of a library: the server must end
            self._draining = True
            self._failed(error)
            return
        logger.info("ready: %s", ", ".join(models))
        while batch := self._next_batch():
            self.metrics.started(batch, time.monotonic())
            self._decode(batch)

    def _next_batch(self) -> list[Job]:
        """Wait for documents; an empty batch ends the thread."""
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                if self._ended:
                    self._refuse_all()
                    return []
                fresh = [job for job in self._waiting if not job.tokens]
            self._measure(fresh)
            with self._changed:
                self._drop_late()
                if not (measured := [job for job in self._waiting if job.tokens]):
                    continue
                rest = measured[0].arrived + self.settings.max_wait_ms / 1000 - time.monotonic()
                limit = self.settings.max_batch_tokens
                if rest > 0 and not self._draining and not is_full(measured, limit):
                    self._changed.wait(rest)
                    continue
                chosen = choose_batch(measured, limit)
                taken = set(chosen)
                self._waiting = [job for job in self._waiting if job not in taken]
            # What was forgotten just now is not decoded.
            if batch := [job for job in chosen if job.future.set_running_or_notify_cancel()]:
                return batch

    def _refuse_all(self) -> None:
        for job in self._waiting:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(later(503, "the server ended; try another", 5))
        self._waiting = []

    def _measure(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            try:
                job.tokens = self.models[job.search.model].length(job.text)
            except Exception as error:
                self._fail(job, error, waiting=True)

    def _drop_late(self) -> None:
        """Documents past their deadline, or that failed, leave the queue; the lock is held."""
        now = time.monotonic()
        late = [job for job in self._waiting if job.deadline <= now and not job.future.done()]
        for job in late:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(past_deadline())
        self._waiting = [job for job in self._waiting if not job.future.done()]

    def _decode(self, batch: Sequence[Job]) -> None:
        start = time.monotonic()
        try:
            outcomes = self._outcomes(batch)
        except Exception as error:
            if len(batch) == 1:
                self._fail(batch[0], error)
                return
            # One document, or all together, was too much: the others need not suffer for it.
            for job in batch:
                self._decode([job])
            return
        seconds = time.monotonic() - start
        self.metrics.decode_seconds.observe(seconds)
        self._pace.append((len(batch), seconds))
        for job, outcome in zip(batch, outcomes, strict=True):
            self.metrics.finished(job.search.model, outcome)
            job.future.set_result(outcome)

    def _outcomes(self, batch: Sequence[Job]) -> list[Outcome]:
        search = batch[0].search
        model = self.models[search.model]
        summaries = model.summarize(search, [job.text for job in batch])
        return [
            Outcome(summary, self._attention(model, job), job.tokens)
            for job, summary in zip(batch, summaries, strict=True)
        ]

    @staticmethod
    def _attention(model: ServedModel, job: Job) -> Optional[dict[str, Any]]:
        return model.attention(job.search, job.text) if job.attention else None

    def _fail(self, job: Job, error: Exception, *, waiting: bool = False) -> None:
        if waiting and not job.future.set_running_or_notify_cancel():
            return
        self.metrics.failures.labels(job.search.model).inc()
        if isinstance(error, MclasError):
            job.future.set_exception(Problem(422, str(error)))
            return
        # The message of a foreign error may hold the document: places and type alone are told.
        places = "".join(traceback.format_tb(error.__traceback__))
        logger.error("a document could not be decoded: %s\n%s", type(error).__name__, places)
        job.future.set_exception(
            Problem(500, "a document could not be decoded; the server's log says where it failed")
        )


def past_deadline() -> Problem:
    """What a request gets that took too long."""
    return Problem(
        504, "the summaries were not ready in time; send fewer documents, or come again later"
    )

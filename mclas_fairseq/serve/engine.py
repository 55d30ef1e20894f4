"""Which documents are taken, and who waits for them; they are decoded in another process.

Requests of all clients put their documents into one bounded queue, all or none. From there on a
message for each step says how far they are (`messages.py`): a document waits until it is begun, and
its future gets what came of it. Only then is its place free, so that the bound is also one for how
long it takes. Where the other process ends, who waits is told to come again.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Optional, Protocol

from mclas_fairseq.serve.jobs import Job, Watcher
from mclas_fairseq.serve.messages import (
    Asked,
    Begun,
    Cut,
    Decoded,
    Done,
    Drain,
    Failed,
    Forget,
    FromDecoder,
    Late,
    Loaded,
    Pace,
    Release,
    Reload,
    Reloaded,
    ServedModel,
    Submit,
    ToDecoder,
    Told,
)
from mclas_fairseq.serve.metrics import Metrics
from mclas_fairseq.serve.problems import Problem, later
from mclas_fairseq.serve.searches import Search
from mclas_fairseq.serve.settings import ServeSettings

logger = logging.getLogger(__name__)

_RECENT = 32  # batches whose pace says when to come again


class Elsewhere(Protocol):
    """Where documents are decoded, as `serve.keeper.Keeper` is."""

    def start(self, take: Callable[[FromDecoder], None], lost: Callable[[], None]) -> None:
        """Begin; `take` is given messages, `lost` is called when all that was sent is lost."""

    def send(self, message: ToDecoder) -> None:
        """Send a message; waits for nothing."""

    def stop(self) -> None:
        """End it, whatever it does."""

    def resident_bytes(self) -> float:
        """Its memory."""


class Engine:
    """Takes documents, gives futures.

    Args:
        settings: its limits.
        elsewhere: decodes them.

    Attributes:
        models: by name; empty while they are being loaded.
        metrics: of this engine.
    """

    def __init__(self, settings: ServeSettings, elsewhere: Elsewhere):
        self.settings = settings
        self.models: Mapping[str, ServedModel] = {}
        self.metrics = Metrics(self._documents_waiting, elsewhere.resident_bytes)
        self._elsewhere = elsewhere
        self._jobs: dict[int, Job] = {}
        self._numbers = count()
        self._lock = threading.Lock()
        self._draining = False
        self._pace: deque[Pace] = deque(maxlen=_RECENT)

    def start(self) -> None:
        """Start loading, and then decoding."""
        self._elsewhere.start(self.take, self.lose)

    def drain(self) -> None:
        """Take no more documents; those that were taken are still decoded.

        A handler of signals may call it: it waits for no lock.
        """
        self._draining = True
        self._elsewhere.send(Drain())

    def reload(self) -> None:
        """Load all bundles anew; waits for nothing."""
        self._elsewhere.send(Reload())

    def stop(self) -> None:
        """End; what still waits is answered with 503."""
        self._draining = True
        self._elsewhere.stop()
        self._refuse_all(later(503, "the server ended; try another", 5))

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
            raise later(503, "the models are being loaded; come again", 5)

    def submit(
        self,
        model: ServedModel,
        search: Search,
        texts: Sequence[str],
        asked: Asked,
        told: Sequence[Watcher] = (),
    ) -> list[Job]:
        """Put documents into the queue, all or none.

        Args:
            model: one of `models`.
            search: how, by the model's card.
            texts: of the documents.
            asked: of each.
            told: of each who looks on while it is decoded; called in another thread.

        Raises:
            Problem: 503 while loading or ending; 429 when they do not fit, with `Retry-After`.
        """
        watchers: Sequence[Optional[Watcher]] = told or [None] * len(texts)
        jobs = [Job(next(self._numbers), model.card.name, watcher) for watcher in watchers]
        numbered = tuple((job.number, text) for job, text in zip(jobs, texts, strict=True))
        now = time.monotonic()
        with self._lock:
            self.check_ready()
            self.check_room(len(jobs))
            number = self._current(model)
            self._jobs.update((job.number, job) for job in jobs)
            self._elsewhere.send(Submit(number, search, asked, now, bool(told), numbered))
        return jobs

    def _current(self, model: ServedModel) -> int:
        """Number of a model, or of the one that has just taken its place; the lock is held."""
        current = self.models[model.card.name]
        if current.card != model.card:  # the search was checked by another card
            raise later(503, "the model was replaced just now; send the request again", 1)
        return current.number

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
        free = self.settings.max_queue - self._documents_taken()
        if documents > free:
            raise later(
                429,
                f"{documents} documents do not fit into the queue, which has room for"
                f" {max(0, free)}; come again after the seconds that Retry-After says",
                self._seconds_to_empty(),
            )

    def forget(self, jobs: Sequence[Job]) -> None:
        """Nobody waits for these any more: those that are not being decoded leave the queue."""
        with self._lock:
            open_ = [job.number for job in jobs if self._jobs.pop(job.number, None) is not None]
            if open_:
                self._elsewhere.send(Forget(tuple(open_)))
        for job in jobs:
            job.future.cancel()

    def _documents_waiting(self) -> int:
        return sum(job.waiting for job in list(self._jobs.values()))

    def _documents_taken(self) -> int:
        """Those that wait or are being decoded; of a long one each window that waits counts.

        Under far too much load as many are taken as may be, and then a document is answered after
        `max_queue` divided by the documents decoded a second (Little's law). Were those that are
        being decoded not counted, it would be a batch later.
        """
        return sum(max(1, job.waiting) for job in list(self._jobs.values()))

    def _seconds_to_empty(self) -> int:
        pace = list(self._pace)
        documents = sum(one.documents for one in pace)
        if not documents:
            return 1
        each = sum(one.seconds for one in pace) / documents
        return math.ceil(each * self._documents_taken())

    # -- for the thread that hears the other process --------------------------------------------

    def take(self, message: FromDecoder) -> None:
        """Do what a message says."""
        if isinstance(message, Begun):
            self._begun(message)
        elif isinstance(message, Cut):
            with self._lock:
                if (job := self._jobs.get(message.document)) is not None:
                    job.waiting += message.parts
        elif isinstance(message, Told):
            job = self._jobs.get(message.document)
            if job is not None and job.told is not None:
                job.told(message.target, message.language, message.text)
        elif isinstance(message, (Done, Failed, Late)):
            self._ended(message)
        elif isinstance(message, Pace):
            self._pace.append(message)
        elif isinstance(message, Decoded):
            self.metrics.decoded(message)
        elif isinstance(message, Loaded):
            self._loaded(message)
        elif isinstance(message, Reloaded):
            result = "loaded" if message.done else "failed"
            self.metrics.reloads.labels(message.name, result).inc()

    def lose(self) -> None:
        """Decoding has ended: who waits is told so, and nothing is taken until it is back."""
        problem = later(503, "decoding ended unexpectedly and is being started anew; come again", 5)
        self.models = {}
        self.metrics.restarts.inc()
        for job in self._refuse_all(problem):
            self.metrics.failures.labels(job.model).inc()

    def _loaded(self, message: Loaded) -> None:
        first = not self.models
        with self._lock:
            new = {model.card.name: model for model in message.models}
            old = [self.models[name].number for name in new if name in self.models]
            self.models = {**self.models, **new}
            if old:  # in the lock: no document comes for one after it is released
                self._elsewhere.send(Release(tuple(old)))
        self.metrics.loaded(self.models)
        if first:
            logger.info("ready: %s", ", ".join(self.models))

    def _begun(self, message: Begun) -> None:
        with self._lock:
            for number in message.documents:
                if (job := self._jobs.get(number)) is not None:
                    job.waiting -= 1
        self.metrics.began(message)

    def _ended(self, message: Done | Failed | Late) -> None:
        with self._lock:
            job = self._jobs.pop(message.document, None)
        if isinstance(message, Done):
            self.metrics.finished(message)
        elif isinstance(message, Failed):
            self.metrics.failures.labels(message.model).inc()
        if job is None:  # nobody waits for it any more
            return
        if isinstance(message, Done):
            job.finish(message.outcome)
        elif isinstance(message, Failed):
            job.fail(Problem(message.status, message.detail))
        else:
            job.fail(past_deadline())

    def _refuse_all(self, problem: Problem) -> list[Job]:
        with self._lock:
            jobs = list(self._jobs.values())
            self._jobs.clear()
        for job in jobs:
            job.fail(problem)
        return jobs


def past_deadline() -> Problem:
    """What a request gets that took too long."""
    return Problem(
        504, "the summaries were not ready in time; send fewer documents, or come again later"
    )

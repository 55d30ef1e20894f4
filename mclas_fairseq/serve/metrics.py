"""What Prometheus reads at `/metrics`: base units, `_total` for counters, no text of anyone."""

import os
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from mclas_fairseq.serve.memory import resident_bytes
from mclas_fairseq.serve.messages import Begun, Decoded, Done, ServedModel
from mclas_fairseq.version import __version__

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)
_DOCUMENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one server.

    Args:
        waiting: tells how many documents wait.
        decoder: tells how much memory the process that decodes has.
    """

    def __init__(self, waiting: Callable[[], int], decoder: Callable[[], float]):
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "requests answered", "route", "status")
        self.request_seconds = self._times("request", "from a request to its answer", "route")
        self.queue_seconds = self._times("queue", "that documents waited to be decoded")
        self.decode_seconds = self._times("decode", "that batches took to be decoded")
        self.batch_documents = Histogram(
            "mclas_batch_documents", "documents of a batch", buckets=_DOCUMENTS,
            registry=self.registry,
        )  # fmt: skip
        self.documents = self._counter("documents", "documents summarized", "model")
        self.failures = self._counter("failures", "documents that could not be decoded", "model")
        self.read = self._counter("read_tokens", "tokens of documents that were read", "model")
        self.written = self._counter("written_tokens", "tokens of best hypotheses", "model")
        self.truncated = self._counter(
            "truncated_documents", "documents whose end was not read", "model"
        )
        self.windowed = self._counter(
            "windowed_documents", "documents that were read in windows", "model"
        )
        self.other_language = self._counter(
            "other_language_documents", "documents that seem to be in another language", "model"
        )
        self.reloads = self._counter(
            "reloads", "attempts to load a replaced bundle", "model", "result"
        )
        self.restarts = self._counter(
            "decoder_restarts", "times that decoding ended unexpectedly and was started anew"
        )
        self.info = Gauge(
            "mclas_model_info", "1 for each model that is loaded",
            ["model", "source_lang", "target_langs", "version"], registry=self.registry,
        )  # fmt: skip
        depth = Gauge("mclas_queue_documents", "documents that wait", registry=self.registry)
        depth.set_function(waiting)
        memory = Gauge(
            "mclas_resident_memory_bytes", "memory of the processes", ["process"],
            registry=self.registry,
        )  # fmt: skip
        memory.labels("http").set_function(lambda: resident_bytes(os.getpid()))
        memory.labels("decoder").set_function(decoder)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"mclas_{name}", text, labels, registry=self.registry)

    def _times(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(
            f"mclas_{name}_seconds", f"seconds {text}", labels, buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip

    def loaded(self, models: Mapping[str, ServedModel]) -> None:
        """Tell of the models, which replace those before."""
        self.info.clear()
        for model in models.values():
            card = model.card
            languages = ",".join(card.target_langs)
            self.info.labels(card.name, card.source_lang, languages, __version__).set(1)

    def began(self, batch: Begun) -> None:
        """Tell of a batch that is being decoded."""
        self.batch_documents.observe(len(batch.documents))
        for seconds in batch.waited:
            self.queue_seconds.observe(seconds)

    def decoded(self, batch: Decoded) -> None:
        """Tell of a batch that was decoded."""
        self.decode_seconds.observe(batch.seconds)
        self.written.labels(batch.model).inc(batch.written)

    def finished(self, done: Done) -> None:
        """Tell of a document that was summarized."""
        self.documents.labels(done.model).inc()
        self.read.labels(done.model).inc(done.outcome.read_tokens)
        for counter, counts in (
            (self.truncated, done.outcome.summary.unread_tokens),
            (self.windowed, done.outcome.summary.windows),
            (self.other_language, done.outcome.warning),
        ):
            if counts:
                counter.labels(done.model).inc()

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self.registry)

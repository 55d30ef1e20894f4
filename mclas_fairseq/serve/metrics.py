"""What Prometheus reads at `/metrics`: base units, `_total` for counters, no text of anyone."""

from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from mclas_fairseq.inference.results import Summary
from mclas_fairseq.serve.batches import Job, Outcome
from mclas_fairseq.serve.models import Model
from mclas_fairseq.version import __version__

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)
_DOCUMENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one server.

    Args:
        waiting: tells how many documents wait.
    """

    def __init__(self, waiting: Callable[[], int]):
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
        self.info = Gauge(
            "mclas_model_info", "1 for each model that is loaded",
            ["model", "source_lang", "target_langs", "version"], registry=self.registry,
        )  # fmt: skip
        depth = Gauge("mclas_queue_documents", "documents that wait", registry=self.registry)
        depth.set_function(waiting)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"mclas_{name}", text, labels, registry=self.registry)

    def _times(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(
            f"mclas_{name}_seconds", f"seconds {text}", labels, buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip

    def loaded(self, models: Mapping[str, Model]) -> None:
        """Tell of the models, which replace those before."""
        self.info.clear()
        for model in models.values():
            card = model.card
            languages = ",".join(card.target_langs)
            self.info.labels(card.name, card.source_lang, languages, __version__).set(1)

    def started(self, batch: Sequence[Job], now: float) -> None:
        """Tell of a batch that is to be decoded."""
        self.batch_documents.observe(len(batch))
        for job in batch:
            self.queue_seconds.observe(now - job.arrived)

    def decoded(self, batch: Sequence[Job], summaries: Sequence[Summary], seconds: float) -> None:
        """Tell of a batch that was decoded."""
        self.decode_seconds.observe(seconds)
        for job, summary in zip(batch, summaries, strict=True):
            best = [found[0] for found in summary.targets.values()] or [summary.best]
            self.written.labels(job.name).inc(sum(one.tokens for one in best))

    def finished(self, model: str, outcome: Outcome) -> None:
        """Tell of a document that was summarized."""
        self.documents.labels(model).inc()
        self.read.labels(model).inc(outcome.read_tokens)
        for counter, counts in (
            (self.truncated, outcome.summary.unread_tokens),
            (self.windowed, outcome.summary.windows),
            (self.other_language, outcome.warning),
        ):
            if counts:
                counter.labels(model).inc()

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self.registry)

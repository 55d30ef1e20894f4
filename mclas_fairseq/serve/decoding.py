"""What the thread that owns the models does with documents: encodes them, and decodes batches."""

import logging
import time
import traceback
from collections import Counter
from collections.abc import Sequence

from mclas_fairseq.errors import MclasError
from mclas_fairseq.inference.document_language import language_warning
from mclas_fairseq.inference.on_long import OnLong
from mclas_fairseq.inference.results import Summary, Watch
from mclas_fairseq.inference.windows import Windowed, check_windows, too_long
from mclas_fairseq.serve.batches import Job, Outcome
from mclas_fairseq.serve.metrics import Metrics
from mclas_fairseq.serve.parts import Parts
from mclas_fairseq.serve.problems import Problem

logger = logging.getLogger(__name__)


class Decoding:
    """Belongs to one thread.

    Args:
        metrics: is told of everything.
        max_windows: that a document may be cut into.
    """

    def __init__(self, metrics: Metrics, max_windows: int):
        self._metrics = metrics
        self._max_windows = max_windows

    def encode(self, job: Job) -> list[Job]:
        """Turn a document to tokens, which are decoded later, and look at its language.

        Returns:
            What is to be decoded: itself, its windows, or nothing where it is refused.
        """
        try:
            return self._encoded(job)
        except Exception as error:
            self._fail(job, error)
            return []

    def _encoded(self, job: Job) -> list[Job]:
        job.encoded = document = job.model.encode(job.text)
        job.warning = language_warning(job.text, job.model.card.source_lang)
        if not document.unread or job.asked.on_long is OnLong.TRUNCATE:
            return [job]
        if job.asked.on_long is OnLong.REFUSE:
            raise too_long(document.tokens, document.read)
        check_windows(job.model.card.source_lang, job.model.card.summary_langs)
        windowed = Windowed(document, job.model.reader)
        if len(windowed.parts) > self._max_windows:
            raise Problem(
                422,
                f"a document may have {self._max_windows} windows, this one has"
                f" {len(windowed.parts)}; send it in parts",
            )
        return Parts(job, document.tokens, windowed).jobs()

    def decode(self, batch: Sequence[Job]) -> list[Job]:
        """Decode documents together, and give their outcomes to who waits.

        Returns:
            What is to be decoded now: the joined summaries of long documents.
        """
        start = time.monotonic()
        try:
            documents = [job.document for job in batch]
            search, model = batch[0].search, batch[0].model
            summaries = model.summarize(search, documents, _watch(batch))
            attention = [
                model.attention(search, job.document, one.best) if job.asked.attention else None
                for job, one in zip(batch, summaries, strict=True)
            ]
        except Exception as error:
            if len(batch) == 1:
                self._fail(batch[0], error)
                return []
            # One document, or all together, was too much: the others need not suffer for it.
            return [following for job in batch for following in self.decode([job])]
        self._metrics.decoded(batch, summaries, time.monotonic() - start)
        following: list[Job] = []
        for job, summary, looked in zip(batch, summaries, attention, strict=True):
            following += self._finish(job, summary, looked)
        return following

    def _finish(self, job: Job, summary: Summary, attention: object) -> list[Job]:
        assert attention is None or isinstance(attention, dict)
        read = job.tokens
        if job.parts is not None:
            new, whole = job.parts.take(job, summary)
            if whole is None:
                return new
            summary, read = whole, job.parts.read_tokens
        outcome = Outcome(summary, attention, read, job.warning)
        self._metrics.finished(job.name, outcome)
        job.finish(outcome)
        return []

    def _fail(self, job: Job, error: Exception) -> None:
        self._metrics.failures.labels(job.name).inc()
        if isinstance(error, Problem):
            job.fail(error)
        elif isinstance(error, MclasError):
            job.fail(Problem(422, str(error)))
        else:
            # The message of a foreign error may hold the document: places and type are told.
            places = "".join(traceback.format_tb(error.__traceback__))
            logger.error("a document could not be decoded: %s\n%s", type(error).__name__, places)
            detail = "a document could not be decoded; the server's log says where it failed"
            job.fail(Problem(500, detail))


def _watch(batch: Sequence[Job]) -> Watch | None:
    """What tells those of a batch who look on; of what is decoded again, only what is new."""
    if not any(job.told for job in batch):
        return None
    begun: Counter[tuple[int, str, str]] = Counter()  # characters of each summary in this run

    def watch(document: int, target: str, language: str, text: str) -> None:
        job = batch[document]
        if job.told is None:
            return
        known = max(0, job.characters_told[target, language] - begun[document, target, language])
        begun[document, target, language] += len(text)
        if new := text[known:]:
            job.characters_told[target, language] += len(new)
            job.told(target, language, new)

    return watch

"""What is done with documents where the models are: they are encoded, and decoded in batches."""

import logging
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence

from mclas_fairseq.errors import DataError, MclasError
from mclas_fairseq.inference.document_language import language_warning
from mclas_fairseq.inference.on_long import OnLong, check_windows
from mclas_fairseq.inference.results import Summary, Watch
from mclas_fairseq.inference.windows import Windowed, too_long
from mclas_fairseq.serve.batches import Job
from mclas_fairseq.serve.messages import Decoded, Done, Failed, FromDecoder, Outcome, Told
from mclas_fairseq.serve.parts import Parts

logger = logging.getLogger(__name__)


class Decoding:
    """Belongs to one thread.

    Args:
        tell: takes what there is to say to the process that answers.
        max_windows: that a document may be cut into.
    """

    def __init__(self, tell: Callable[[FromDecoder], None], max_windows: int):
        self._tell = tell
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
            raise DataError(
                f"a document may have {self._max_windows} windows, this one has"
                f" {len(windowed.parts)}; send it in parts"
            )
        return Parts(job, document.tokens, windowed).jobs()

    def decode(self, batch: Sequence[Job]) -> list[Job]:
        """Decode documents together, and tell what came of them.

        Returns:
            What is to be decoded now: the joined summaries of long documents.
        """
        start = time.monotonic()
        try:
            documents = [job.document for job in batch]
            search, model = batch[0].search, batch[0].model
            summaries = model.summarize(search, documents, self._watch(batch))
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
        seconds = time.monotonic() - start
        self._tell(Decoded(batch[0].name, sum(map(_written, summaries)), seconds))
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
        job.ticket.over = True
        outcome = Outcome(summary, attention, read, job.warning)
        self._tell(Done(job.ticket.number, job.name, outcome))
        return []

    def _fail(self, job: Job, error: Exception) -> None:
        job.ticket.over = True
        if isinstance(error, MclasError):
            status, detail = 422, str(error)
        else:
            # The message of a foreign error may hold the document: places and type are told.
            places = "".join(traceback.format_tb(error.__traceback__))
            logger.error("a document could not be decoded: %s\n%s", type(error).__name__, places)
            status = 500
            detail = "a document could not be decoded; the server's log says where it failed"
        self._tell(Failed(job.ticket.number, job.name, status, detail))

    def _watch(self, batch: Sequence[Job]) -> Watch | None:
        """What tells those of a batch who look on; of what is decoded again, only what is new."""
        if not any(job.watched for job in batch):
            return None
        begun: Counter[tuple[int, str, str]] = Counter()  # characters of each summary in this run

        def watch(document: int, target: str, language: str, text: str) -> None:
            job = batch[document]
            if not job.watched or job.ticket.over:
                return
            known = job.characters_told[target, language] - begun[document, target, language]
            begun[document, target, language] += len(text)
            if new := text[max(0, known) :]:
                job.characters_told[target, language] += len(new)
                self._tell(Told(job.ticket.number, target, language, new))

        return watch


def _written(summary: Summary) -> int:
    """Tokens of the best hypotheses of a document."""
    best = [found[0] for found in summary.targets.values()] or [summary.best]
    return sum(one.tokens for one in best)

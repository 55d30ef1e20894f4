"""The step that translates summaries there and back.

A shard is translated in two calls, there and back, whatever its size: how lines share batches then
depends on the shard alone, and so does every byte of the result.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from mclas_fairseq.corpus.sentences import join_sentences, split_sentences
from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.roundtrip.options import Direction, Translators
from mclas_fairseq.roundtrip.shard_files import first_text, mark_translated
from mclas_fairseq.roundtrip.steps import Record, record_of, reject, rejection_of
from mclas_fairseq.translators import Translation, TranslatorOptions, open_translator

KEY = "roundtrip"
EMPTY = "empty translation"
TOO_LONG = "longer than the translator takes"


@dataclass(frozen=True)
class _Job:
    """A record to be translated, and its units: the whole summary, or its sentences."""

    document: Document
    units: Sequence[str]


class RoundTripStep(PipelineStep):
    """Gives each record that lacks it the summary made by translation, and the way back.

    A record that has it passes as it is; one without the given summary is rejected. Into
    `record["roundtrip"]` go `machine_made` (the language of the made summary), `back` (the
    back-translation) and `score` and `back_score` (mean log-probability a token, in nats; null
    where the translator gives none); by sentence also `sentences`, and scores are their means. What
    is rejected has its `translation` there instead of among its summaries.

    Args:
        direction: which summary is made.
        translators: the two.
        unit: "summary" or "sentence".

    Attributes:
        progress: told how many records of the shard are done; set in the process that works.
    """

    type = "mclas"
    name = "translate there and back"

    def __init__(self, direction: Direction, translators: Translators, unit: str) -> None:
        super().__init__()
        self._direction = direction
        self._translators = translators
        self._by_sentence = unit == "sentence"
        self.progress: Optional[Callable[[int], None]] = None

    def run(
        self, data: Iterable[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Translate the documents of one shard, which are held in memory together."""
        documents = list(data)
        jobs = [job for document in documents if (job := self._job(document)) is not None]
        lines = [unit for job in jobs for unit in job.units]
        first, second = self._translators.there_and_back(self._direction)
        there = _translate(first, lines)
        self._tell(len(documents) // 2)
        back = _translate(second, [translation.text for translation in there])
        self._tell(len(documents))
        pairs = zip(there, back, strict=True)
        for job in jobs:
            self._finish(job, [next(pairs) for _ in job.units])
        yield from documents

    def _job(self, document: Document) -> Optional[_Job]:
        if rejection_of(document) is not None:
            return None
        record = record_of(document)
        if first_text(record, self._direction.made) is not None:
            return None
        given = first_text(record, self._direction.given)
        text = "" if given is None else normalize_text(given)
        if not text:
            reject(document, f"no summary in {self._direction.given}")
            return None
        return _Job(document, split_sentences(text) if self._by_sentence else [text])

    def _finish(self, job: _Job, pairs: Sequence[tuple[Translation, Translation]]) -> None:
        record = record_of(job.document)
        made = join_sentences((there.text for there, _ in pairs), self._direction.made)
        record[KEY] = {
            "machine_made": self._direction.made,
            "back": join_sentences((back.text for _, back in pairs), self._direction.given),
            "score": _mean([there.score for there, _ in pairs]),
            "back_score": _mean([back.score for _, back in pairs]),
        }
        if self._by_sentence:
            record[KEY]["sentences"] = [
                _sentence(text, there, back)
                for text, (there, back) in zip(job.units, pairs, strict=True)
            ]
        if not all(there.text for there, _ in pairs):
            reject(job.document, EMPTY)
        elif any(there.cut or back.cut for there, back in pairs):
            reject(job.document, TOO_LONG)
        if rejection_of(job.document) is None:
            record["summary"][self._direction.made] = [made]
            mark_translated(job.document)
        else:
            record[KEY]["translation"] = made

    def _tell(self, done: int) -> None:
        if self.progress is not None:
            self.progress(done)


def _translate(spec: tuple[str, TranslatorOptions], lines: Sequence[str]) -> list[Translation]:
    """Translate all lines with a translator that is closed again: two may not fit into memory."""
    if not lines:
        return []
    translator = open_translator(*spec)
    try:
        return translator.translate(lines)
    finally:
        translator.close()


def _sentence(text: str, there: Translation, back: Translation) -> Record:
    return {
        "text": text,
        "translation": there.text,
        "back": back.text,
        "score": there.score,
        "back_score": back.score,
    }


def _mean(scores: Sequence[Optional[float]]) -> Optional[float]:
    known = [score for score in scores if score is not None]
    return round(sum(known) / len(known), 4) if known else None

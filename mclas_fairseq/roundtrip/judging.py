"""The steps that score pairs and that keep or reject them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Optional

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.roundtrip.options import FilterOptions
from mclas_fairseq.roundtrip.scoring import PairScorer, PairScores
from mclas_fairseq.roundtrip.shard_files import first_text, is_translated
from mclas_fairseq.roundtrip.steps import Record, record_of, reject, rejection_of
from mclas_fairseq.roundtrip.translating import KEY

NO_WORDS = "no words"
LOW_ROUGE1 = "ROUGE-1 below T1"
LOW_ROUGE2 = "ROUGE-2 below T2"
FEW_SENTENCES = "too few sentences pass"


class ScoreStep(PipelineStep):
    """Puts `rouge1` and `rouge2` into `record["roundtrip"]`, and into each of its sentences.

    An original without a token under the protocol is rejected.

    Args:
        protocol: name of the ROUGE protocol.
        language: of originals and back-translations.
    """

    type = "mclas"
    name = "score"

    def __init__(self, protocol: str, language: str) -> None:
        super().__init__()
        self._protocol = protocol
        self._language = language

    def run(
        self, data: Iterable[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Score what was translated and not rejected."""
        scorer = PairScorer(self._protocol, self._language)
        for document in data:
            if is_translated(document) and rejection_of(document) is None:
                self._score(document, scorer)
            yield document

    def _score(self, document: Document, scorer: PairScorer) -> None:
        record = record_of(document)
        trip = record[KEY]
        original = normalize_text(first_text(record, self._language) or "")
        scores = scorer.score(trip["back"], original)
        if scores is None:
            reject(document, NO_WORDS)
            return
        trip["rouge1"], trip["rouge2"] = scores
        for sentence in trip.get("sentences", ()):
            found = scorer.score(sentence["back"], sentence["text"])
            # Nothing to preserve: a sentence of marks alone counts neither way.
            sentence["rouge1"], sentence["rouge2"] = found if found is not None else (None, None)


class FilterStep(PipelineStep):
    """Rejects pairs that the way there and back did not preserve.

    Args:
        options: thresholds.
    """

    type = "mclas"
    name = "filter"

    def __init__(self, options: FilterOptions) -> None:
        super().__init__()
        self._options = options

    def run(
        self, data: Iterable[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Judge what was translated and not rejected before."""
        for document in data:
            if is_translated(document) and rejection_of(document) is None:
                reason = self._judge(record_of(document))
                if reason is not None:
                    reject(document, reason)
            yield document

    def _judge(self, record: Record) -> Optional[str]:
        trip = record[KEY]
        options = self._options
        if "sentences" in trip:
            units = unit_scores(record)
            passed = sum(r1 >= options.t1 and r2 >= options.t2 for r1, r2 in units)
            enough = passed >= needed_sentences(len(units), options.sentence_share)
            return None if enough else FEW_SENTENCES
        if trip["rouge1"] < options.t1:
            return LOW_ROUGE1
        return LOW_ROUGE2 if trip["rouge2"] < options.t2 else None


def unit_scores(record: Record) -> Sequence[PairScores]:
    """Scores of what is judged in a scored record: the whole summary, or each sentence."""
    trip: dict[str, Any] = record[KEY]
    if "sentences" not in trip:
        return [PairScores(trip["rouge1"], trip["rouge2"])]
    scored = (sentence for sentence in trip["sentences"] if sentence["rouge1"] is not None)
    return [PairScores(sentence["rouge1"], sentence["rouge2"]) for sentence in scored]


def needed_sentences(count: int, share: float) -> int:
    """How many of `count` sentences a share is at least."""
    # 0.7 of 10 sentences are 7, not 8, though 0.7 * 10 may come out a little larger.
    return math.ceil(share * count - 1e-9)

"""ROUGE of tokenised texts: what is counted, for one document or for all of them in processes.

The scores are those of the library `rouge-score`, to the last digit, many times as fast: n-grams
are counted by arrays (`evaluation/overlap.py`), and `evaluation/lcs.py` finds the subsequences that
it would find.
`evaluation/rouge.py` is the way in.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.lcs import lcs_length, union_hits
from mclas_fairseq.evaluation.overlap import (
    Counted,
    over_references,
    overlap_scores,
    scores_of_hits,
)
from mclas_fairseq.evaluation.protocols import RougeProtocol
from mclas_fairseq.evaluation.token_ids import Texts, TokenIds, starts_of

METRICS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
KINDS = ("precision", "recall", "f1")  # the order of the fields of rouge-score's `Score`

# Fewer documents are scored before a pool of processes has started.
_SMALLEST_FOR_POOL = 2000
_BLOCK = 250
_ROWS = 4000  # documents whose tokens are held at a time

_Sentences = list[list[str]]


@dataclass(frozen=True)
class Table:
    """What was counted for N documents.

    Attributes:
        scores: shape (N, 4, 3): documents, `METRICS`, `KINDS`; in [0, 1].
        lengths: tokens of each hypothesis, shape (N,).
        reference_lengths: tokens of each document's references, their mean, shape (N,).
    """

    scores: NDArray[np.float64]
    lengths: NDArray[np.float64]
    reference_lengths: NDArray[np.float64]


@dataclass(frozen=True)
class Documents:
    """Some of the documents; `start` is the number of the first, counted from 1."""

    hypotheses: Sequence[str]
    references: Sequence[Sequence[str]]
    start: int = 1


class RougeEngine:
    """Scores texts under a protocol.

    Args:
        rules: what the texts are tokenised by.
        multi_reference: "max" or "mean", see `score_rouge`.
    """

    def __init__(self, rules: RougeProtocol, multi_reference: str) -> None:
        self._rules = rules
        self._mean = multi_reference == "mean"

    def score(self, documents: Documents) -> Table:
        """Tokenise and score documents one after the other.

        Raises:
            DataError: a document has no reference, or one without tokens.
        """
        return _joined([self._score(part) for part in _blocks(documents, _ROWS)])

    def _score(self, documents: Documents) -> Table:
        predicted = [self._rules.tokenise(text) for text in documents.hypotheses]
        groups = [
            self._tokenise_references(texts, number)
            for number, texts in enumerate(documents.references, documents.start)
        ]
        counts = np.array([len(group) for group in groups])
        starts = starts_of(counts)
        wanted = [text for group in groups for text in group]
        numbers = TokenIds(self._rules)
        texts = Texts(
            numbers.number(map(_in_a_row, predicted)),
            numbers.number(map(_in_a_row, wanted)),
            starts,
            numbers.distinct,
        )
        rule = "mean" if self._mean else "max"
        scores = np.empty((len(predicted), len(METRICS), len(KINDS)))
        for order in (1, 2):
            found = overlap_scores(Counted(texts, order), multi_reference=rule)
            scores[:, order - 1] = found
        rows = np.repeat(np.arange(len(predicted)), counts)
        sizes = texts.hypotheses.lengths[rows], texts.references.lengths
        pairs = zip(rows.tolist(), wanted, strict=True)
        hits = np.array([_longest(predicted[row], text) for row, text in pairs])
        for place in (0, 1):
            table = scores_of_hits(hits[:, place], *sizes)
            scores[:, 2 + place] = over_references(
                table.__getitem__, starts[:-1], counts, mean=self._mean
            )
        total = np.add.reduceat(texts.references.lengths, starts[:-1])
        return Table(scores, texts.hypotheses.lengths.astype(np.float64), total / counts)

    def _tokenise_references(self, texts: Sequence[str], number: int) -> list[_Sentences]:
        rules = self._rules
        if not texts:
            raise DataError(
                f"document {number}: must have at least one reference in {rules.language!r}, but"
                " has none; add one or leave the document out"
            )
        tokenised = [rules.tokenise(text) for text in texts]
        for text, sentences in zip(texts, tokenised, strict=True):
            if not sentences:
                raise DataError(
                    f"document {number}: a reference must hold at least one token under protocol"
                    f" {rules.name!r} in {rules.language!r}, but is {text[:60]!r}; mend or remove"
                    " it"
                )
        return tokenised


def _longest(predicted: _Sentences, wanted: _Sentences) -> tuple[int, int]:
    """Hits of ROUGE-L and of ROUGE-Lsum."""
    length = lcs_length(_in_a_row(wanted), _in_a_row(predicted))
    if len(wanted) > 1 or len(predicted) > 1:  # otherwise both are the same sequence
        return length, union_hits(wanted, predicted)
    return length, length


def _in_a_row(sentences: _Sentences) -> list[str]:
    """All tokens of a text: n-grams and ROUGE-L run across sentences."""
    if len(sentences) == 1:
        return sentences[0]
    return [token for sentence in sentences for token in sentence]


def score_documents(
    rules: RougeProtocol, documents: Documents, *, multi_reference: str, workers: int
) -> Table:
    """Score all documents, in processes where that pays; the result does not depend on it.

    Raises:
        DataError: as `RougeEngine.score`; the first document in their order that is wrong.
    """
    if workers == 1 or len(documents.hypotheses) < _SMALLEST_FOR_POOL:
        return RougeEngine(rules, multi_reference).score(documents)
    with ProcessPoolExecutor(
        workers, initializer=_start_worker, initargs=(rules, multi_reference)
    ) as pool:
        return _joined(list(pool.map(_score_block, _blocks(documents, _BLOCK))))


def _blocks(documents: Documents, size: int) -> Iterator[Documents]:
    for start in range(0, len(documents.hypotheses), size):
        rows = slice(start, start + size)
        yield Documents(
            documents.hypotheses[rows], documents.references[rows], documents.start + start
        )


def _joined(tables: Sequence[Table]) -> Table:
    return Table(
        np.concatenate([table.scores for table in tables]),
        np.concatenate([table.lengths for table in tables]),
        np.concatenate([table.reference_lengths for table in tables]),
    )


# The engine of a worker process, made once for all its blocks; None in every other process.
_engine: Optional[RougeEngine] = None


def _start_worker(rules: RougeProtocol, multi_reference: str) -> None:
    global _engine
    _engine = RougeEngine(rules, multi_reference)


def _score_block(block: Documents) -> Any:
    assert _engine is not None
    return _engine.score(block)

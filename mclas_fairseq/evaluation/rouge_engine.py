"""ROUGE of tokenised texts: what is counted, for one document or for all of them in processes.

The scores are those of the library `rouge-score`, to the last digit, many times as fast: n-grams
are counted here, and `evaluation/lcs.py` finds the subsequences that it would find.
`evaluation/rouge.py` is the way in.
"""

from array import array
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.lcs import lcs_length, union_hits
from mclas_fairseq.evaluation.protocols import RougeProtocol

METRICS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
KINDS = ("precision", "recall", "f1")  # the order of the fields of rouge-score's `Score`

# Fewer documents are scored before a pool of processes has started.
_SMALLEST_FOR_POOL = 2000
_BLOCK = 250

_Sentences = list[list[str]]
_Score = tuple[float, float, float]
_Row = tuple[_Score, ...]
_NOTHING: _Score = (0.0, 0.0, 0.0)


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
        flat, lengths = array("d"), array("d")  # an eighth of the memory of a list of floats
        pairs = zip(documents.hypotheses, documents.references, strict=True)
        for number, (hypothesis, texts) in enumerate(pairs, documents.start):
            predicted = self._rules.tokenise(hypothesis)
            wanted = self._tokenise_references(texts, number)
            for row in self._over_references(predicted, wanted):
                flat.extend(row)
            sizes = [_length(text) for text in wanted]
            lengths.extend((_length(predicted), sum(sizes) / len(sizes)))
        columns = np.frombuffer(lengths, dtype=np.float64).reshape(-1, 2)
        scores = np.frombuffer(flat, dtype=np.float64).reshape(-1, len(METRICS), len(KINDS))
        return Table(scores, columns[:, 0], columns[:, 1])

    def _over_references(self, predicted: _Sentences, wanted: Sequence[_Sentences]) -> _Row:
        rows = [score_pair(predicted, text) for text in wanted]
        if len(rows) == 1:
            return rows[0]
        if self._mean:
            return tuple(tuple(row) for row in np.mean(rows, axis=0).tolist())
        # For each metric by itself, the first of the references with the best F1, with its
        # precision and recall: as rouge-score does.
        by_metric = zip(*rows, strict=True)
        return tuple(max(scores, key=lambda score: score[2]) for scores in by_metric)

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


def score_pair(predicted: _Sentences, wanted: _Sentences) -> _Row:
    """Precision, recall and F1 of `METRICS` of a hypothesis against one reference."""
    hypothesis = _in_a_row(predicted)
    reference = _in_a_row(wanted)
    if not hypothesis:
        return (_NOTHING,) * len(METRICS)
    sizes = (len(hypothesis), len(reference))
    words = _hits(Counter(hypothesis), Counter(reference))
    pairs = _hits(
        Counter(zip(hypothesis, hypothesis[1:], strict=False)),
        Counter(zip(reference, reference[1:], strict=False)),
    )
    longest = union = lcs_length(reference, hypothesis)
    if len(wanted) > 1 or len(predicted) > 1:  # otherwise both are the same sequence
        union = union_hits(wanted, predicted)
    return (
        _from_hits(words, *sizes),
        _from_hits(pairs, *(max(size - 1, 1) for size in sizes)),
        _from_hits(longest, *sizes),
        _from_hits(union, *sizes),
    )


def _in_a_row(sentences: _Sentences) -> list[str]:
    """All tokens of a text: n-grams and ROUGE-L run across sentences."""
    if len(sentences) == 1:
        return sentences[0]
    return [token for sentence in sentences for token in sentence]


def _hits(predicted: Mapping[Hashable, int], wanted: Mapping[Hashable, int]) -> int:
    """How many n-grams two texts share, each as often as the one has it that has it less often."""
    count_of = predicted.get
    return sum([min(count, count_of(gram, 0)) for gram, count in wanted.items()])


def _from_hits(hits: int, predicted: int, wanted: int) -> _Score:
    """Precision, recall and F1 in the operations of `rouge-score`, for the same last digit."""
    if not hits:
        return _NOTHING
    precision, recall = hits / predicted, hits / wanted
    return precision, recall, 2 * precision * recall / (precision + recall)


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
        tables = list(pool.map(_score_block, _blocks(documents)))
    return Table(
        np.concatenate([table.scores for table in tables]),
        np.concatenate([table.lengths for table in tables]),
        np.concatenate([table.reference_lengths for table in tables]),
    )


def _blocks(documents: Documents) -> Iterator[Documents]:
    for start in range(0, len(documents.hypotheses), _BLOCK):
        rows = slice(start, start + _BLOCK)
        yield Documents(
            documents.hypotheses[rows], documents.references[rows], documents.start + start
        )


def _length(sentences: _Sentences) -> int:
    return sum(len(tokens) for tokens in sentences)


# The engine of a worker process, made once for all its blocks; None in every other process.
_engine: Optional[RougeEngine] = None


def _start_worker(rules: RougeProtocol, multi_reference: str) -> None:
    global _engine
    _engine = RougeEngine(rules, multi_reference)


def _score_block(block: Documents) -> Any:
    assert _engine is not None
    return _engine.score(block)

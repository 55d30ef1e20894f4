"""Overlap of n-grams between texts that are tokenised once and compared many times.

ROUGE-N as `evaluation/rouge.py` defines it (Lin, 2004), for measures that score each summary
against many references: those of ten other documents, or all references but one. `rouge-score`
would tokenise and count every text anew for each of them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.evaluation.protocols import RougeProtocol

Values = NDArray[np.float64]
NGrams = Counter[tuple[str, ...]]


@dataclass(frozen=True)
class Counted:
    """N summaries and their references as counts of n-grams of one order.

    Attributes:
        hypotheses: of each summary.
        references: of each document's references, one or more.
    """

    hypotheses: Sequence[NGrams]
    references: Sequence[Sequence[NGrams]]

    def __len__(self) -> int:
        return len(self.hypotheses)


def tokenise(texts: Iterable[str], rules: RougeProtocol) -> list[list[str]]:
    """The tokens of each text in a row: n-grams run across sentences, as in ROUGE."""
    known: dict[str, list[str]] = {}
    found = []
    for text in texts:
        if text not in known:
            known[text] = [token for part in rules.tokenise(text) for token in part]
        found.append(known[text])
    return found


def count_ngrams(
    hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]], order: int
) -> Counted:
    """Count the n-grams of tokenised texts.

    Args:
        hypotheses: tokens of N summaries.
        references: tokens of each document's references.
        order: 1 for words, 2 for pairs of words.
    """
    return Counted(
        [_ngrams(tokens, order) for tokens in hypotheses],
        [[_ngrams(tokens, order) for tokens in group] for group in references],
    )


def overlap_scores(
    counted: Counted, *, multi_reference: str = "max", places: Sequence[int] | None = None
) -> Values:
    """ROUGE-N of each summary: shape (N, 3), precision, recall and F1 in [0, 1].

    Args:
        counted: the texts.
        multi_reference: "max": the reference with the highest F1 counts; "mean": the mean over the
            references.
        places: for each summary, the row whose references it is scored against; None: its own.
    """
    rows = range(len(counted)) if places is None else places
    found = np.empty((len(counted), 3))
    for row, place in enumerate(rows):
        predicted = counted.hypotheses[row]
        scores = [_score(predicted, wanted) for wanted in counted.references[place]]
        if multi_reference == "mean":
            found[row] = np.mean(scores, axis=0)
        else:
            found[row] = max(scores, key=lambda score: score[2])
    return found


def _ngrams(tokens: Sequence[str], order: int) -> NGrams:
    return Counter(tuple(tokens[at : at + order]) for at in range(len(tokens) - order + 1))


def _score(predicted: NGrams, wanted: NGrams) -> tuple[float, float, float]:
    small, large = (predicted, wanted) if len(predicted) < len(wanted) else (wanted, predicted)
    hits = sum(min(count, large[gram]) for gram, count in small.items() if gram in large)
    if not hits:
        return 0.0, 0.0, 0.0
    precision, recall = hits / predicted.total(), hits / wanted.total()
    return precision, recall, 2 * precision * recall / (precision + recall)

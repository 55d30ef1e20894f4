"""Overlap of n-grams between texts that are tokenised once and compared many times.

ROUGE-N as `evaluation/rouge.py` defines it (Lin, 2004), for measures that score each summary
against many references: those of ten other documents, or all references but one. `rouge-score`
would tokenise and count every text anew for each of them.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.evaluation.protocols import RougeProtocol

Values = NDArray[np.float64]


@dataclass(frozen=True)
class NGrams:
    """The n-grams of one text with their counts, and how many there are."""

    counts: Mapping[Hashable, int]
    total: int

    @classmethod
    def of(cls, tokens: Sequence[str], order: int) -> "NGrams":
        """Count the n-grams of tokens: words themselves where `order` is 1, else tuples."""
        starts = range(len(tokens) - order + 1)
        found = tokens if order == 1 else [tuple(tokens[at : at + order]) for at in starts]
        return cls(Counter(found), len(found))


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


class TextCounts:
    """What a protocol makes of texts; each is cut and counted once, for as long as this lives.

    Args:
        rules: the protocol.

    Attributes:
        rules: as given.
    """

    def __init__(self, rules: RougeProtocol) -> None:
        self.rules = rules
        self._tokens: dict[str, list[str]] = {}
        self._ngrams: dict[tuple[str, int], NGrams] = {}

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text in a row: n-grams run across sentences, as in ROUGE."""
        if text not in self._tokens:
            sentences = self.rules.tokenise(text)
            self._tokens[text] = [token for sentence in sentences for token in sentence]
        return self._tokens[text]

    def ngrams(self, text: str, order: int) -> NGrams:
        """The n-grams of a text."""
        key = (text, order)
        if key not in self._ngrams:
            self._ngrams[key] = NGrams.of(self.tokens(text), order)
        return self._ngrams[key]

    def count(
        self, hypotheses: Sequence[str], references: Sequence[Sequence[str]], order: int
    ) -> Counted:
        """N summaries and their references; `order` is 1 for words, 2 for pairs of words."""
        return Counted(
            [self.ngrams(text, order) for text in hypotheses],
            [[self.ngrams(text, order) for text in group] for group in references],
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
            found[row] = max(scores, key=_f1)
    return found


_f1 = itemgetter(2)


def _score(predicted: NGrams, wanted: NGrams) -> tuple[float, float, float]:
    first, second = predicted.counts, wanted.counts
    hits = sum(min(first[gram], second[gram]) for gram in first.keys() & second.keys())
    if not hits:
        return 0.0, 0.0, 0.0
    precision, recall = hits / predicted.total, hits / wanted.total
    return precision, recall, 2 * precision * recall / (precision + recall)

"""A row for people: each reference scored against the others, beside systems scored the same way.

Where a document has two references or more, each of them can stand for a system: it is left out and
scored against the rest, and the mean over all of them is what people reach ("leave one out"; the
jackknife of Lin, "ROUGE", 2004). A system has one reference more to match than people have, so it
is scored against the same sets of references, all but one, and averaged as well. Documents with one
reference take no part. A measure by which people do not clear a baseline judges nothing there
(`evaluation/learning.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.content import (
    LABELS,
    ContentRules,
    content_values,
    signature,
)
from mclas_fairseq.evaluation.overlap import Values, overlap_scores
from mclas_fairseq.evaluation.rouge import KINDS
from mclas_fairseq.evaluation.sanity import derangements
from mclas_fairseq.evaluation.systems import NAMES, Measure, System

PEOPLE = "people (leave one reference out)"
ROUGE = ("rouge1", "rouge2")
_RULE = "leave-one-out"


@dataclass(frozen=True)
class Folds:
    """D documents with two references or more, a fold for each reference that is left out: F.

    Attributes:
        documents: which of the documents given they are, (D,).
        starts: the first fold of each document, and F at the end, (D + 1,).
        left_out: the reference left out in each fold, (F,).
        others: the references that are kept in it, (F,).
    """

    documents: tuple[int, ...]
    starts: tuple[int, ...]
    left_out: tuple[str, ...]
    others: tuple[tuple[str, ...], ...]

    def repeat(self, texts: Sequence[str]) -> list[str]:
        """One text of each document given (N,) -> of each fold (F,)."""
        counts = np.diff(self.starts)
        rows = zip(self.documents, counts, strict=True)
        return [texts[row] for row, count in rows for _ in range(count)]

    def mean(self, values: Values) -> Values:
        """Values of folds (F,) -> their mean for each document (D,)."""
        sums = np.add.reduceat(values, self.starts[:-1])
        means: Values = sums / np.diff(self.starts)
        return means

    def derangements(self, seed: int) -> list[list[int]]:
        """Rounds of other documents' folds: each fold meets as many references as in its own."""
        return [
            [
                self.starts[other] + fold % (self.starts[other + 1] - self.starts[other])
                for row, other in enumerate(order.tolist())
                for fold in range(self.starts[row + 1] - self.starts[row])
            ]
            for order in derangements(len(self.documents), seed)
        ]


def leave_one_out(references: Sequence[Sequence[str]]) -> Folds:
    """The folds of all documents with two references or more.

    Args:
        references: of each document, one or more.

    Raises:
        DataError: fewer than two documents have two references; see `can_leave_one_out`.
    """
    rows = [row for row, group in enumerate(references) if len(group) > 1]
    if len(rows) < 2:
        raise DataError(
            "people's row: there must be two documents with two references or more, but there are"
            f" {len(rows)}; give records with several references"
        )
    folds = [(row, number) for row in rows for number in range(len(references[row]))]
    counts = [len(references[row]) for row in rows]
    return Folds(
        documents=tuple(rows),
        starts=(0, *(int(end) for end in np.cumsum(counts))),
        left_out=tuple(references[row][number] for row, number in folds),
        others=tuple(
            tuple(text for place, text in enumerate(references[row]) if place != number)
            for row, number in folds
        ),
    )


def can_leave_one_out(references: Sequence[Sequence[str]]) -> bool:
    """Whether two documents or more have two references or more."""
    return sum(len(group) > 1 for group in references) > 1


def people_system(folds: Folds, rules: ContentRules) -> System:
    """What people reach, as a system on the D documents."""
    return _system(PEOPLE, folds.left_out, folds, rules)


def beside_people(name: str, texts: Sequence[str], folds: Folds, rules: ContentRules) -> System:
    """A system's or baseline's scores that can stand beside people's.

    Args:
        name: its name.
        texts: its summaries of all documents given to `leave_one_out`.
        folds: what that gave.
        rules: of the measures.
    """
    return _system(name, folds.repeat(texts), folds, rules)


def beside_people_runs(
    name: str, runs: Sequence[Sequence[str]], folds: Folds, rules: ContentRules
) -> System:
    """The same for a system of several training runs, each of which wrote all documents."""
    first, *others = (beside_people(name, texts, folds, rules) for texts in runs)
    measures = {
        metric: replace(
            measure,
            values=np.concatenate(
                [measure.values, *(one.measures[metric].values for one in others)]
            ),
        )
        for metric, measure in first.measures.items()
    }
    lengths = np.concatenate([first.lengths, *(one.lengths for one in others)])
    return replace(first, measures=measures, lengths=lengths)


def _system(name: str, texts: Sequence[str], folds: Folds, rules: ContentRules) -> System:
    values = {
        **_rouge(texts, folds, rules),
        **{
            metric: found
            for (metric, kind), found in content_values(
                texts, folds.others, rules=rules, places=folds.derangements(rules.seed)
            ).items()
            if kind == "f1"
        },
    }
    tokens = rules.words.tokens
    lengths = np.array([len(tokens(text)) for text in texts], dtype=np.float64)
    wanted = np.array([np.mean([len(tokens(text)) for text in group]) for group in folds.others])
    measures = {
        metric: Measure(metric, _label(metric), "f1", folds.mean(found)[None], _sign(metric, rules))
        for metric, found in values.items()
    }
    return System(
        name=name,
        files=(),
        runs=(),
        measures=measures,
        lengths=folds.mean(lengths)[None],
        reference_lengths=folds.mean(wanted),
        signature=_sign("rouge{1,2}", rules),
    )


def _rouge(texts: Sequence[str], folds: Folds, rules: ContentRules) -> Mapping[str, Values]:
    return {
        metric: overlap_scores(
            rules.words.count(texts, folds.others, order), multi_reference=rules.multi_reference
        )[:, KINDS.index("f1")]
        for order, metric in enumerate(ROUGE, 1)
    }


def _label(metric: str) -> str:
    return LABELS.get(metric) or NAMES[metric]


def _sign(metric: str, rules: ContentRules) -> str:
    return signature(metric, rules, references=f"{rules.multi_reference},{_RULE}")

"""A system as `mclas score` sees it: one or several training runs, measured on the same documents.

What every report is made of (`evaluation/report.py`, `evaluation/plots.py`, `evaluation/html/`,
`evaluation/per_document.py`): all measures, ROUGE or other, are arrays by run and document with a
label and a signature.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.alignment import Aligned
from mclas_fairseq.evaluation.rouge import KINDS, METRICS, RougeScores

NAMES = {"rouge1": "R-1", "rouge2": "R-2", "rougeL": "R-L", "rougeLsum": "R-Lsum"}
LETTERS = {"precision": "P", "recall": "R", "f1": "F1"}

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """One number of a table, by run and document.

    Attributes:
        metric: "rouge1", "bertscore", ...: the key in JSON and in files by document.
        label: what a table calls it: "R-1".
        kind: "precision", "recall" or "f1"; a metric that is one number only has "f1".
        values: shape (S, N), S runs and N documents; 1 is 100 points.
        signature: what the number is.
    """

    metric: str
    label: str
    kind: str
    values: Values
    signature: str

    @property
    def key(self) -> str:
        """Name of a column: "rouge1" for F1, "rouge1.precision" for the others."""
        return self.metric if self.kind == "f1" else f"{self.metric}.{self.kind}"


@dataclass(frozen=True)
class System:
    """One system with its S runs on N documents.

    Attributes:
        name: what reports call it.
        files: the file of each run.
        runs: texts and references of each run; all runs have the same documents.
        measures: key -> measure, in the order of the tables.
        lengths: tokens of each hypothesis, as the protocol counts them, shape (S, N).
        reference_lengths: the same of the references (their mean), shape (N,).
        signature: one for all ROUGE metrics.
    """

    name: str
    files: tuple[str, ...]
    runs: tuple[Aligned, ...]
    measures: Mapping[str, Measure]
    lengths: Values
    reference_lengths: Values
    signature: str

    @property
    def documents(self) -> int:
        """How many documents were scored."""
        return len(self.reference_lengths)

    def by_document(self, key: str) -> Values:
        """A measure's mean over the runs for each document, shape (N,)."""
        mean: Values = self.measures[key].values.mean(axis=0)
        return mean


def rouge_measures(
    scores: Sequence[RougeScores], *, kinds: Sequence[str] = ("f1",)
) -> dict[str, Measure]:
    """The ROUGE metrics of the runs of one system, scored by the same rules.

    Args:
        scores: one of each run.
        kinds: those of `KINDS` that are wanted.
    """
    found = [
        Measure(
            metric=metric,
            label=NAMES[metric],
            kind=kind,
            values=np.stack([run.values(metric, kind) for run in scores]),
            signature=scores[0].signature(metric, kind),
        )
        for kind in KINDS
        if kind in kinds
        for metric in METRICS
    ]
    return {measure.key: measure for measure in found}


def rouge_system(
    name: str,
    files: Sequence[str],
    runs: Sequence[Aligned],
    scores: Sequence[RougeScores],
    *,
    kinds: Sequence[str] = ("f1",),
) -> System:
    """A system with its ROUGE scores, one item of `files`, `runs` and `scores` for each run."""
    return System(
        name=name,
        files=tuple(files),
        runs=tuple(runs),
        measures=rouge_measures(scores, kinds=kinds),
        lengths=np.stack([run.lengths for run in scores]),
        reference_lengths=scores[0].reference_lengths,
        signature=scores[0].signature(),
    )


def check_same_documents(systems: Sequence[System]) -> None:
    """Refuse files whose ids differ, where references without ids did not show it.

    Raises:
        DataError: at some place, two files have the summaries of different documents.
    """
    named = [
        (file, run.ids)
        for system in systems
        for file, run in zip(system.files, system.runs, strict=True)
        if run.ids is not None
    ]
    for file, ids in named[1:]:
        first_file, first = named[0]
        place = next((at for at, pair in enumerate(zip(first, ids, strict=True))
                      if pair[0] != pair[1]), None)  # fmt: skip
        if place is not None:
            raise DataError(
                f"{file}: must have the documents of {first_file} in the same order, since the"
                f" references have no ids, but document {place + 1} is {ids[place]!r} here and"
                f" {first[place]!r} there; give --ref with ids, which match in any order"
            )

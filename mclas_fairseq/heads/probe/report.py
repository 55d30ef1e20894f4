"""What a probe found, as a table for people and as CSV; `record.py` has it for programs."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import numpy as np

from mclas_fairseq.heads.agreement import spearman
from mclas_fairseq.heads.probe.ablation import Ablation, Change
from mclas_fairseq.heads.probe.labels import (
    CROSS_LABELS,
    FACTORS,
    PAPER,
    PAPER_HEADS,
    SELF_LABELS,
    Labels,
    Thresholds,
    counts_by_factor,
    fold_agreement,
    larger,
    means_of,
)
from mclas_fairseq.heads.probe.measuring import Measured
from mclas_fairseq.heads.probe.statistics import Floats

_TITLES = {"self": "Self-attention of the decoder", "cross": "Cross-attention"}
_SCORES = {"self": ("acc", "local", "self"), "cross": ("content_a", "content_b")}


@dataclass(frozen=True)
class Report:
    """What a probe found.

    Attributes:
        about: checkpoint, data, split, links, control: name -> value.
        measured: all statistics.
        limits: the thresholds.
        ablations: what heads are worth, where that was asked for.
        importance: of heads for the loss of `S^B`, where a ranking was given: name -> value.
    """

    about: Mapping[str, str]
    measured: Measured
    limits: Thresholds = field(default_factory=Thresholds)
    ablations: Sequence[Ablation] = ()
    importance: Mapping[str, float] = field(default_factory=dict)

    def labels_of(self, kind: str) -> list[list[str]]:
        """The labels of each head of a kind, in order."""
        found = self.measured.labels(self.limits)[kind]
        return [
            [name for name, has in found.items() if has[number]]
            for number in range(len(self.measured.heads[kind]))
        ]


def table(report: Report) -> Iterator[str]:
    """Lines for people."""
    measured = report.measured
    yield f"{len(measured.documents)} documents, {measured.links} links of words"
    for kind, rows in measured.rows.items():
        means = means_of(rows)
        labels = measured.labels(report.limits)[kind]
        counts = counts_by_factor(kind, means, report.limits)
        folds = fold_agreement(kind, rows, report.limits)
        total = len(measured.heads[kind])
        yield ""
        yield f"{_TITLES[kind]}: {total} heads"
        yield (
            f"  {'label':<16}{'heads':>6}{'share':>8}   thresholds x"
            f"{FACTORS[0]} to x{FACTORS[-1]}   in the paper"
        )
        for name in _named(kind, labels):
            own = int(labels[name].sum())
            span = f"{max(counts[name])} to {min(counts[name])}"
            if name == "other":
                span = f"{min(counts[name])} to {max(counts[name])}"
            yield f"  {name:<16}{own:>6}{own / total:>8.1%}   {span:<26}{_paper(kind, name)}"
        yield (
            f"  labels of {len(folds)} disjoint folds agree for {np.mean(folds):.1%} of the heads"
            f" in the mean, {min(folds):.1%} at the least"
        )
        if report.importance:
            yield from _importance(report, kind, means)
    for one in report.ablations:
        yield from _ablation(one)


def _named(kind: str, labels: Labels) -> list[str]:
    order = SELF_LABELS if kind == "self" else CROSS_LABELS
    # "attends" is a label of two decoders; there the others have no head.
    if kind == "cross" and labels["attends"].any():
        return ["attends", "other"]
    return [name for name in order if name != "attends"]


def _paper(kind: str, name: str) -> str:
    count = PAPER.get((kind, name))
    return "" if count is None else f"{count} of {PAPER_HEADS} ({count / PAPER_HEADS:.1%})"


def _importance(report: Report, kind: str, means: Mapping[str, Floats]) -> Iterator[str]:
    names = report.measured.heads[kind]
    there = [number for number, name in enumerate(names) if name in report.importance]
    values = np.array([report.importance[names[number]] for number in there])
    for name in _SCORES[kind]:
        scores = larger(means, name)[there]
        if len(there) > 2 and np.isfinite(scores).all():
            yield f"  Spearman of {name} with the ranking: {spearman(scores, values):.3f}"


def _ablation(one: Ablation) -> Iterator[str]:
    yield ""
    yield f"Without the heads of {one.kind}-attention labelled {one.label} ({len(one.heads)}):"
    for which, own, random in (
        ("S^A", one.first, one.random_first),
        ("S^B", one.second, one.random_second),
    ):
        beside = "" if random is None else f"; {one.draws} draws of others {_shown(random)}"
        yield f"  NLL of {which} {_shown(own)} nats a token{beside}"
    yield f"  S^B loses more than S^A by {_shown(one.second_less_first)}"
    if one.second_less_random is not None and one.first_less_random is not None:
        yield (
            f"  more than by random heads: S^A {_shown(one.first_less_random)}, S^B"
            f" {_shown(one.second_less_random)}"
        )
    if one.pool != f"other {one.kind}-attention heads":
        yield f"  random heads: {one.pool}"


def _shown(one: Change) -> str:
    return f"{one.mean:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"


def as_csv(report: Report) -> str:
    """A row a head with its labels and every statistic, and their spread over documents."""
    text = io.StringIO()
    names = sorted({name for rows in report.measured.rows.values() for name in rows})
    columns = [column for name in names for column in (name, f"{name}_std")]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["head", "kind", "labels", *columns])
    for row in rows_of_heads(report):
        values = (row["statistics"].get(column) for column in columns)
        shown = ("" if value is None else f"{value:.6g}" for value in values)
        writer.writerow([row["head"], row["kind"], "+".join(row["labels"]), *shown])
    return text.getvalue()


def rows_of_heads(report: Report) -> Iterator[dict[str, Any]]:
    """Each head with kind, labels and statistics: means over documents, and `_std` their spread."""
    for kind, rows in report.measured.rows.items():
        means = means_of(rows)
        with np.errstate(invalid="ignore"):
            spread = {name: _spread(values) for name, values in rows.items()}
        labels = report.labels_of(kind)
        for number, name in enumerate(report.measured.heads[kind]):
            own: dict[str, Optional[float]] = {}
            for statistic, values in means.items():
                own[statistic] = _number(values[number])
                own[f"{statistic}_std"] = _number(spread[statistic][number])
            yield {"head": name, "kind": kind, "labels": labels[number], "statistics": own}


def _spread(values: Floats) -> Floats:
    """Standard deviation over documents (N, heads) -> (heads,); nan without two."""
    known = np.isfinite(values)
    counts = known.sum(0)
    means = np.where(known, values, 0).sum(0) / np.maximum(counts, 1)
    squares = np.where(known, (values - means) ** 2, 0).sum(0)
    found: Floats = np.where(counts > 1, np.sqrt(squares / np.maximum(counts - 1, 1)), np.nan)
    return found


def _number(value: float) -> Optional[float]:
    return float(value) if np.isfinite(value) else None

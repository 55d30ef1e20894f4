"""What a probe found, for programs: JSON with all statistics, and intervals of what is claimed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from mclas_fairseq.evaluation.intervals import bootstrap_interval, bootstrap_means
from mclas_fairseq.heads.probe.labels import (
    FACTORS,
    PAPER,
    Thresholds,
    counts_by_factor,
    fold_agreement,
    means_of,
)
from mclas_fairseq.heads.probe.measuring import Measured
from mclas_fairseq.heads.probe.report import Report, rows_of_heads
from mclas_fairseq.heads.probe.statistics import PHASES, Floats


def as_json(report: Report) -> dict[str, Any]:
    """Everything, for programs; numbers that are not there are null."""
    measured = report.measured
    found: dict[str, Any] = {
        "about": dict(report.about),
        "documents": len(measured.documents),
        "links": measured.links,
        "thresholds": vars(report.limits),
        "heads": list(rows_of_heads(report)),
        "kinds": {},
        "ablations": [asdict(one) for one in report.ablations],
    }
    for kind, rows in measured.rows.items():
        labels = measured.labels(report.limits)[kind]
        found["kinds"][kind] = {
            "heads": len(measured.heads[kind]),
            "counts": {name: int(heads.sum()) for name, heads in labels.items()},
            "factors": list(FACTORS),
            "counts_by_factor": counts_by_factor(kind, means_of(rows), report.limits),
            "fold_agreement": fold_agreement(kind, rows, report.limits),
            "paper": {name: count for (of, name), count in PAPER.items() if of == kind},
        }
    if "cross" in measured.rows:
        found["content_gap"] = _gap(measured)
    if "self" in measured.rows:
        found["translation_excess"] = _excess(measured, report.limits)
    return found


def _gap(measured: Measured) -> dict[str, Any]:
    """Content of the document in rows of `S^A` less that in rows of `S^B`, by head."""
    rows = measured.rows["cross"]
    means = means_of(rows)
    first, second = (_by_larger(rows, means, f"content_{phase}") for phase in PHASES)
    return _intervals(measured.heads["cross"], first - second)


def _excess(measured: Measured, limits: Thresholds) -> dict[str, Any]:
    """Accuracy of translation less as many times chance as the label asks for, by head."""
    rows = measured.rows["self"]
    means = means_of(rows)
    accuracy = _by_larger(rows, means, "acc")
    chance = _by_larger(rows, means, "chance", of="acc")
    found = _intervals(measured.heads["self"], accuracy - limits.times_chance * chance)
    found["accuracy"] = _intervals(measured.heads["self"], accuracy)["heads"]
    return found


def _by_larger(
    rows: Mapping[str, Floats], means: Mapping[str, Floats], name: str, of: str = ""
) -> Floats:
    """A statistic by document in the reading that is larger in the mean, (N, heads)."""
    of = of or name
    with np.errstate(invalid="ignore"):
        later = means[f"{of}_out"] > means[f"{of}_in"]
    found: Floats = np.where(later, rows[f"{name}_out"], rows[f"{name}_in"])
    return found


def _intervals(heads: Sequence[str], values: Floats) -> dict[str, Any]:
    """95 % intervals of means (N, heads), also with Bonferroni's correction, and of all heads."""
    found: dict[str, Any] = {"heads": {}}
    for name, column in zip(heads, values.T, strict=True):
        known = column[np.isfinite(column)]
        if len(known) > 1:
            low, high = bootstrap_interval(known)
            tail = 0.025 / len(heads)
            found["heads"][name] = {
                "mean": float(known.mean()),
                "interval": [low, high],
                "corrected": list(_quantiles(known, tail)),
            }
    complete = values[np.isfinite(values).all(1)].mean(1)
    if len(complete) > 1:
        found["mean"] = float(complete.mean())
        found["interval"] = list(bootstrap_interval(complete))
    return found


def _quantiles(values: Floats, tail: float) -> tuple[float, float]:
    """Ends of the bootstrap interval of a mean with this much left out on each side."""
    low, high = np.quantile(bootstrap_means(values, resamples=20_000), [tail, 1 - tail])
    return float(low), float(high)

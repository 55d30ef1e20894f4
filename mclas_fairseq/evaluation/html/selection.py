"""Which documents the page shows: the best, the worst, the most disputed, and some at random."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.evaluation.systems import System


@dataclass(frozen=True)
class Section:
    """Some of the documents, as rows of the scores, under a heading that says how they were chosen.

    Attributes:
        anchor: name of the place on the page.
        title: heading.
        note: how the documents were chosen.
        rows: which documents, in the order shown.
    """

    anchor: str
    title: str
    note: str
    rows: tuple[int, ...]


def choose_sections(
    systems: Sequence[System], *, count: int, seed: int, metric: str = "rouge1"
) -> list[Section]:
    """Best, worst and random documents of the first system, and the widest gaps to the others.

    Args:
        systems: scored on the same N documents.
        count: documents in each section, at most N.
        seed: of the random ones.
        metric: key of the measure that orders the documents; its mean over the runs counts.
    """
    label = f"{systems[0].measures[metric].label} F1"
    first = systems[0].by_document(metric)
    # Stable, so that equal scores stand in the order of the documents.
    ascending = np.argsort(first, kind="stable")
    descending = np.argsort(-first, kind="stable")
    name = systems[0].name
    sections = [
        _section("best", "Best documents", f"highest {label} of {name}", descending[:count]),
        _section("worst", "Worst documents", f"lowest {label} of {name}", ascending[:count]),
    ]
    if len(systems) > 1:
        table = np.stack([system.by_document(metric) for system in systems])
        gaps = table.max(axis=0) - table.min(axis=0)
        widest = np.argsort(-gaps, kind="stable")[:count]
        note = f"largest difference in {label} between any two systems"
        sections.append(_section("gaps", "Widest gaps between systems", note, widest))
    drawn = np.random.default_rng(seed).permutation(len(first))[:count]
    note = f"drawn at random, seed {seed}"
    sections.append(_section("random", "Random documents", note, np.sort(drawn)))
    return sections


def _section(anchor: str, title: str, note: str, rows: NDArray[np.intp]) -> Section:
    return Section(anchor, title, note, tuple(int(row) for row in rows))

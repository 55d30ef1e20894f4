"""Labels of heads by thresholds, how far they hang on these, and how steady they are.

The thresholds were set before any model was measured. Self-attention: *translation*, *local*,
*self* (a head can have several) and the flag *lsep*; cross-attention: *summarization* attends to
the document's content while either summary is written, *translation* while the first one is alone,
*other* neither. A model with a decoder for each summary shows each of them one phase: there
*attends* or *other*.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np

from mclas_fairseq.heads.probe.statistics import (
    OFFSETS,
    PHASES,
    READINGS,
    Bools,
    Floats,
    mean_of_documents,
)

SELF_LABELS = ("translation", "local", "self", "lsep")
CROSS_LABELS = ("summarization", "translation", "attends", "other")
FACTORS = tuple(round(0.5 + 0.1 * step, 1) for step in range(11))
FOLDS = 10
# Bai et al. (2021), section 6, by eye: 6 layers of 8 heads.
PAPER = {
    ("self", "translation"): 23,
    ("self", "local"): 19,
    ("self", "self"): 12,
    ("cross", "summarization"): 28,
    ("cross", "translation"): 20,
}
PAPER_HEADS = 48

Labels = dict[str, Bools]  # label -> which heads have it, (heads,)
Means = Mapping[str, Floats]  # statistic -> of each head, (heads,)


@dataclass(frozen=True)
class Thresholds:
    """From where on a head has a label.

    Attributes:
        mass: on `S^A`, of translation.
        accuracy: of translation.
        times_chance: as many times the accuracy that chance gives.
        local: corrected mass on the three tokens before.
        self: corrected mass on the token itself.
        separator: mass on `[LSEP]`.
        content: corrected mass on content words of the document.
        focus: of attending.
        null: the largest mass on nothing, of attending.
        offset: share of rows of one offset, of strictly local heads (Voita et al. 2019).
    """

    mass: float = 0.30
    accuracy: float = 0.40
    times_chance: float = 2.0
    local: float = 0.40
    self: float = 0.40
    separator: float = 0.30
    content: float = 0.10
    focus: float = 0.30
    null: float = 0.50
    offset: float = 0.90

    def times(self, factor: float) -> "Thresholds":
        """All of them stricter by a factor; `null`, which is an upper bound, is divided by it."""
        values = {name: value * factor for name, value in vars(self).items()}
        return replace(self, **{**values, "null": self.null / factor})


def larger(means: Means, name: str, of: str = "") -> Floats:
    """A statistic in the reading in which it, or the one named by `of`, is larger; (heads,)."""
    readings = [np.nan_to_num(means[f"{of or name}_{one}"], nan=-np.inf) for one in READINGS]
    values = [means[f"{name}_{one}"] for one in READINGS]
    found: Floats = np.where(readings[1] > readings[0], values[1], values[0])
    return found


def self_labels(means: Means, limits: Thresholds) -> Labels:
    """Labels of self-attention heads, and `strictly local`, which is no label of its own."""
    accuracy, chance = larger(means, "acc"), larger(means, "chance", of="acc")
    offsets = [larger(means, f"offset{offset}") for offset in OFFSETS]
    with np.errstate(invalid="ignore"):
        translation = (larger(means, "mass", of="acc") >= limits.mass) & (
            accuracy >= limits.accuracy
        )
        return {
            "translation": translation & (accuracy >= limits.times_chance * chance),
            "local": larger(means, "local") >= limits.local,
            "self": larger(means, "self") >= limits.self,
            "lsep": larger(means, "lsep") >= limits.separator,
            "strictly local": np.max(offsets, axis=0) >= limits.offset,
        }


def nearest_to_translation(means: Means, limits: Thresholds) -> Optional[int]:
    """Of the heads with enough weight on `S^A`, the one with the largest accuracy; None: no such.

    What comes nearest to the label *translation* where no head has it.
    """
    accuracy = larger(means, "acc")
    with np.errstate(invalid="ignore"):
        there = (larger(means, "mass", of="acc") >= limits.mass) & np.isfinite(accuracy)
    return int(np.where(there, accuracy, -np.inf).argmax()) if there.any() else None


def attends(means: Means, phase: str, limits: Thresholds) -> Bools:
    """Which cross-attention heads attend to the document's content while a summary is written."""
    of = f"content_{phase}"
    with np.errstate(invalid="ignore"):
        found: Bools = (
            (larger(means, of) >= limits.content)
            & (larger(means, f"focus_{phase}", of=of) >= limits.focus)
            & (larger(means, f"null_{phase}", of=of) <= limits.null)
        )
    return found


def cross_labels(means: Means, limits: Thresholds) -> Labels:
    """Labels of cross-attention heads; every head has one."""
    known = {phase: np.isfinite(larger(means, f"content_{phase}")) for phase in PHASES}
    first, second = (attends(means, phase, limits) for phase in PHASES)
    both = known["a"] & known["b"]
    found = {
        "summarization": first & second & both,
        "translation": first & ~second & both,
        "attends": ~both & (first | second),
    }
    return {**found, "other": ~np.any(list(found.values()), axis=0)}


def label(kind: str, means: Means, limits: Thresholds) -> Labels:
    """Labels of heads of a kind, "self" or "cross"."""
    return (self_labels if kind == "self" else cross_labels)(means, limits)


def means_of(rows: Mapping[str, Floats], documents: Sequence[int] | None = None) -> Means:
    """Statistics (N, heads) averaged over documents, all or those chosen."""
    chosen = slice(None) if documents is None else np.asarray(documents)
    return {name: mean_of_documents(values[chosen]) for name, values in rows.items()}


def counts_by_factor(kind: str, means: Means, limits: Thresholds) -> dict[str, list[int]]:
    """How many heads have each label with all thresholds times `FACTORS`."""
    found: dict[str, list[int]] = {}
    for factor in FACTORS:
        for name, heads in label(kind, means, limits.times(factor)).items():
            found.setdefault(name, []).append(int(heads.sum()))
    return found


def fold_agreement(
    kind: str, rows: Mapping[str, Floats], limits: Thresholds, seed: int = 1
) -> list[float]:
    """Share of heads that have the same labels in a fold of the documents as in all, by fold.

    Ten disjoint folds at random, as many as there are documents where these are fewer.
    """
    count = len(next(iter(rows.values())))
    whole = label(kind, means_of(rows), limits)
    names = [name for name in whole if name != "strictly local"]
    order = np.random.default_rng(seed).permutation(count)
    found = []
    for fold in np.array_split(order, min(FOLDS, count)):
        of_fold = label(kind, means_of(rows, fold.tolist()), limits)
        same = np.all([whole[name] == of_fold[name] for name in names], axis=0)
        found.append(float(same.mean()))
    return found

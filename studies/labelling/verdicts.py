"""What the rules make of the rows: the choice of k, gains with intervals, correlations of ranks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.evaluation.label_run import metrics_of
from mclas_fairseq.evaluation.multiple_tests import holm
from mclas_fairseq.heads.agreement import agreement
from studies.harness.judging import FAILS, HOLDS, UNDECIDED
from studies.labelling.cells import SEEDS, Cell

Floats = NDArray[np.float64]
_RESAMPLES = 1000

# (cell, language) -> counts of test sentences (N, 5)
CountsOf = Callable[[Cell, str], Floats]
Rows = Mapping[str, Mapping[str, Any]]


def score(rows: Rows, cell: Cell, language: str, split: str) -> float:
    """The task's own score of a finished cell, in per cent."""
    return float(rows[cell.name]["scores"][language][split]["score"])


@dataclass(frozen=True)
class Chosen:
    """What an order of heads is worth for one target.

    Attributes:
        k: by validation, 0 among the choices.
        valid: mean over seeds of the validation score there, in per cent.
        test: of the test score there.
        whole: of the test score with all heads.
        best: of the best test score of each seed, k = 0 not among the choices: the paper's.
        cells: of each seed, the cell at the chosen k and the one with all heads.
    """

    k: int
    valid: float
    test: float
    whole: float
    best: float
    cells: tuple[tuple[Cell, Cell], ...]

    @property
    def gain(self) -> float:
        """Test score by validation less that with all heads, in points."""
        return self.test - self.whole

    @property
    def paper_gain(self) -> float:
        """The paper's best less the test score with all heads, in points."""
        return self.best - self.whole


def choose(
    rows: Rows, whole: Sequence[Cell], pruned: Mapping[int, Sequence[Cell]], language: str
) -> Chosen | None:
    """Choose k both ways; None while cells are missing.

    Args:
        rows: of the table.
        whole: cells with all heads, a seed each.
        pruned: k -> cells, a seed each, in the same order.
        language: of the target.
    """
    every = [*whole, *(cell for cells in pruned.values() for cell in cells)]
    if not pruned or len(whole) < len(SEEDS) or any(cell.name not in rows for cell in every):
        return None

    def mean(cells: Sequence[Cell], split: str) -> float:
        return float(np.mean([score(rows, cell, language, split) for cell in cells]))

    by_k = {0: whole, **pruned}
    k = max(by_k, key=lambda one: (mean(by_k[one], "valid"), -one))
    best = [
        max(score(rows, cells[at], language, "test") for cells in pruned.values())
        for at in range(len(whole))
    ]
    return Chosen(
        k,
        mean(by_k[k], "valid"),
        mean(by_k[k], "test"),
        mean(whole, "test"),
        float(np.mean(best)),
        tuple(zip(by_k[k], whole, strict=True)),
    )


Pair = tuple[Sequence[Floats], Sequence[Floats]]  # counts (N, 5) of runs, and of what they beat


def difference(pairs: Sequence[Pair], kind: Any, *, seed: int = 1) -> tuple[float, float, float]:
    """Mean over targets of a difference of scores, in points, and its 95 % interval.

    Args:
        pairs: of each target, counts of sentences of the runs of both systems; runs and sentences
            are drawn with replacement, the sentences being the same for both.
        kind: of the labels.
        seed: of the draws.
    """
    numbers = np.random.default_rng(seed)
    samples, values = [], []
    for runs in pairs:
        size = len(runs[0][0])
        times = numbers.multinomial(size, np.full(size, 1 / size), size=_RESAMPLES).astype(float)
        sides, means = [], []
        for counts in runs:
            # R x N, S x N x 5 -> R x S
            drawn = _main(np.einsum("rn,snc->rsc", times, np.stack(counts)), kind)
            taken = numbers.integers(0, len(counts), size=(_RESAMPLES, len(counts)))
            sides.append(np.take_along_axis(drawn, taken, axis=1).mean(1))
            means.append(float(_main(np.stack(counts).sum(1), kind).mean()))
        samples.append(sides[0] - sides[1])
        values.append(means[0] - means[1])
    low, high = np.percentile(np.mean(samples, axis=0), (2.5, 97.5))
    return 100 * float(np.mean(values)), 100 * float(low), 100 * float(high)


def _main(sums: Floats, kind: Any) -> Floats:
    """The task's own score, 0 to 1: accuracy, or F1 of spans."""
    found = metrics_of(sums, kind)
    return found["f1"] if "f1" in found else found["accuracy"]


def verdict(low: float, high: float) -> str:
    """Of an interval of a gain."""
    return HOLDS if low > 0 else FAILS if high < 0 else UNDECIDED


def correlations(
    rankings: Sequence[Mapping[str, Any]], pairs: Sequence[tuple[str, str]]
) -> tuple[str, list[tuple[tuple[str, str], float, float]]]:
    """Spearman between languages and the verdict of claim 2.

    Args:
        rankings: of each seed, importance by language, as rows keep it.
        pairs: of languages.

    Returns:
        The verdict; of each pair the mean rho over seeds and the largest p, corrected by Holm.
    """
    found = []
    for pair in pairs:
        own = [
            agreement(pair, *(np.array(ranking[code], dtype=float) for code in pair))
            for ranking in rankings
        ]
        found.append((pair, float(np.mean([one.rho for one in own])), max(one.p for one in own)))
    corrected = holm([p for _, _, p in found])
    lines = [(pair, rho, p) for (pair, rho, _), p in zip(found, corrected, strict=True)]
    sure = [p < 0.05 for _, _, p in lines]
    return (HOLDS if all(sure) else UNDECIDED if any(sure) else FAILS), lines

"""Do languages rank heads alike? Spearman's rho, its ceiling, and what chance would give.

Two measurements of one language on different documents do not agree fully either: the mean rho of
halves of the documents is what rho between languages can reach at best. The p value is the share of
random pairings of heads whose rho is as far from 0 (two-sided, the pairing at hand counted).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_HALVES = 20


@dataclass(frozen=True)
class Agreement:
    """Of two rankings.

    Attributes:
        first: a language, or an estimator.
        second: another.
        rho: Spearman's, nan where one of them does not vary.
        p: of permutations of the heads.
    """

    first: str
    second: str
    rho: float
    p: float

    def line(self) -> str:
        """One line for people."""
        return f"Spearman {self.first} ~ {self.second}: {self.rho:.3f} (p {self.p:.4f})"


def spearman(first: Floats, second: Floats) -> float:
    """Spearman's rho of two measurements (heads,); nan where one does not vary."""
    ranks = [_ranks(values) for values in (first, second)]
    return float(np.mean(ranks[0] * ranks[1]))


def agreement(
    names: tuple[str, str], first: Floats, second: Floats, *, draws: int = 9999, seed: int = 1
) -> Agreement:
    """Compare two measurements (heads,) of the same heads."""
    a, b = _ranks(first), _ranks(second)
    rho = float(np.mean(a * b))
    numbers = np.random.default_rng(seed)
    chance = np.array([np.mean(a * numbers.permutation(b)) for _ in range(draws)])
    p = (1 + np.sum(np.abs(chance) >= abs(rho) - 1e-12)) / (1 + draws)
    return Agreement(*names, rho, float(p) if np.isfinite(rho) else float("nan"))


def split_half(rows: Floats, importance: Callable[[Floats], Floats], *, seed: int = 1) -> float:
    """Mean rho of two halves of the documents, over 20 random splits.

    Args:
        rows: shares of N documents, (N, heads); nan for less than two.
        importance: makes a ranking of the mean of rows, (heads,) -> (heads,).
        seed: of the splits.
    """
    if len(rows) < 2:
        return float("nan")
    numbers = np.random.default_rng(seed)
    found = []
    for _ in range(_HALVES):
        order = numbers.permutation(len(rows))
        halves = np.array_split(order, 2)
        found.append(spearman(*(importance(rows[half].mean(0)) for half in halves)))
    return float(np.mean(found))


def _ranks(values: Floats) -> Floats:
    """Ranks (ties: their mean), moved to mean 0 and variance 1; nan where nothing varies."""
    from scipy.stats import rankdata

    ranks: Floats = rankdata(values)
    deviation = ranks.std()
    standard: Floats = (ranks - ranks.mean()) / (deviation if deviation > 0 else np.nan)
    return standard

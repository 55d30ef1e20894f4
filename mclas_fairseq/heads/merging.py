"""One ranking of heads out of those of several languages.

Ma et al. (2021), section on several source languages, train one model on all of them and merge
their rankings:

- SD sums the languages' matrices of importance from 0 to 1, here `all-sum`;
- MD "merges the head ranking matrices of all source languages into one matrix and re-generates the
  rankings", which does not say how. Here it is the importance on the examples of all languages
  together before anything is normalised, the ranking's `all`; the mean of the languages' ranks,
  another reading, is `all-ranks`;
- EC prunes by each language's own ranking and takes the best: a choice among trainings, no merging.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SUM, RANKS = "all-sum", "all-ranks"


def merged(matrices: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Merge importance by language, 0 to 1, of the same heads; 0 to 1 again."""
    table = np.array(list(matrices.values()), dtype=np.float64)  # languages x heads
    # ties: those that come first are ranked lower, as in a ranking
    ranks = np.argsort(np.argsort(table, axis=1, kind="stable"), axis=1, kind="stable")
    return {SUM: _scaled(table.sum(0)), RANKS: _scaled(ranks.mean(0))}


def _scaled(values: Floats) -> list[float]:
    found: list[float] = ((values - values.min()) / (np.ptp(values) or 1.0)).tolist()
    return found

"""Holm's correction: p values of several comparisons that are read together, as in a table.

Of twenty comparisons of equally good systems, one comes out "significant at 0.05" by chance. Holm,
"A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics, 1979,
keeps the chance of a single false finding in the whole table below the level, whatever the
dependence between its cells.
"""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given: compare each with the level (0.05) as it is.

    The k-th smallest of m is multiplied by m - k + 1, is at least the one before, and at most 1.

    Raises:
        ValueError: one of them is not between 0 and 1.
    """
    wrong = [p for p in p_values if not 0.0 <= p <= 1.0]
    if wrong:
        raise ValueError(f"Holm's correction: p values must lie between 0 and 1, but got {wrong}")
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted

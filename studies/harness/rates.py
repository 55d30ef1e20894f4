"""Trials of a learning rate: a grid whose best rate should not lie at its end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Choice:
    """The rate of a cell.

    Attributes:
        rate: as it is given to fairseq-train.
        trials: rate -> what was found with it.
        rate_from: the cell whose trials these are.
    """

    rate: str
    trials: dict[str, Any]
    rate_from: str

    @property
    def interior(self) -> bool:
        """Whether a lower and a higher rate were tried too, so that the best one is known."""
        return not _is_end(self.rate, self.trials)


def search(
    rates: Sequence[str], try_one: Callable[[str], float | None], *, widen: int = 0
) -> dict[str, float] | None:
    """Try rates; the value of each, or None if another process is at one of them.

    Args:
        rates: the grid.
        try_one: trains with a rate, or finds it trained: a value of which the lowest is the best.
        widen: how many rates may be tried beyond the grid's ends, each twice or half its
            neighbour, while the best one lies at an end.
    """
    values: dict[str, float] = {}
    waiting = list(rates)
    while waiting:
        rate = waiting.pop(0)
        value = try_one(rate)
        if value is None:
            return None
        values[rate] = value
        if not waiting and widen > 0 and _is_end(best(values), values):
            widen -= 1
            waiting.append(_beyond(best(values), values))
    return values


def best(values: Mapping[str, float]) -> str:
    """The rate with the lowest value; of equals the first."""
    return min(values, key=values.__getitem__)


def _is_end(rate: str, tried: Mapping[str, Any]) -> bool:
    numbers = sorted(float(one) for one in tried)
    return float(rate) in (numbers[0], numbers[-1])


def _beyond(rate: str, tried: Mapping[str, Any]) -> str:
    highest = float(rate) == max(float(one) for one in tried)
    mantissa, exponent = f"{float(rate) * (2 if highest else 0.5):.3e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"

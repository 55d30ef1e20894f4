"""Two systems on the same documents: the difference, its interval, and two tests of it.

The paired bootstrap (`evaluation/intervals.py`) gives the interval, the win rate and a p value,
paired approximate randomisation (`evaluation/randomisation.py`) a second p value. Of systems with
several training runs each, a t interval and p over runs stand beside them
(`evaluation/over_runs.py`). Where many differences are read together, Holm's correction
(`evaluation/multiple_tests.py`) covers all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from mclas_fairseq.evaluation.intervals import RESAMPLES, SEED, PairedComparison, paired_bootstraps
from mclas_fairseq.evaluation.multiple_tests import holm
from mclas_fairseq.evaluation.over_runs import RunsComparison, compare_over_runs
from mclas_fairseq.evaluation.randomisation import ROUNDS, paired_randomisations
from mclas_fairseq.evaluation.systems import System


@dataclass(frozen=True)
class Comparison:
    """A minus B under one measure.

    Attributes:
        label: the measure's label: "R-1".
        bootstrap: difference, interval, p value and win rate; 1 is 100 points.
        randomisation: p value of paired approximate randomisation.
        bootstrap_holm: the bootstrap's p value after Holm's correction; None: not corrected.
        randomisation_holm: the same of `randomisation`.
        runs: the same difference over training runs; None unless both systems have several.
        runs_holm: its p value after Holm's correction.
    """

    label: str
    bootstrap: PairedComparison
    randomisation: float
    bootstrap_holm: Optional[float] = None
    randomisation_holm: Optional[float] = None
    runs: Optional[RunsComparison] = None
    runs_holm: Optional[float] = None


@dataclass(frozen=True)
class SystemComparison:
    """Two systems, under every measure that both have (F1 where there is more than one kind).

    Attributes:
        first: name of A.
        second: name of B.
        by_metric: key of the measure -> A minus B.
        several_runs: whether one of them has several training runs, which are resampled as well.
    """

    first: str
    second: str
    by_metric: Mapping[str, Comparison]
    several_runs: bool = False


@dataclass(frozen=True)
class Resampling:
    """How often and from which seed documents are drawn, and labels exchanged."""

    resamples: int = RESAMPLES
    rounds: int = ROUNDS
    seed: int = SEED


def compare_systems(
    first: System, others: Sequence[System], settings: Resampling, *, correct: bool = False
) -> list[SystemComparison]:
    """Compare one system with each of the others on the same N documents.

    Args:
        first: system A.
        others: each of them a system B.
        settings: of the resampling; the same seed draws the same documents for all.
        correct: add p values with Holm's correction over all measures of all comparisons.
    """
    found = [
        SystemComparison(
            first=first.name,
            second=other.name,
            by_metric=_compare(first, other, settings),
            several_runs=len(first.lengths) > 1 or len(other.lengths) > 1,
        )
        for other in others
    ]
    return _corrected(found) if correct else found


def _compare(first: System, other: System, settings: Resampling) -> dict[str, Comparison]:
    keys = [
        key for key, one in first.measures.items() if one.kind == "f1" and key in other.measures
    ]
    pairs = [(first.measures[key].values, other.measures[key].values) for key in keys]
    bootstraps = paired_bootstraps(pairs, resamples=settings.resamples, seed=settings.seed)
    chances = paired_randomisations(pairs, rounds=settings.rounds, seed=settings.seed)
    return {
        key: Comparison(
            first.measures[key].label, bootstrap, chance, runs=compare_over_runs(*values)
        )
        for key, values, bootstrap, chance in zip(keys, pairs, bootstraps, chances, strict=True)
    }


def _corrected(found: Sequence[SystemComparison]) -> list[SystemComparison]:
    cells = [cell for comparison in found for cell in comparison.by_metric.values()]
    bootstrap = iter(holm([cell.bootstrap.p_value for cell in cells]))
    randomisation = iter(holm([cell.randomisation for cell in cells]))
    runs = iter(holm([cell.runs.p_value for cell in cells if cell.runs is not None]))
    return [
        replace(
            comparison,
            by_metric={
                key: replace(
                    cell,
                    bootstrap_holm=next(bootstrap),
                    randomisation_holm=next(randomisation),
                    runs_holm=None if cell.runs is None else next(runs),
                )
                for key, cell in comparison.by_metric.items()
            },
        )
        for comparison in found
    ]

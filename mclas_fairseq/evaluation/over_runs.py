"""Two methods by several training runs each: t interval and p over runs, documents included.

A claim about methods has to hold for runs that were not made. The pigeonhole bootstrap
(`evaluation/intervals.py`) draws from the few runs there are and is too narrow, by (S - 1) / S in
the variance of S runs; this stands beside it. The difference of the two means varies by the runs of
A, by those of B, and by the documents: its variance is the sum

    var(run means of A) / S_A + var(run means of B) / S_B + var(differences by document) / N,

with Satterthwaite's degrees of freedom (Welch, "The generalization of Student's problem when
several different population variances are involved", 1947). Without the last term it is Welch's
test on the mean of each run, which says nothing of other documents. What varies by run and document
together is counted in every term, so the variance is rather too large than too small. Runs of A and
B are taken as independent, also where they share seeds.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.evaluation.systems import System

logger = logging.getLogger(__name__)

FEWEST_RUNS = 5
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class RunsComparison:
    """A minus B; in the units of the values compared.

    Attributes:
        difference: mean of A minus mean of B.
        low: lower end of the 95 % t interval.
        high: upper end of it.
        p_value: two-sided.
        freedom: Satterthwaite's degrees of freedom.
        runs: how many runs A and B have.
    """

    difference: float
    low: float
    high: float
    p_value: float
    freedom: float
    runs: tuple[int, int]


def compare_over_runs(
    first: NDArray[np.float64], second: NDArray[np.float64], *, documents: bool = True
) -> Optional[RunsComparison]:
    """Compare two methods by their runs on the same N documents.

    Args:
        first: values of A, (S_A, N); 1 is 100 points.
        second: values of B, (S_B, N).
        documents: False leaves out what other documents would change: Welch's test on run means.

    Returns:
        None where one of them has a single run, whose spread nobody knows.

    Raises:
        ValueError: the numbers of documents differ.
    """
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(
            "comparison over runs: both systems need the same documents, but have shapes"
            f" {first.shape} and {second.shape}"
        )
    if min(map(_runs, (first, second))) < 2:
        return None
    parts = [(run_means.var(ddof=1) / len(run_means), len(run_means) - 1)
             for run_means in (first.mean(axis=1), second.mean(axis=1))]  # fmt: skip
    gaps = first.mean(axis=0) - second.mean(axis=0)
    if documents and len(gaps) > 1:
        parts.append((gaps.var(ddof=1) / len(gaps), len(gaps) - 1))
    return _t_test(float(gaps.mean()), parts, (len(first), len(second)))


def warn_few_runs(systems: Sequence[System]) -> None:
    """Log that few runs say little of methods, where a system has several but fewer than five."""
    few = {system.name: len(system.runs) for system in systems
           if 1 < len(system.runs) < FEWEST_RUNS}  # fmt: skip
    if few:
        logger.warning(
            "%s: claims about methods need %d training runs or more; with fewer the bootstrap over"
            " runs is too narrow, and the t interval wide",
            ", ".join(f"{name} has {runs} runs" for name, runs in few.items()),
            FEWEST_RUNS,
        )


def _runs(values: NDArray[np.float64]) -> int:
    return len(values) if values.ndim == 2 else 1


def _t_test(
    difference: float, parts: Sequence[tuple[float, int]], runs: tuple[int, int]
) -> RunsComparison:
    """From the parts of the variance of a difference, each with its degrees of freedom."""
    from scipy import stats

    variance = sum(part for part, _ in parts)
    if variance == 0.0:  # all runs and documents alike: there is nothing to be unsure of
        p_value = 1.0 if difference == 0.0 else 0.0
        return RunsComparison(difference, difference, difference, p_value, float("inf"), runs)
    freedom = variance**2 / sum(part**2 / count for part, count in parts)
    error = variance**0.5
    reach = float(stats.t.ppf(0.5 + _CONFIDENCE / 2, freedom)) * error
    p_value = 2.0 * float(stats.t.sf(abs(difference) / error, freedom))
    return RunsComparison(
        difference, difference - reach, difference + reach, p_value, float(freedom), runs
    )

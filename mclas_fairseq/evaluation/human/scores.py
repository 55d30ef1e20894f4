"""Scores of a human evaluation and the agreement of its annotators, with bootstrap intervals.

Best-Worst Scaling: how often a system was chosen best minus how often worst, as a share of how
often it was shown (MCLAS, ACL 2021, Table 3). Ratings: their mean (VHM, ACL 2022, Table 6).

Agreement: Fleiss ("Measuring Nominal Scale Agreement among Many Raters", 1971) and its observed
part, the share of pairs of annotators who agree. What is classified is a summary, as best, worst
or neither, or by its rating. With four summaries two of which are neither, agreement by chance is
1/4^2 + 1/4^2 + 1/2^2 = 0.375: with it, the overall agreements of MCLAS's Table 4 give the kappas
printed there, so this is what the paper counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.evaluation.human.answers import Judgements
from mclas_fairseq.evaluation.human.design import ASPECTS, BWS
from mclas_fairseq.evaluation.intervals import (
    RESAMPLES,
    SEED,
    bootstrap_means,
    percentile_interval,
)
from mclas_fairseq.extras import require

ALL = "all"


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval over documents."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """Of two annotators or more.

    Attributes:
        kappa: Fleiss' kappa; None where chance alone would agree always (one category only).
        overall: share of pairs of annotators who agree, in [0, 1].
    """

    kappa: Optional[Estimate]
    overall: Estimate


@dataclass(frozen=True)
class HumanScores:
    """What annotators said: system -> aspect -> score; aspect or "all" -> agreement (empty for a
    single annotator).
    """

    design: str
    documents: int
    annotators: int
    systems: Mapping[str, Mapping[str, Estimate]]
    agreement: Mapping[str, Agreement]


def score_judgements(
    judgements: Judgements, *, resamples: int = RESAMPLES, seed: int = SEED
) -> HumanScores:
    """Score the systems; intervals resample the documents, annotators stay the same."""
    draws = _Draws(judgements.document, len(judgements.documents), resamples, seed)
    annotators = len(judgements.values)
    agreement = {}
    if annotators > 1:
        parts = {aspect: [place] for place, aspect in enumerate(ASPECTS)}
        parts[ALL] = list(range(len(ASPECTS)))
        agreement = {name: _agree(judgements, places, draws) for name, places in parts.items()}
    return HumanScores(
        design=judgements.design,
        documents=len(judgements.documents),
        annotators=annotators,
        systems={
            system: {
                aspect: draws.ratio(
                    judgements.values[:, :, place].mean(axis=0), judgements.system == number
                )
                for place, aspect in enumerate(ASPECTS)
            }
            for number, system in enumerate(judgements.systems)
        },
        agreement=agreement,
    )


def agreement_by_item(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Fleiss' P_i: the share of pairs of raters who agree, for each item: (I, categories) -> (I,).

    `counts` says how many raters put the item into each category.
    """
    raters = counts.sum(axis=1)
    pairs: NDArray[np.float64] = (counts * (counts - 1)).sum(axis=1) / (raters * (raters - 1))
    return pairs


def fleiss_kappa(counts: NDArray[np.int64]) -> Optional[float]:
    """Kappa of (items, categories) counts; None where all raters use one category only."""
    if np.count_nonzero(counts.sum(axis=0)) < 2:
        return None
    library = require(
        "statsmodels.stats.inter_rater", extra="human", purpose="mclas human score, Fleiss' kappa"
    )
    return float(library.fleiss_kappa(counts, method="fleiss"))


def _agree(judgements: Judgements, aspects: list[int], draws: "_Draws") -> Agreement:
    """Agreement on some aspects; each item and aspect is one thing that is classified."""
    categories = np.array([1, 0, -1] if judgements.design == BWS else [1, 2, 3, 4, 5])
    values = judgements.values[:, :, aspects]
    # (R, I, aspects, categories) -> (I, aspects, categories)
    counts = (values[..., None] == categories).sum(axis=0)
    flat = counts.reshape(-1, len(categories))
    agreeing = agreement_by_item(flat).reshape(counts.shape[:2]).mean(axis=1)
    overall = draws.ratio(agreeing)
    kappa = fleiss_kappa(flat)
    if kappa is None:
        return Agreement(None, overall)
    shares = counts.mean(axis=1) / len(values)  # (I, categories)
    by_chance = np.sum([draws.ratios(column) ** 2 for column in shares.T], axis=0)
    # A resample whose judgements all fall into one category has no kappa.
    possible = by_chance < 1.0 - 1e-12
    resampled = (draws.ratios(agreeing) - by_chance)[possible] / (1.0 - by_chance)[possible]
    return Agreement(Estimate(kappa, *percentile_interval(resampled)), overall)


class _Draws:
    """Resampled documents: means over the items of whichever documents are drawn.

    Documents may have different numbers of items, so that a mean over items is a ratio of two sums
    over documents; both are resampled by the same draws.
    """

    def __init__(
        self, document: NDArray[np.int64], documents: int, resamples: int, seed: int
    ) -> None:
        self._document = document
        self._documents = documents
        self._resamples = resamples
        self._seed = seed

    def ratio(
        self, values: NDArray[np.float64], kept: Optional[NDArray[np.bool_]] = None
    ) -> Estimate:
        """Mean of the values (I,) of the kept items, with its interval."""
        chosen = values if kept is None else values[kept]
        low, high = percentile_interval(self.ratios(values, kept))
        return Estimate(float(chosen.mean()), low, high)

    def ratios(
        self, values: NDArray[np.float64], kept: Optional[NDArray[np.bool_]] = None
    ) -> NDArray[np.float64]:
        """Resampled means of the values (I,) of the kept items: (resamples,)."""
        weights = np.ones(len(values)) if kept is None else kept.astype(np.float64)
        return self._means(values * weights) / self._means(weights)

    def _means(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(self._document, weights=weights, minlength=self._documents)
        return bootstrap_means(sums.astype(np.float64), resamples=self._resamples, seed=self._seed)

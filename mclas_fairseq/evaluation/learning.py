"""Did a system learn to summarize, or only to write summaries?

A system counts as one that learned when it beats every baseline (with a margin, or with a paired
interval above 0), loses when its outputs are scored against other documents' references, and
writes different summaries for different documents. One that does not is reported as such.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mclas_fairseq.evaluation.intervals import PairedComparison, paired_bootstrap
from mclas_fairseq.evaluation.rouge import RougeScores
from mclas_fairseq.evaluation.sanity import distinct_share, score_shuffled

FEWEST_DISTINCT = 0.8
_METRIC = "rouge1"


@dataclass(frozen=True)
class LearningCheck:
    """What the verdict on one system rests on; differences are in ROUGE-1 F1, shares of 1.

    Attributes:
        system: its name.
        baselines: baseline -> system minus baseline on the same documents.
        shuffled: matched minus shuffled references, on the same documents.
        distinct: share of different summaries.
        margin: what the difference to each baseline must reach.
    """

    system: str
    baselines: Mapping[str, PairedComparison]
    shuffled: PairedComparison
    distinct: float
    margin: float

    @property
    def failures(self) -> list[str]:
        """Why the system did not learn; empty when it did."""
        reasons = [
            f"not above {name} ({100 * result.difference:+.2f} "
            f"[{100 * result.low:+.2f}, {100 * result.high:+.2f}])"
            for name, result in self.baselines.items()
            if result.low <= 0 or result.difference < self.margin
        ]
        if self.shuffled.low <= 0:
            reasons.append("as good against other documents' references")
        if self.distinct < FEWEST_DISTINCT:
            reasons.append(f"only {100 * self.distinct:.0f} % distinct summaries")
        return reasons

    @property
    def learned(self) -> bool:
        """Whether the system passed every check."""
        return not self.failures


def check_learning(
    system: str,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    scores: RougeScores,
    baselines: Mapping[str, RougeScores],
    *,
    margin: float = 0.0,
    seed: int,
) -> LearningCheck:
    """Compare a system with the baselines and with itself on shuffled references.

    Args:
        system: its name.
        hypotheses: its N summaries.
        references: their references.
        scores: ROUGE of the two, N documents.
        baselines: name -> ROUGE of the baselines on the same documents.
        margin: smallest difference in ROUGE-1 to each baseline, a share of 1.
        seed: of the derangement of the references.
    """
    shuffled = score_shuffled(
        hypotheses,
        references,
        language=scores.protocol.language,
        protocol=scores.protocol.name,
        seed=seed,
    )
    return LearningCheck(
        system=system,
        baselines={
            name: paired_bootstrap(scores.f1[_METRIC], baseline.f1[_METRIC])
            for name, baseline in baselines.items()
        },
        shuffled=paired_bootstrap(scores.f1[_METRIC], shuffled.f1[_METRIC]),
        distinct=distinct_share(hypotheses),
        margin=margin,
    )

"""Did a system learn to summarize, or only to write summaries?

The rule, by content ROUGE-1 (or ROUGE-1): a system learned when it is above every baseline (a
paired interval of the difference above 0, and the margin), when its ROUGE-1 against its documents'
references is at least 5 points above that against other documents' (with an interval above 0), and
when at least 80 % of its summaries are distinct. The untranslated reference is shown beside the
baselines and not asked for: it was written by people who knew what matters.

Where documents have two references, people are judged by the same rule, each reference scored
against the others (`evaluation/people.py`). What people do not meet judges nothing: a system that
fails by it alone is "not judged".
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from mclas_fairseq.evaluation.content import CONTENT, MATCHED
from mclas_fairseq.evaluation.intervals import (
    PairedComparison,
    bootstrap_interval,
    paired_bootstrap,
)
from mclas_fairseq.evaluation.sanity import distinct_share
from mclas_fairseq.evaluation.systems import System

LEARNED_BY = {"content": CONTENT[0], "rouge1": "rouge1"}  # the option -> the key of the measure
LEAST_MATCHED = 0.05  # matched minus shuffled, a share of 1
FEWEST_DISTINCT = 0.8

LEARNED, NOT_LEARNED, NOT_JUDGED = "learned", "did not learn", "not judged"
_MATCHED = "matched minus shuffled"
_DISTINCT = "distinct summaries"


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval; 1 is 100 points."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.mean:+.2f} [{100 * self.low:+.2f}, {100 * self.high:+.2f}]"


@dataclass(frozen=True)
class LearningCheck:
    """What the verdict on one system rests on; differences and shares of 1.

    Attributes:
        system: its name.
        measure: label of the measure in which it is compared with the baselines: "C-1".
        baselines: baseline -> system minus baseline on the same documents.
        shown: baselines that need not be beaten.
        matched: matched minus shuffled in ROUGE-1.
        distinct: share of different summaries.
        margin: what the difference to each baseline must reach.
        people: the same of people, where documents have two references.
    """

    system: str
    measure: str
    baselines: Mapping[str, PairedComparison]
    shown: frozenset[str]
    matched: Interval
    distinct: float
    margin: float
    people: Optional["LearningCheck"] = field(default=None, repr=False)

    @property
    def unmet(self) -> dict[str, str]:
        """What the system does not meet -> why not."""
        reasons = {
            name: f"not above {name} ({self.measure} {_interval(result)})"
            for name, result in self.baselines.items()
            if name not in self.shown and (result.low <= 0 or result.difference < self.margin)
        }
        if self.matched.low <= 0 or self.matched.mean < LEAST_MATCHED:
            reasons[_MATCHED] = (
                f"not {100 * LEAST_MATCHED:.0f} points above other documents' references"
                f" ({_MATCHED} {self.matched})"
            )
        if self.distinct < FEWEST_DISTINCT:
            reasons[_DISTINCT] = f"only {100 * self.distinct:.1f} % {_DISTINCT}"
        return reasons

    @property
    def failures(self) -> list[str]:
        """Why the system did not learn: what it does not meet and people do."""
        excused = {} if self.people is None else self.people.unmet
        return [reason for name, reason in self.unmet.items() if name not in excused]

    @property
    def unjudged(self) -> list[str]:
        """What neither the system nor people meet."""
        excused = {} if self.people is None else self.people.unmet
        return [reason for name, reason in self.unmet.items() if name in excused]

    @property
    def verdict(self) -> str:
        """`LEARNED`, `NOT_LEARNED` or `NOT_JUDGED`."""
        if self.failures:
            return NOT_LEARNED
        return NOT_JUDGED if self.unjudged else LEARNED


def check_learning(
    system: System,
    hypotheses: Sequence[str],
    baselines: Mapping[str, System],
    *,
    by: str = "content",
    margin: float = 0.0,
    shown: Collection[str] = (),
    people: Optional[LearningCheck] = None,
) -> LearningCheck:
    """Compare a system with the baselines and with itself on shuffled references.

    Args:
        system: with its measures, those of `evaluation/content.py` among them.
        hypotheses: its summaries.
        baselines: name -> the baseline, measured on the same documents.
        by: one of `LEARNED_BY`.
        margin: smallest difference to each baseline, a share of 1.
        shown: baselines that are compared with and need not be beaten.
        people: what people do not meet judges nothing.
    """
    key = LEARNED_BY[by]
    values = system.by_document(key)
    matched = system.by_document(MATCHED)
    low, high = bootstrap_interval(matched)
    return LearningCheck(
        system=system.name,
        measure=system.measures[key].label,
        baselines={
            name: paired_bootstrap(values, baseline.by_document(key))
            for name, baseline in baselines.items()
        },
        shown=frozenset(shown),
        matched=Interval(float(matched.mean()), low, high),
        distinct=distinct_share(hypotheses),
        margin=margin,
        people=people,
    )


def _interval(result: PairedComparison) -> str:
    return str(Interval(result.difference, result.low, result.high))

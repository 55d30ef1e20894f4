"""The work of `mclas report`: systems and baselines measured, beside people, and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from mclas_fairseq.evaluation.content import (
    CONTENT,
    MATCHED,
    MATCHED_CONTENT,
    ContentRules,
    content_measures,
)
from mclas_fairseq.evaluation.inputs import Aligned
from mclas_fairseq.evaluation.learning import LearningCheck, check_learning
from mclas_fairseq.evaluation.people import (
    Folds,
    beside_people,
    can_leave_one_out,
    leave_one_out,
    people_system,
)
from mclas_fairseq.evaluation.report import SystemResult, summarise_system
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.evaluation.systems import System, rouge_system

COLUMNS = (*CONTENT, MATCHED, MATCHED_CONTENT)  # of the second table


@dataclass(frozen=True)
class Candidates:
    """Who is measured: name -> summaries of the same N documents.

    Attributes:
        baselines: what a system must beat, in the order of the table.
        systems: those that are judged.
        shown: baselines that need not be beaten.
    """

    baselines: Mapping[str, Sequence[str]]
    systems: Mapping[str, Sequence[str]]
    shown: frozenset[str] = frozenset()

    @property
    def all(self) -> dict[str, Sequence[str]]:
        """Baselines, then systems."""
        return {**self.baselines, **self.systems}


@dataclass(frozen=True)
class LearningTable:
    """What the report shows.

    Attributes:
        results: rows of baselines and systems, scored against all references.
        beside_people: people's row and then the same rows scored as people are; empty where fewer
            than two documents have two references.
        people: the check of people, likewise.
        checks: of each system.
    """

    results: Sequence[SystemResult]
    beside_people: Sequence[SystemResult]
    people: Optional[LearningCheck]
    checks: Sequence[LearningCheck]


def learning_table(
    candidates: Candidates,
    references: Sequence[Sequence[str]],
    rules: ContentRules,
    *,
    by: str,
    margin: float,
) -> LearningTable:
    """Measure and judge.

    Args:
        candidates: baselines and systems.
        references: of each of the N documents.
        rules: of the measures.
        by: one of `LEARNED_BY`.
        margin: smallest difference to each baseline, a share of 1.
    """
    measured = {
        name: _measured(name, texts, references, rules) for name, texts in candidates.all.items()
    }
    beside: list[System] = []
    people = None
    if can_leave_one_out(references):
        folds = leave_one_out(references)
        beside = _beside_people(candidates.all, folds, rules)
        people = check_learning(
            beside[0],
            folds.left_out,
            {row.name: row for row in beside[1:] if row.name in candidates.baselines},
            by=by,
            margin=margin,
            shown=candidates.shown,
        )
    checks = [
        check_learning(
            measured[name],
            texts,
            {baseline: measured[baseline] for baseline in candidates.baselines},
            by=by,
            margin=margin,
            shown=candidates.shown,
            people=people,
        )
        for name, texts in candidates.systems.items()
    ]
    return LearningTable(
        results=[summarise_system(system) for system in measured.values()],
        beside_people=[summarise_system(system) for system in beside],
        people=people,
        checks=checks,
    )


def _measured(
    name: str, texts: Sequence[str], references: Sequence[Sequence[str]], rules: ContentRules
) -> System:
    protocol = rules.words.rules
    scores = score_rouge(texts, references, language=protocol.language, protocol=protocol)
    rows = tuple(range(len(texts)))
    run = Aligned(tuple(texts), tuple(map(tuple, references)), skipped=0, rows=rows)
    system = rouge_system(name, (), [run], [scores])
    return replace(system, measures={**system.measures, **content_measures(system, rules)})


def _beside_people(
    texts: Mapping[str, Sequence[str]], folds: Folds, rules: ContentRules
) -> list[System]:
    rows = [beside_people(name, own, folds, rules) for name, own in texts.items()]
    return [people_system(folds, rules), *rows]

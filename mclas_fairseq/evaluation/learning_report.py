"""Verdicts of `evaluation/learning.py` as text for the terminal and as JSON."""

from collections.abc import Iterator
from typing import Any

from mclas_fairseq.evaluation.comparison_report import comparison_to_json
from mclas_fairseq.evaluation.learning import (
    FEWEST_DISTINCT,
    LEARNED,
    LEAST_MATCHED,
    NOT_JUDGED,
    Interval,
    LearningCheck,
)
from mclas_fairseq.evaluation.learning_table import (
    COLUMNS,
    LearningTable,
)
from mclas_fairseq.evaluation.people_report import people_table
from mclas_fairseq.evaluation.report import WIDTH, text_table, to_json


def learning_text(table: LearningTable) -> Iterator[str]:
    """The tables, what people reach, and the verdict on each system, part by part."""
    yield text_table(table.results, width=WIDTH)
    yield text_table(table.results, metrics=COLUMNS, width=WIDTH)
    if table.beside_people:
        yield people_table(table.beside_people)
    yield "\n".join(verdict_texts(table))


def verdict_texts(table: LearningTable) -> list[str]:
    """What people reach, where that is known, and the verdict on each system."""
    people = [] if table.people is None else [_people(table.people)]
    return [*people, *(_verdict(check) for check in table.checks)]


def learning_to_json(table: LearningTable) -> dict[str, Any]:
    """Rows, people's rows and checks, with the rule."""
    return {
        "rule": {
            "above_every_baseline_in": table.checks[0].measure if table.checks else None,
            "matched_minus_shuffled": 100 * LEAST_MATCHED,
            "distinct": FEWEST_DISTINCT,
        },
        "rows": [to_json(result) for result in table.results],
        "beside_people": [to_json(result) for result in table.beside_people],
        "people": None if table.people is None else _check_to_json(table.people),
        "checks": [_check_to_json(check) for check in table.checks],
    }


def _people(check: LearningCheck) -> str:
    facts = f"{check.system}: {_facts(check)}"
    if not check.unmet:
        return f"{facts}\n  people meet all that is asked of a system"
    reasons = "; ".join(check.unmet.values())
    return f"{facts}\n  PEOPLE THEMSELVES ARE {reasons}: this judges nothing here"


def _verdict(check: LearningCheck) -> str:
    if check.verdict == LEARNED:
        verdict = LEARNED
    elif check.verdict == NOT_JUDGED:
        verdict = (
            f"{NOT_JUDGED.upper()}, as people fail there as well ({'; '.join(check.unjudged)})"
        )
    else:
        verdict = f"{check.verdict.upper()} ({'; '.join(check.failures)})"
    return f"{check.system}: {verdict}\n  {_facts(check)}"


def _facts(check: LearningCheck) -> str:
    asked = {name: one for name, one in check.baselines.items() if name not in check.shown}
    rows = sorted(asked.items(), key=lambda item: item[1].difference)[:1]
    rows += [(name, one) for name, one in check.baselines.items() if name in check.shown]
    parts = [
        f"{check.measure} {Interval(one.difference, one.low, one.high)} against the {name}"
        for name, one in rows
    ]
    return "; ".join(
        [
            *parts,
            f"R-1 matched minus shuffled {check.matched}",
            f"{100 * check.distinct:.0f} % distinct",
        ]
    )


def _check_to_json(check: LearningCheck) -> dict[str, Any]:
    return {
        "system": check.system,
        "verdict": check.verdict,
        "learned": check.verdict == LEARNED,
        "failures": check.failures,
        "not_judged": check.unjudged,
        "measure": check.measure,
        "margin": 100 * check.margin,
        "distinct": round(check.distinct, 4),
        "minus_baselines": comparison_to_json(check.baselines),
        "need_not_be_beaten": sorted(check.shown),
        "matched_minus_shuffled_rouge1": {
            "mean": round(100 * check.matched.mean, 4),
            "interval": [round(100 * check.matched.low, 4), round(100 * check.matched.high, 4)],
        },
    }

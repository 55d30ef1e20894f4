"""The rule that says whether a system learned, and what people's failure does to it."""

import itertools
from typing import Any

import numpy as np
import pytest

from mclas_fairseq.evaluation.content import MATCHED
from mclas_fairseq.evaluation.learning import (
    LEARNED,
    NOT_JUDGED,
    NOT_LEARNED,
    LearningCheck,
    check_learning,
)
from mclas_fairseq.evaluation.systems import Measure, System

N = 40
DISTINCT = [str(number) for number in range(N)]


def system(name: str, *, content: float, rouge1: float = 0.2, matched: float = 0.1) -> System:
    """A system whose documents score a little above and below these means."""
    around = np.tile([-0.01, 0.01], N // 2)
    values = {"content1": ("C-1", content), "rouge1": ("R-1", rouge1), MATCHED: ("m-s", matched)}
    measures = {
        key: Measure(key, label, "f1", mean + around[None], key)
        for key, (label, mean) in values.items()
    }
    return System(name, (), (), measures, np.ones((1, N)), np.ones(N), "")


BASELINES = {
    "constant": system("constant", content=0.02, rouge1=0.25),
    "gold": system("gold", content=0.5),
}


def check(one: System, people: LearningCheck | None = None, **how: Any) -> LearningCheck:
    return check_learning(one, DISTINCT, BASELINES, shown=("gold",), people=people, **how)


def test_a_system_above_all_that_is_asked_learned() -> None:
    found = check(system("x", content=0.1))
    assert (found.verdict, found.failures) == (LEARNED, [])
    assert found.baselines["gold"].difference < 0, "it is shown and not asked for"


@pytest.mark.parametrize(
    ("one", "how", "reason"),
    [
        (system("x", content=0.02), {}, r"not above constant \(C-1 \+0.00"),
        (system("x", content=0.05), {"margin": 0.04}, r"not above constant \(C-1 \+3.00"),
        (system("x", content=0.1), {"by": "rouge1"}, r"not above constant \(R-1 -5.00"),
        (system("x", content=0.1, matched=0.04), {}, r"not 5 points above other .*\+4.00 \["),
    ],
)
def test_each_thing_asked_can_fail_it(one: System, how: dict[str, Any], reason: str) -> None:
    found = check(one, **how)
    assert found.verdict == NOT_LEARNED
    with pytest.raises(ValueError, match=reason):
        raise ValueError(found.failures[0])


def test_the_same_few_summaries_fail_it() -> None:
    texts = list(itertools.islice(itertools.cycle("abc"), N))
    found = check_learning(system("x", content=0.1), texts, {}, by="content")
    assert found.failures == ["only 7.5 % distinct summaries"]


def test_what_people_do_not_meet_judges_nothing() -> None:
    people = check(system("people", content=0.15, rouge1=0.25), by="rouge1")
    assert people.verdict == NOT_LEARNED
    found = check(system("x", content=0.1), people, by="rouge1")
    assert (found.verdict, found.failures) == (NOT_JUDGED, [])
    assert "not above constant" in found.unjudged[0]
    # What people do meet is still asked of systems, and who is better than people learned.
    assert check(system("x", content=0.1, matched=0.0), people, by="rouge1").verdict == NOT_LEARNED
    assert check(system("x", content=0.1, rouge1=0.3), people, by="rouge1").verdict == LEARNED

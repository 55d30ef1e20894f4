"""Verdicts on heads from reports made by hand: a part that fails leaves a claim undecided."""

import copy
from typing import Any

import pytest

from studies.heads.verdicts import judge


def interval(mean: float, width: float = 0.02) -> dict[str, Any]:
    ends = [mean - width, mean + width]
    return {"mean": mean, "interval": ends, "corrected": ends}


def change(mean: float, width: float = 0.02) -> dict[str, float]:
    return {"mean": mean, "low": mean - width, "high": mean + width}


def report(translates: bool = True, crosses: bool = True) -> dict[str, Any]:
    """Two heads of each kind; the first ones translate, where that is wanted."""
    heads: list[dict[str, Any]] = [
        {"head": f"decoder.0.{kind}.{number}", "kind": kind, "labels": []}
        for kind in ("self", "cross")
        for number in (0, 1)
    ]
    heads[0]["labels"] = ["translation"] if translates else ["local"]
    heads[2]["labels"] = ["translation"] if crosses else ["other"]
    names = [str(row["head"]) for row in heads]
    accuracy = dict(zip(names[:2], [interval(0.6), interval(0.1)], strict=True))
    if not translates:
        accuracy[names[0]] = interval(0.2)
    return {
        "heads": heads,
        "kinds": {"self": {"heads": 2}, "cross": {"heads": 2}},
        "translation_excess": {
            "heads": {name: interval(one["mean"] - 0.3) for name, one in accuracy.items()},
            "accuracy": accuracy,
        },
        "content_gap": {
            "heads": dict(zip(names[2:], [interval(0.1), interval(0.0)], strict=True)),
            "mean": 0.01,
            "interval": [-0.01, 0.03],
        },
        "ablations": [
            {
                "kind": "self",
                "label": "translation",
                "second_less_first": change(0.3),
                "second_less_random": change(0.2),
            }
        ],
    }


CONTROLS = {"random-decoder": report(False), "other-summaries": report(False)}


def verdicts(whole: dict[str, Any], controls: dict[str, Any] | None = None) -> list[str]:
    found = CONTROLS if controls is None else controls
    return [verdict for _, verdict, _ in judge(whole, found)]


def test_both_claims_hold_or_do_not() -> None:
    assert verdicts(report()) == ["holds", "holds"]
    assert verdicts(report(False, False)) == ["does not hold", "does not hold"]


@pytest.mark.parametrize(
    "part", ["a", "b", "no control", "c first", "c random", "no draws", "none"]
)
def test_a_part_that_fails_leaves_it_undecided(part: str) -> None:
    whole, controls = report(), dict(CONTROLS)
    [ablation] = whole["ablations"]
    if part == "a":
        whole["translation_excess"]["heads"]["decoder.0.self.0"] = interval(0.01)
    elif part == "b":
        controls["other-summaries"] = report()
    elif part == "no control":
        controls = {}
    elif part == "c first":
        ablation["second_less_first"] = change(0.01)
    elif part == "c random":
        ablation["second_less_random"] = change(0.01)
    elif part == "no draws":
        ablation["second_less_random"] = None
    else:
        whole["ablations"] = []
    assert verdicts(whole, controls)[0] == "undecided"


def test_a_head_that_may_reach_the_threshold_is_not_ruled_out() -> None:
    whole = report(False, False)
    whole["translation_excess"]["accuracy"]["decoder.0.self.1"] = interval(0.39)
    assert verdicts(whole)[0] == "undecided"
    unsure = copy.deepcopy(whole)
    unsure["content_gap"]["interval"] = [-0.01, 0.06]
    assert verdicts(unsure)[1] == "undecided"
    crossing = report()
    crossing["content_gap"]["heads"]["decoder.0.cross.0"] = interval(0.01)
    assert verdicts(crossing)[1] == "undecided"

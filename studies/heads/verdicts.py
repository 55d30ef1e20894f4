"""The two claims about heads, judged by rules.md from what `mclas heads probe` wrote."""

from collections.abc import Iterator, Mapping
from typing import Any

from studies.harness.judging import FAILS, HOLDS, UNDECIDED

Probe = Mapping[str, Any]  # heads.json
MARGIN = 0.05  # of the mean gap, claim 2


def judge(
    whole: Probe, controls: Mapping[str, Probe], limit: float = 0.40
) -> Iterator[tuple[str, str, list[str]]]:
    """Verdicts on a model: claim, verdict, what it rests on.

    Args:
        whole: the model itself, with ablations.
        controls: by name; each must show no head that translates.
        limit: the threshold of accuracy of the label.
    """
    yield "some heads align S^B with S^A", *_aligns(whole, controls, limit)
    yield "the cross-attention of S^A and of S^B differ", *_differs(whole)


def labelled(probe: Probe, kind: str, label: str) -> list[str]:
    """Names of the heads of a kind that have a label."""
    return [row["head"] for row in probe["heads"] if row["kind"] == kind and label in row["labels"]]


def _aligns(whole: Probe, controls: Mapping[str, Probe], limit: float) -> tuple[str, list[str]]:
    heads = labelled(whole, "self", "translation")
    excess = whole["translation_excess"]
    told = [f"{len(heads)} of {whole['kinds']['self']['heads']} heads translate"]
    best = max(excess["accuracy"].items(), key=lambda item: item[1]["mean"], default=None)
    if best is not None:
        told.append(f"largest accuracy {_shown(best[1])} ({best[0]})")
    if not heads:
        # No interval reaches the label's threshold: there is nothing that more data could find.
        reaches = any(one["corrected"][1] >= limit for one in excess["accuracy"].values())
        return (UNDECIDED if reaches else FAILS), told
    sure = [name for name in heads if excess["heads"][name]["corrected"][0] > 0]
    told.append(f"a: above chance for certain: {', '.join(sure) or 'none'}")
    left = {name: len(labelled(one, "self", "translation")) for name, one in controls.items()}
    told.append("b: " + ", ".join(f"{name} {count}" for name, count in left.items()))
    causal = _causal(whole, told)
    holds = bool(sure) and bool(left) and not any(left.values()) and causal
    return (HOLDS if holds else UNDECIDED), told


def _causal(whole: Probe, told: list[str]) -> bool:
    for one in whole["ablations"]:
        if (one["kind"], one["label"]) == ("self", "translation"):
            gaps = [one["second_less_first"], one["second_less_random"]]
            told.append(
                "c: S^B less S^A "
                + ", S^B less random ".join(
                    "not measured" if g is None else _change(g) for g in gaps
                )
            )
            return all(gap is not None and gap["low"] > 0 for gap in gaps)
    told.append("c: not measured")
    return False


def _differs(whole: Probe) -> tuple[str, list[str]]:
    heads = labelled(whole, "cross", "translation")
    gap = whole["content_gap"]
    low, high = gap["interval"]
    told = [
        f"{len(heads)} of {whole['kinds']['cross']['heads']} heads translate",
        f"mean gap {gap['mean']:+.3f} [{low:+.3f}, {high:+.3f}]",
    ]
    sure = [name for name in heads if gap["heads"][name]["corrected"][0] > 0]
    told += [f"{name}: gap {_shown(gap['heads'][name])}" for name in heads]
    if sure:
        return HOLDS, told
    if not heads and low >= -MARGIN and high <= MARGIN:
        return FAILS, told
    return UNDECIDED, told


def _shown(one: Mapping[str, Any]) -> str:
    low, high = one["corrected"]
    return f"{one['mean']:.3f} [{low:.3f}, {high:.3f}]"


def _change(one: Mapping[str, float]) -> str:
    return f"{one['mean']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"

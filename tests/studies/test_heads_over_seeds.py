"""Claims about heads over seeds, from probes made by hand."""

import copy
import threading
from pathlib import Path
from typing import Any

import pytest

from studies.harness.processes import claimed
from studies.heads import learned
from studies.heads.learned import SEEDS, probes
from studies.heads.over_seeds import judge, nearest
from tests.studies.test_heads_verdicts import change, interval, report

FIRST = "decoder.0.self.0"


def with_masses(probe: dict[str, Any], masses: tuple[float, float] = (0.8, 0.1)) -> dict[str, Any]:
    values = iter(masses)
    probe["thresholds"] = {"mass": 0.3}
    for row in probe["heads"]:
        row["statistics"] = {}
        if row["kind"] == "self":
            mass, right = next(values), probe["translation_excess"]["accuracy"][row["head"]]["mean"]
            row["statistics"] = {"mass_in": mass, "mass_out": 0.0}
            row["statistics"] |= {"acc_in": right, "acc_out": 0.0}
    return probe


def system(label: bool, accuracy: float = 0.6) -> dict[str, Any]:
    """Five seeds, nearly alike, with controls in which nothing translates."""
    found: dict[str, Any] = {}
    for seed in range(1, 6):
        whole = with_masses(report(label, label))
        whole["translation_excess"]["accuracy"][FIRST] = interval(accuracy + seed / 100)
        whole["translation_excess"]["heads"][FIRST] = interval(accuracy - 0.3 + seed / 100)
        if not label:
            whole["ablations"][0]["label"] = "nearest to translation"
        for name in ("first", "random"):
            whole["ablations"][0][f"second_less_{name}"] = change(0.2 + seed / 100)
        found[f"whole-{seed}"] = whole
        found[f"other-summaries-{seed}"] = with_masses(report(False))
        two = copy.deepcopy(report(False))
        two["heads"] = [
            {"head": f"{place}.0.cross.{seed % 2}", "kind": "cross", "labels": ["attends"]}
            for place in ("ms_decoder", "ms_decoder", "decoder")
        ][: 2 + seed % 2]
        found[f"ncls_ms-{seed}"] = two
    found["random-decoder-1"] = with_masses(report(False))
    found["shuffled-1"] = with_masses(report(False))
    return found


def verdicts(found: dict[str, Any]) -> list[str]:
    return [verdict for _, verdict, _ in judge(found)]


def test_what_holds_for_each_seed_holds() -> None:
    assert verdicts(system(label=True)) == ["holds", "holds", "holds"]
    told = dict((claim, reasons) for claim, _, reasons in judge(system(label=True)))
    assert "e over seeds +0.330 [+0.310, +0.350]" in told["the nearest head follows S^A"]
    last = told["the cross-attention of S^A and of S^B differ"][-1]
    assert "2 and 1, 2 and 0, 2 and 1, 2 and 0, 2 and 1; +1.400 [+0.720, +2.080]" in last


def test_a_label_that_no_seed_has_does_not_hold_though_the_nearest_head_follows() -> None:
    found = system(label=False, accuracy=0.3)
    found |= {f"other-summaries-{seed}": with_masses(report(False)) for seed in SEEDS}
    for seed in SEEDS:
        found[f"whole-{seed}"]["translation_excess"]["heads"][FIRST] = interval(0.1 + seed / 100)
    assert verdicts(found) == ["does not hold", "holds", "does not hold"]


@pytest.mark.parametrize("part", ["e", "d", "first", "random", "no head", "no ablation"])
def test_a_part_that_fails_leaves_the_nearest_head_undecided(part: str) -> None:
    found = system(label=True)
    whole = found["whole-3"]
    if part == "e":
        whole["translation_excess"]["heads"][FIRST] = interval(-2.0)
    elif part == "d":
        for seed in SEEDS:
            rows = found[f"other-summaries-{seed}"]["translation_excess"]["accuracy"]
            rows[FIRST] = interval(0.9)
    elif part in ("first", "random"):
        whole["ablations"][0][f"second_less_{part}"] = change(-2.0)
    elif part == "no head":
        with_masses(whole, (0.1, 0.1))
        whole["heads"][0]["labels"] = []
    else:
        whole["ablations"] = []
    assert verdicts(found)[1] == ("does not hold" if part == "d" else "undecided")


def test_one_seed_or_one_control_that_differs_leaves_a_claim_undecided() -> None:
    found = system(label=True)
    found["shuffled-1"] = with_masses(report(True))
    assert verdicts(found)[0] == "undecided"
    found = system(label=False, accuracy=0.3)
    found["whole-2"] = system(label=True)["whole-2"]
    assert verdicts(found)[::2] == ["undecided", "undecided"]
    found = system(label=False, accuracy=0.3)
    for seed in SEEDS:
        found[f"whole-{seed}"]["content_gap"]["mean"] = 0.2 * (seed - 3)
    assert verdicts(found)[2] == "undecided"


def test_the_nearest_head_is_a_labelled_one_or_leans_on_the_first_summary() -> None:
    probe = with_masses(report(False), (0.1, 0.9))
    assert nearest(probe) == "decoder.0.self.1"
    assert nearest(with_masses(probe, (0.1, 0.1))) is None
    probe["heads"][0]["labels"] = ["translation"]
    assert nearest(probe) == FIRST


def test_all_probes_are_named_once_and_the_control_as_often_as_asked() -> None:
    names = [one.name for one in probes(2)]
    assert len(set(names)) == len(names) == 5 + 5 + 1 + 2 + 5 + 1
    assert [one.system for one in probes(2) if "shuffled" in one.name] == ["mclas-shuffled"] * 2
    assert not [one for one in probes(0) if "shuffled" in one.name]


def test_links_that_another_command_learns_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    monkeypatch.setattr(learned, "write_links", lambda *given: written.append(given[2]))
    thread = threading.Thread(target=learned.learn_links, args=(tmp_path, tmp_path / "ddtp"))
    with claimed(tmp_path / "claims" / "links"):
        thread.start()
        thread.join(0.2)
        assert not written
    thread.join(60)
    assert written == [tmp_path]

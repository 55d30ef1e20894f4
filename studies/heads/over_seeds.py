"""The claims about heads of learned systems, judged over seeds by the second part of rules.md."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mclas_fairseq.heads.probe.running import NEAREST
from studies.harness.judging import FAILS, HOLDS, UNDECIDED, over_seeds
from studies.heads.verdicts import MARGIN, Probe, labelled
from studies.heads.verdicts import judge as judge_probe

FOLLOWS = 0.05  # of d: less than this is not following
Verdict = tuple[str, str, list[str]]


def judge(probes: Mapping[str, Probe]) -> Iterator[Verdict]:
    """Verdicts on a system from the probes of its seeds.

    Args:
        probes: heads.json by name, those of `studies.heads.learned`.
    """
    seeds = sorted(int(name.removeprefix("whole-")) for name in probes if name.startswith("whole-"))
    by_seed = [dict(_of_seed(probes, seed)) for seed in seeds]
    claims = list(by_seed[0])
    yield _together(claims[0], seeds, [one[claims[0]] for one in by_seed], None)
    yield follows(probes, seeds)
    gaps = [probes[f"whole-{seed}"]["content_gap"]["mean"] for seed in seeds]
    claim, verdict, told = _together(claims[1], seeds, [one[claims[1]] for one in by_seed], gaps)
    yield claim, verdict, [*told, f"mean gap {over(gaps)}", *_two_decoders(probes)]


def _of_seed(probes: Mapping[str, Probe], seed: int) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    """Claim -> verdict and reasons of one seed."""
    controls = {
        name: probe
        for name, probe in probes.items()
        if name.startswith(("random-decoder-", "shuffled-")) or name == f"other-summaries-{seed}"
    }
    for claim, verdict, reasons in judge_probe(probes[f"whole-{seed}"], controls):
        yield claim, (verdict, reasons)


def _together(
    claim: str,
    seeds: Sequence[int],
    verdicts: Sequence[tuple[str, list[str]]],
    gaps: Sequence[float] | None,
) -> Verdict:
    """One verdict of several seeds; with gaps, their interval must be within the margin to fail."""
    told = [
        f"seed {seed}: {verdict}; {'; '.join(reasons)}"
        for seed, (verdict, reasons) in zip(seeds, verdicts, strict=True)
    ]
    found = [verdict for verdict, _ in verdicts]
    if all(one == HOLDS for one in found):
        return claim, HOLDS, told
    if gaps is None:
        return claim, FAILS if all(one == FAILS for one in found) else UNDECIDED, told
    low, high = interval(gaps)
    small = low >= -MARGIN and high <= MARGIN
    return claim, FAILS if HOLDS not in found and small else UNDECIDED, told


def follows(probes: Mapping[str, Probe], seeds: Sequence[int]) -> Verdict:
    """Whether the nearest head of each seed follows `S^A`, whatever the threshold of the label."""
    claim = "the nearest head follows S^A"
    told, parts = [], []
    for seed in seeds:
        whole, other = probes[f"whole-{seed}"], probes[f"other-summaries-{seed}"]
        head = nearest(whole)
        if head is None:
            told.append(f"seed {seed}: no head leans on S^A")
            continue
        parts.append(_parts(whole, other, head))
        values = ", ".join(f"{name} {value:+.3f}" for name, value in parts[-1].items())
        told.append(f"seed {seed}: {head}, accuracy {accuracy(whole, head):.3f}; {values}")
    for name, probe in probes.items():
        if name.startswith("shuffled-"):
            told.append(f"{name}: {_best(probe)}")
    if len(parts) < 2:
        return claim, UNDECIDED, told
    intervals = {name: [one[name] for one in parts] for name in parts[0]}
    told += [f"{name} over seeds {over(values)}" for name, values in intervals.items()]
    ends = {name: interval(values) for name, values in intervals.items()}
    if len(parts) == len(seeds) and all(low > 0 for low, _ in ends.values()):
        return claim, HOLDS, told
    against = ends["d"][1] < FOLLOWS or any(ends[name][1] < 0 for name in ("c first", "c random"))
    return claim, FAILS if against else UNDECIDED, told


def nearest(probe: Probe) -> str | None:
    """The nearest head of the rules; one with the label before one without."""
    rows = [row for row in probe["heads"] if row["kind"] == "self"]
    wanted = labelled(probe, "self", "translation")
    if not wanted:
        wanted = [row["head"] for row in rows if _mass(row) >= probe["thresholds"]["mass"]]
    return max(wanted, key=lambda head: accuracy(probe, head), default=None)


def accuracy(probe: Probe, head: str) -> float:
    """Of translation, in the mean over documents."""
    found: float = probe["translation_excess"]["accuracy"][head]["mean"]
    return found


def _mass(row: Mapping[str, Any]) -> float:
    """Weight on `S^A` in the reading that decides."""
    values = row["statistics"]
    ends = ("in", "out")
    known = [end for end in ends if values[f"acc_{end}"] is not None]
    reading = max(known, key=lambda end: values[f"acc_{end}"], default=None)
    return float("-inf") if reading is None else float(values[f"mass_{reading}"])


def _parts(whole: Probe, other: Probe, head: str) -> dict[str, float]:
    """e, d and both of c; nan where there is no ablation."""
    excess: float = whole["translation_excess"]["heads"][head]["mean"]
    found = {"e": excess, "d": accuracy(whole, head) - accuracy(other, head)}
    found |= {"c first": np.nan, "c random": np.nan}
    for one in whole["ablations"]:
        if one["kind"] == "self" and one["label"] in ("translation", NEAREST):
            random = one["second_less_random"]
            found["c first"] = one["second_less_first"]["mean"]
            found["c random"] = np.nan if random is None else random["mean"]
    return found


def _best(probe: Probe) -> str:
    head = max(probe["translation_excess"]["accuracy"], key=lambda name: accuracy(probe, name))
    near = nearest(probe)
    leans = "none leans on S^A" if near is None else f"nearest {near} {accuracy(probe, near):.3f}"
    return f"largest accuracy {accuracy(probe, head):.3f} ({head}); {leans}"


def _two_decoders(probes: Mapping[str, Probe]) -> Iterator[str]:
    """Heads that attend in the decoder of `S^A` less those in that of `S^B`, NCLS+MS."""
    names = [name for name in probes if name.startswith("ncls_ms-")]
    counts = [
        [
            sum(head.startswith(place) for head in labelled(probes[name], "cross", "attends"))
            for place in ("ms_decoder.", "decoder.")
        ]
        for name in names
    ]
    if len(counts) > 1:
        shown = ", ".join(f"{first} and {second}" for first, second in counts)
        gaps = [float(first - second) for first, second in counts]
        yield f"NCLS+MS, heads that attend for S^A and for S^B: {shown}; {over(gaps)}"


def interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of a mean over seeds, Student's t; nan where a value is."""
    found = over_seeds(np.array(values, dtype=np.float64)[:, None], np.zeros((1, 1)))
    return found.low, found.high


def over(values: Sequence[float]) -> str:
    """Mean and interval, for people."""
    low, high = interval(values)
    return f"{np.mean(values):+.3f} [{low:+.3f}, {high:+.3f}]"

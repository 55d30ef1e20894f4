"""The rules of studies/vhm_ddtp/rules.md, applied."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from mclas_fairseq.evaluation.multiple_tests import holm
from studies.ddtp.verdicts import MEASURES, Comparison, compare, few
from studies.harness.judging import MISSING, Gap, Runs, over_seeds
from studies.harness.summaries import CONTENT
from studies.vhm.health import MEAN, OTHER, ZERO
from studies.vhm_ddtp.cells import ALL, FEW, REMEDIES, SIZES, SYSTEMS

LEAST_KL = 0.01  # nats a sentence


class Results(Protocol):
    """What the rules look at."""

    def runs(self, size: int, system: str) -> Runs | None:
        """All seeds of a system; None while one is missing."""

    def health(self, size: int, system: str) -> Sequence[Mapping[str, Any]]:
        """What `mclas latents` said of each seed; empty while one is missing."""


def verdicts(results: Results) -> Iterator[str]:
    """All claims, a line each comparison; what lacks cells is not judged."""
    yield from _compared(
        {
            f"1. VHM is above MT-MS-CLS on {size:,}": _minus(results, size, "vhm", "mt_ms_cls")
            for size in SIZES
        }
    )
    yield from _compared(
        {
            f"2. z brings it: VHM is above the control on {size:,}": _minus(
                results, size, "vhm", "control"
            )
            for size in SIZES
        }
    )
    yield f"3. The gap of VHM to MT-MS-CLS grows as data shrink: {_grows(results)}"
    yield from _compared(
        {
            f"4. The other tasks help: MT-MS-CLS is above TNCLS on {ALL:,}": _minus(
                results, ALL, "mt_ms_cls", "tncls"
            )
        }
    )
    for size, system in [*((size, "vhm") for size in SIZES), *((ALL, name) for name in REMEDIES)]:
        used = _used(results.health(size, system))
        yield f"5. z of {SYSTEMS[system].label} is used on {size:,}: {used}"
    yield from _compared(
        {
            f"6. {SYSTEMS[name].label} is above MT-MS-CLS on {ALL:,}": _minus(
                results, ALL, name, "mt_ms_cls"
            )
            for name in REMEDIES
        }
    )


def _minus(results: Results, size: int, first: str, second: str) -> Comparison | None:
    return compare(results.runs(size, first), results.runs(size, second))


def _compared(found: Mapping[str, Comparison | None]) -> Iterator[str]:
    there = {name: one for name, one in found.items() if one is not None}
    adjusted: dict[str, float] = {}
    if len(there) == len(found) > 1:
        p = holm([one.gaps[CONTENT].p for one in there.values()])
        adjusted = dict(zip(there, p, strict=True))
    for name, one in found.items():
        more = f"; p by Holm {adjusted[name]:.4f}" if name in adjusted else ""
        yield f"{name}: {one or MISSING}{more}"


def _grows(results: Results) -> str:
    systems = [results.runs(size, name) for size in (FEW, ALL) for name in ("vhm", "mt_ms_cls")]
    runs = [one.values(CONTENT) for one in systems if one is not None]
    if len(runs) < len(systems):
        return MISSING
    gap = over_seeds(runs[0] - runs[1], runs[2] - runs[3])
    word = "holds" if gap.low > 0 else "refuted" if gap.high < 0 else "undecided"
    return f"{word}: {MEASURES[CONTENT]} {gap}{few(len(runs[0]))}"


def _used(health: Sequence[Mapping[str, Any]]) -> str:
    if len(health) < 2:
        return MISSING
    kl = [float(one["kl"]) for one in health]
    gap = costs(health, OTHER)
    word = "yes" if gap.low > 0 and min(kl) >= LEAST_KL else "undecided"
    if gap.high < 0 or min(kl) < LEAST_KL:
        word = "no"
    more = "; ".join(f"{choice} {costs(health, choice).mean:+.3f}" for choice in (MEAN, ZERO))
    shown = ", ".join(f"{one:.3f}" for one in kl)
    return (
        f"{word}: {OTHER} z costs {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] nats, {more}; "
        f"KL {shown} nats{few(len(kl))}"
    )


def costs(health: Sequence[Mapping[str, Any]], choice: str) -> Gap:
    """What another value of z costs in NLL, nats a sentence, by t over seeds."""
    values = np.array([[one["choices"][choice]["nll_cost"][0]] for one in health], dtype=float)
    return over_seeds(values, np.zeros_like(values))

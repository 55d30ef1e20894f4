"""The rules of docs/decision_rules.md that judge VHM, and the differences that they look at."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from mclas_fairseq.evaluation.intervals import bootstrap_interval
from studies.harness import judging
from studies.harness.judging import MISSING, Gap, corrected
from studies.harness.summaries import Floats
from studies.vhm.cells import ABLATIONS, FREE_BITS, NEWS, SEEDS, SYSTEMS, VARIANTS, Corpus
from studies.vhm.health import MEAN, OTHER

LEAST_KL = 0.01  # nats per sentence


class Results(Protocol):
    """What the rules look at."""

    corpus: Corpus

    def scores(self, size: int, system: str) -> Floats | None:
        """ROUGE-1 F1 in points by seed and document, (S, N); None unless all seeds are there."""

    def health(self, size: int, system: str) -> list[dict[str, Any]]:
        """What `mclas latents` said of each seed that is there."""


def gap(results: Results, size: int, first: str, second: str) -> Gap | None:
    """First minus second on one size; None while cells are missing."""
    a, b = results.scores(size, first), results.scores(size, second)
    if a is None or b is None:
        return None
    return judging.gap(a, b)


def growth(results: Results, size: int, variant: str) -> tuple[float, float, float] | None:
    """A VHM minus MT-MS-CLS on few records, minus the same on all: mean, interval, run by run."""
    sizes = (size, results.corpus.sizes[-1])
    found = [results.scores(one, system) for one in sizes for system in (variant, "mt_ms_cls")]
    if any(one is None for one in found):
        return None
    few_vhm, few_other, all_vhm, all_other = (one for one in found if one is not None)
    values = (few_vhm - few_other) - (all_vhm - all_other)
    return float(values.mean()), *bootstrap_interval(values)


def small_sizes(corpus: Corpus) -> tuple[int, ...]:
    """Sizes by which the growth of the gap is judged."""
    return (20, 200) if corpus is NEWS else (200,)


def ablation_gaps(results: Results) -> dict[str, tuple[Gap, float]]:
    """Each ablation minus VHM with free bits on all records, with p after Holm's correction.

    Empty while one of them is missing, as the correction is over all of them.
    """
    size = results.corpus.sizes[-1]
    found = {name: gap(results, size, name, FREE_BITS) for name in ABLATIONS}
    return corrected({name: one for name, one in found.items() if one is not None}, len(found))


def verdicts(results: Results) -> Iterator[str]:
    """The rules, one line each."""
    last = results.corpus.sizes[-1]
    for name, said in _better(results).items():
        yield f"1. {SYSTEMS[name].label} beats MT-MS-CLS: {said}."
    for name in VARIANTS:
        yield f"2. The gap of {SYSTEMS[name].label} grows as data shrink: {_grows(results, name)}."
    helped = gap(results, last, "mt_ms_cls", "tncls")
    yield f"3. The other tasks help: {MISSING if helped is None else _beats(helped, helped.p)}."
    if results.corpus.ablations:
        yield from _parts(results)
    for name in VARIANTS:
        for size in results.corpus.sizes:
            said = _used(results.health(size, name))
            yield f"5. z_cls of {SYSTEMS[name].label} is used on {size}: {said}."


def _better(results: Results) -> dict[str, str]:
    last = results.corpus.sizes[-1]
    found = {name: gap(results, last, name, "mt_ms_cls") for name in VARIANTS}
    there = corrected({name: one for name, one in found.items() if one is not None}, len(found))
    return {name: _beats(*there[name]) if name in there else MISSING for name in VARIANTS}


def _beats(one: Gap, p: float) -> str:
    said = {"better": "yes", "worse": "no, it loses"}.get(one.verdict(p), "undecided")
    return f"{said} ({one}, corrected {p:.4f})" if p != one.p else f"{said} ({one})"


def _parts(results: Results) -> Iterator[str]:
    whole, there = SYSTEMS[FREE_BITS].label, ablation_gaps(results)
    if not there:
        yield f"4. Parts of {whole}: {MISSING}."
    for name, (one, p) in there.items():
        said = "this part matters" if one.verdict(p) == "worse" else "undecided"
        yield f"4. {SYSTEMS[name].label} minus {whole}: {one}, corrected {p:.4f}: {said}."


def _grows(results: Results, variant: str) -> str:
    found = [growth(results, size, variant) for size in small_sizes(results.corpus)]
    there = [one for one in found if one is not None]
    if len(there) < len(found):
        return MISSING
    said = ", ".join(f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]" for mean, low, high in there)
    if all(low > 0 for _, low, _ in there):
        return f"yes ({said})"
    return f"{'it shrinks' if all(high < 0 for *_, high in there) else 'undecided'} ({said})"


def _used(found: Sequence[dict[str, Any]]) -> str:
    if len(found) < len(SEEDS):
        return MISSING
    used = [one["kl"] >= LEAST_KL and one["choices"][OTHER]["nll_cost"][1] > 0 for one in found]
    said = {len(used): "yes", 0: "no"}.get(sum(used), "not in every seed")
    kl = ", ".join(f"{one['kl']:.3f}" for one in found)
    costs = ", ".join(
        f"{one['choices'][choice]['nll_cost'][0]:+.3f}" for choice in (OTHER, MEAN) for one in found
    )
    return f"{said} (KL {kl} nats; another document's and the mean z cost {costs} nats)"

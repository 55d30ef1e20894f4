"""Tables and verdicts of the study on scientific abstracts, by studies/abstracts/rules.md."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from mclas_fairseq.evaluation.content import MATCHED
from mclas_fairseq.evaluation.intervals import bootstrap_interval, paired_bootstrap
from mclas_fairseq.evaluation.learning import Interval, LearningCheck
from studies.abstracts.cells import BASE, CHOSEN, ITALIAN, SEEDS, SYSTEMS, Cell, cells
from studies.ddtp.beside import BASELINES as WITHOUT_TITLE
from studies.harness.judging import MISSING, Gap, Runs, collect, gap, interval
from studies.harness.summaries import CONTENT
from studies.harness.table import Table

BASELINES = {**WITHOUT_TITLE, "title": "title untranslated"}
MEASURES = {CONTENT: "content R-1", MATCHED: "R-1 m-s", "rouge1": "R-1"}
CLEARLY = 0.3  # bits a piece below the trigram model
MATCHED_AIMS = {"it": 8.0, "de": 5.0}  # points of matched minus shuffled
SHARE_AIM = 0.7  # of people's content ROUGE-1


class Results:
    """The measured cells of a language and split."""

    def __init__(self, language: str, split: str, table: Table):
        self.language = language
        self.split = split
        rows = table.full_rows()
        self.rows = {cell: rows[cell.name] for cell in cells(language) if cell.name in rows}
        self.missing = [cell for cell in cells(language) if split not in self.rows.get(cell, {})]
        self.ms = collect([rows.get(f"{language}_ms")], split, "en")
        found = {
            kind: collect([rows.get(f"{language}_baseline-{kind}")], split, language)
            for kind in BASELINES
        }
        self.baselines = {kind: runs for kind, runs in found.items() if runs is not None}

    def runs(self, system: str, language: str = "") -> Runs | None:
        """The seeds of a system that are there, measured in a language (the target)."""
        return collect(self.of(system), self.split, language or self.language)

    def of(self, system: str) -> list[dict[str, Any]]:
        """Their rows."""
        named = [Cell(self.language, system, seed) for seed in SEEDS]
        return [self.rows[cell] for cell in named if cell in self.rows]

    def systems(self) -> Iterator[str]:
        """Those of which there is a seed."""
        return (system for system in SYSTEMS if self.of(system))

    def margin(self, system: str) -> float:
        """By how many bits a piece its worst seed is below the trigram model."""
        rows = self.of(system)
        trigrams = [float(row["trigram_bits_per_piece"]) for row in rows]
        own = [float(row["best"]["cls_nll_bits_per_token"]) for row in rows]
        return min(one - other for one, other in zip(trigrams, own, strict=True))

    def passes(self, system: str) -> bool:
        """Whether it passes the gate with every seed that is there."""
        return self.margin(system) >= CLEARLY

    @property
    def people(self) -> dict[str, float] | None:
        """What people reach by measure; None while no cell is there."""
        for row in self.rows.values():
            found: dict[str, float] = row["people"][self.split]
            return found
        return None


def scores(results: Results, language: str) -> Iterator[str]:
    """Every system's measures, with intervals over documents and seeds, beside people's."""
    yield f"| system | seeds | gate | {' | '.join(MEASURES.values())} | words | distinct |"
    yield "|---|---|---|---|---|---|---|---|"
    target = language == results.language
    rows = [
        (SYSTEMS[one].label, _gate(results, one) if target else "", runs)
        for one in results.systems()
        if (runs := results.runs(one, language)) is not None
    ]
    if target:
        rows += [(BASELINES[kind], "", one) for kind, one in results.baselines.items()]
    elif results.ms is not None:
        rows.append(("MS", "", results.ms))
    for name, gate, runs in rows:
        shown = " | ".join(interval(runs.values(measure)) for measure in MEASURES)
        length = f"{runs.mean('length'):.1f} of {runs.mean('reference_length'):.1f}"
        distinct = f"{100 * runs.mean('distinct'):.0f} %"
        yield f"| {name} | {len(runs)} | {gate} | {shown} | {length} | {distinct} |"
    if target and results.people is not None:
        shown = " | ".join(f"{results.people[measure]:.2f}" for measure in MEASURES)
        yield f"| people, one reference fewer to match | | | {shown} | | |"


def _gate(results: Results, system: str) -> str:
    return "passed" if results.passes(system) else "not read"


def settings(results: Results) -> Iterator[str]:
    """What was decided on validation, and what the trainings were."""
    yield "| system | rate | best update | bits a piece | below the trigram model | minutes |"
    yield "|---|---|---|---|---|---|"
    for system in results.systems():
        rows = results.of(system)
        updates = ", ".join(str(int(row["best"]["update"])) for row in rows)
        nll = np.mean([row["best"]["cls_nll_bits_per_token"] for row in rows])
        minutes = np.mean([row["training"]["cpu_seconds"] for row in rows]) / 60
        told = f"{results.margin(system):+.2f} ({_gate(results, system)})"
        rate = rows[0]["rate"] + ("" if rows[0]["rate_interior"] else ", at the grid's end")
        label = SYSTEMS[system].label
        yield f"| {label} | {rate} | {updates} | {nll:.3f} | {told} | {minutes:.0f} |"


def factors(results: Results) -> Iterator[str]:
    """Each system minus the base, with the first seed."""
    base = _first_seed(results, BASE)
    for system in SYSTEMS:
        if system == BASE:
            continue
        other = _first_seed(results, system)
        if base is None or other is None:
            yield f"{SYSTEMS[system].label}: {MISSING}"
            continue
        gaps = {name: gap(other.values(name), base.values(name)) for name in MEASURES}
        shown = "; ".join(f"{MEASURES[name]} {one}" for name, one in gaps.items())
        yield f"{SYSTEMS[system].label}: {_word(results, system, gaps[CONTENT])}: {shown}"


def _word(results: Results, system: str, found: Gap) -> str:
    if not (results.passes(system) and results.passes(BASE)):
        return "not read"
    helps = "helps" if found.low > 0 else "hurts" if found.high < 0 else "undecided"
    return helps if helps == "undecided" else f"{helps} on this seed"


def _first_seed(results: Results, system: str) -> Runs | None:
    row = results.rows.get(Cell(results.language, system, SEEDS[0]))
    return collect([row], results.split, results.language)


def two_best(results: Results) -> tuple[str, ...]:
    """The two that the rules choose by validation with seed 1; none while a cell is missing."""
    found = {one: _first_seed(results, one) for one in SYSTEMS}
    if results.split != "valid" or any(runs is None for runs in found.values()):
        return ()
    content = {one: float(runs.values(CONTENT).mean()) for one, runs in found.items() if runs}
    read = sorted(filter(results.passes, content), key=lambda one: -content[one])
    rest = sorted((one for one in content if one not in read), key=lambda one: -results.margin(one))
    return tuple([*read, *rest][:2])


def choice(results: Results) -> Iterator[str]:
    """Which two are chosen, and whether the cells are theirs."""
    best = two_best(results)
    if not best:
        yield MISSING
    elif best == CHOSEN:  # in this order: aims are those of the first
        yield f"{', '.join(best)}: as the cells have it"
    else:
        there = ", ".join(CHOSEN) or "none"
        yield f"by the rules {', '.join(best)}; CHOSEN in cells.py has {there}"


def learned(results: Results) -> Iterator[str]:
    """A line for each system that is read."""
    absent = [name for kind, name in BASELINES.items() if kind not in results.baselines]
    for system in results.systems():
        runs, label = results.runs(system), SYSTEMS[system].label
        if runs is None:
            continue
        if absent or not results.passes(system):
            why = f"baselines are missing ({', '.join(absent)})" if absent else "it is not read"
            yield f"{label}: not judged: {why}"
            continue
        values, matched = runs.values(CONTENT) / 100, runs.values(MATCHED) / 100
        check = LearningCheck(
            system=label,
            measure=MEASURES[CONTENT],
            baselines={
                BASELINES[kind]: paired_bootstrap(values, one.values(CONTENT) / 100)
                for kind, one in results.baselines.items()
            },
            shown=frozenset(),
            matched=Interval(float(matched.mean()), *bootstrap_interval(matched)),
            distinct=runs.mean("distinct"),
            margin=0.0,
        )
        yield f"{label}: {check.verdict} ({'; '.join(check.unmet.values()) or check.matched})"


def aims(results: Results) -> Iterator[str]:
    """The first of the two chosen beside the aims of its language."""
    aim, people = MATCHED_AIMS.get(results.language), results.people
    runs = results.runs(CHOSEN[0]) if CHOSEN else None
    if aim is None:
        yield "none in this language"
    elif runs is None or people is None or len(runs) < len(SEEDS):
        yield MISSING
    elif not results.passes(CHOSEN[0]):
        yield f"{SYSTEMS[CHOSEN[0]].label}: not reached: it does not pass the gate"
    else:
        wanted = {MATCHED: aim, CONTENT: SHARE_AIM * people[CONTENT]}
        for measure, least in wanted.items():
            values = runs.values(measure)
            word = "reached" if values.mean() >= least else "not reached"
            beside = f"{interval(values)}, people {people[measure]:.2f}"
            yield f"{MEASURES[measure]}, {least:.1f} or more: {word}: {beside}"


def parts(results: Results) -> Iterator[tuple[str, Iterable[str]]]:
    """Title and lines of each part."""
    yield f"**Summaries in {results.language}**", scores(results, results.language)
    yield "**Summaries in en**", scores(results, "en")
    yield "**Settings and gate**", settings(results)
    if results.language == ITALIAN:
        yield "**Factors**, seed 1 (bootstrap over documents)", _listed(factors(results))
        if results.split == "valid":
            yield "**The two best**", _listed(choice(results))
    yield "**Learned** (bootstrap over documents and seeds)", _listed(learned(results))
    yield "**Aims**, of the first chosen", _listed(aims(results))
    if results.missing:
        names = ", ".join(cell.name for cell in results.missing)
        yield "**Missing**", [f"{len(results.missing)} cells: {names}"]


def _listed(lines: Iterable[str]) -> Iterator[str]:
    return (f"- {line}" for line in lines)

"""The rules of studies/joint_languages/rules.md: joint minus single, language by language."""

from collections.abc import Iterator
from dataclasses import dataclass

from mclas_fairseq.evaluation.content import MATCHED
from mclas_fairseq.evaluation.multiple_tests import holm
from studies.harness.judging import MISSING, Gap, Runs, collect, gap, interval, over_seeds
from studies.harness.summaries import CONTENT
from studies.harness.table import Table
from studies.joint_languages.cells import JOINT, LANGUAGES, SEEDS, SINGLE, Cell

DOCUMENTS = 100  # with fewer a language is shown without a verdict
MARGIN = -1.0  # points of content ROUGE-1 that "not worse" may lose
MEASURES = {CONTENT: "content R-1", MATCHED: "R-1 m-s", "rouge1": "R-1"}
AIMS = {"pt": ("better",), "ja": ("better",), "de": ("better", "not worse")}


@dataclass(frozen=True)
class Comparison:
    """Joint minus single in one language.

    Attributes:
        gaps: measure -> difference, its interval over documents and seeds.
        by_t: difference in content ROUGE-1, its interval that of t over the seeds' means.
    """

    gaps: dict[str, Gap]
    by_t: Gap

    @property
    def word(self) -> str:
        """What the joint decoder is."""
        content = self.gaps[CONTENT]
        if content.low > 0:
            return "better"
        if content.high < 0:
            return "worse"
        return "not worse" if content.low > MARGIN else "undecided"

    @property
    def verdict(self) -> str:
        """The same, and whether another measure is against it."""
        others = [one for name, one in self.gaps.items() if name != CONTENT]
        against = {
            "better": any(one.high < 0 for one in others),
            "worse": any(one.low > 0 for one in others),
        }.get(self.word, False)
        return self.word + (", measures disagree" if against else "")


def runs(table: Table, split: str, system: str, language: str) -> Runs | None:
    """All seeds of a system in a language; None while one is missing."""
    rows = table.full_rows()
    found = collect([rows.get(Cell(system, seed).name) for seed in SEEDS], split, language)
    return found if found is not None and len(found) == len(SEEDS) else None


def compare(table: Table, split: str, language: str) -> Comparison | None:
    """Joint minus single; None while cells are missing."""
    joint, single = (runs(table, split, system, language) for system in (JOINT, language))
    if joint is None or single is None:
        return None
    gaps = {name: gap(joint.values(name), single.values(name)) for name in MEASURES}
    return Comparison(gaps, over_seeds(joint.values(CONTENT), single.values(CONTENT)))


def scores(table: Table, split: str) -> Iterator[str]:
    """A row for each language and system."""
    yield "| language | documents | decoder | content R-1 | R-1 m-s | R-1 |"
    yield "|---|---|---|---|---|---|"
    for language in LANGUAGES:
        for system in (JOINT, *([language] if language in SINGLE else [])):
            found = runs(table, split, system, language)
            if found is not None:
                shown = " | ".join(interval(found.values(name)) for name in MEASURES)
                documents = found.measured[0]["documents"]
                kind = JOINT if system == JOINT else "single"
                yield f"| {language} | {documents} | {kind} | {shown} |"


def verdicts(table: Table, split: str) -> Iterator[str]:
    """A line for each language with a decoder of its own, then the aims."""
    found = {language: compare(table, split, language) for language in SINGLE}
    enough = {language: one for language, one in found.items() if _judged(table, split, language)}
    p = {name: one.gaps[CONTENT].p for name, one in enough.items() if one is not None}
    adjusted = dict(zip(p, holm(list(p.values())), strict=True)) if len(p) == len(SINGLE) else {}
    for language, one in found.items():
        if one is None:
            yield f"{language}: {MISSING}"
            continue
        verdict = one.verdict if language in enough else "no verdict, too few documents"
        shown = "; ".join(f"{MEASURES[name]} {value}" for name, value in one.gaps.items())
        more = f"; p by Holm {adjusted[language]:.4f}" if language in adjusted else ""
        yield f"{language}: {verdict}: {shown}; by t over seeds {one.by_t}{more}"
    for language, wanted in AIMS.items():
        aim = enough.get(language)
        if aim is None:
            reached = MISSING if found[language] is None else "not judged: too few documents"
        else:
            reached = "reached" if aim.word in wanted else "not reached"
        yield f"Aim, {language} {' or '.join(wanted)}: {reached}"


def _judged(table: Table, split: str, language: str) -> bool:
    found = runs(table, split, JOINT, language)
    return found is not None and found.measured[0]["documents"] >= DOCUMENTS

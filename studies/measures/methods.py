"""Verdicts on methods restated: by the bootstrap over runs, by t over runs, by other measures.

    python -m studies.measures.methods
    python -m studies.measures.methods --data DATA

From the committed results, without any training: low_resource and vhm, test split, and three
studies of which the mean of each seed is kept. Of each claim about methods: what its rule says by
ROUGE-1 with the intervals that the study printed (pigeonhole bootstrap over documents and seeds),
and with t intervals over seeds and documents (`mclas_fairseq/evaluation/over_runs.py`), or over
seeds alone where values by document were not kept. With DATA, the folder with xscitldr/, the kept
summaries of that corpus are scored by content ROUGE-1 and matched minus shuffled as well, by t. A
claim "stands" where both say the same by ROUGE-1. Prints Markdown: the claims, then every
comparison.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.evaluation.content import MATCHED, ContentRules, content_rules, content_values
from mclas_fairseq.evaluation.over_runs import RunsComparison, compare_over_runs
from mclas_fairseq.evaluation.protocols import get_protocol
from studies.harness.judging import Interval, by_bootstrap, judge
from studies.harness.summaries import Floats
from studies.harness.table import Line, Table
from studies.low_resource import cells as low_cells
from studies.low_resource.report import NAMES as LOW_NAMES
from studies.low_resource.report import Results as LowResults
from studies.vhm import cells as vhm_cells
from studies.vhm.report import Results as VhmResults

MEASURES = ("rouge1", "content1", MATCHED)
_NO_VALUES = "-"
# Values of one side of a comparison by a measure: (seeds, documents) in points; None: unknown.
Values = Callable[[str], Floats | None]


@dataclass(frozen=True)
class Pair:
    """A comparison: what it is called, its two sides, and the interval that was printed of them.

    Without `printed` the sides have values by document, and the bootstrap is made again.
    """

    name: str
    first: Values
    second: Values
    printed: Interval | None = None

    def printed_interval(self, first: Floats, second: Floats) -> Interval:
        """The interval of the bootstrap over documents and seeds."""
        return by_bootstrap(first, second) if self.printed is None else self.printed


@dataclass(frozen=True)
class Claim:
    """A claim that holds where all of its comparisons are above 0, see `judge`."""

    study: str
    text: str
    pairs: Sequence[Pair]

    def verdict(self, measure: str, *, over_runs: bool) -> str:
        """What the rule says by a measure; "-" where its values are not there."""
        intervals: list[Interval] = []
        for pair in self.pairs:
            first, second = pair.first(measure), pair.second(measure)
            if first is None or second is None:
                return _NO_VALUES
            by = by_runs if over_runs else pair.printed_interval
            intervals.append(by(first, second))
        return judge(intervals, sign=1)


def by_runs(first: Floats, second: Floats) -> Interval:
    """The t interval of first minus second over seeds and documents."""
    found = over_runs(first, second)
    return found.low, found.high


def over_runs(first: Floats, second: Floats) -> RunsComparison:
    """First minus second by t; both have several seeds."""
    found = compare_over_runs(first, second)
    assert found is not None
    return found


class Rescored:
    """Values of kept summaries by other measures than those that were kept with them.

    Args:
        lines: of the study's file of documents.
        records: file of the test split.
    """

    def __init__(self, lines: Sequence[Line], records: Path):
        self._summaries = {
            line["cell"]: {row["id"]: row["summary"] for row in line["summaries"]}
            for line in lines
            if "summaries" in line and line["split"] == "test"
        }
        self._records = list(read_records(records))
        self._rules: dict[str, ContentRules] = {}

    def values(self, cells: Sequence[str], language: str, measure: str) -> Floats | None:
        """Of the seeds of a system, (seeds, documents) in points; None where one is missing."""
        if any(cell not in self._summaries for cell in cells):
            return None
        if language not in self._rules:
            self._rules[language] = content_rules(get_protocol("default", language))
        gold = [record.summary[language] for record in self._records]
        runs = [
            content_values(
                [self._summaries[cell][record.id][language] for record in self._records],
                gold,
                rules=self._rules[language],
            )[measure, "f1"]
            for cell in cells
        ]
        return 100.0 * np.stack(runs)


def low_resource_claims(corpus: low_cells.Corpus, data: Path | None) -> Iterator[Claim]:
    """Claims 1 to 3 of Bai et al. (2021), and the controls."""
    table = Table("low_resource")
    results = LowResults(corpus, "test", table)
    rescored = None
    if data is not None and corpus is low_cells.XSCITLDR:
        rescored = Rescored(table.lines(), data / "xscitldr" / "test.jsonl.gz")

    def side(size: int, system: str, start: str = "ms", language: str = "de") -> Values:
        def values(measure: str) -> Floats | None:
            if measure == "rouge1":
                runs = results.runs(size, system, start, language)
                return None if runs is None else runs.values(measure)
            cells = [low_cells.Cell(corpus, size, system, start, seed).name
                     for seed in low_cells.SEEDS]  # fmt: skip
            return None if rescored is None else rescored.values(cells, language, measure)

        return values

    sizes, last, name = corpus.sizes, corpus.sizes[-1], f"low-resource, {corpus.name}"
    others = [
        Pair(f"MCLAS minus {LOW_NAMES[other]}, {size}", side(size, "mclas"), side(size, other))
        for size in sizes
        for other in ("ncls", "ncls_ms")
    ]
    yield Claim(name, "1. MCLAS is better than NCLS and NCLS+MS", others)
    starts = [
        Pair(f"{LOW_NAMES[system]} from MS minus from scratch, {size}",
             side(size, system), side(size, system, "scratch"))
        for size in sizes
        for system in low_cells.SYSTEMS
    ]  # fmt: skip
    yield Claim(name, "2. Starting from MS helps every system", starts)
    english = [side(last, system, language="en") for system in ("mclas", "ncls_ms")]
    kept = Pair(f"English, MCLAS minus NCLS+MS, {last}", english[0], english[1])
    yield Claim(name, "3. MCLAS keeps the monolingual summaries better than NCLS+MS", [kept])
    for control, claim in (("mclas-shuffled", "the content of `S^A` helps"),
                           ("ncls_ms-half", "half-initialised NCLS+MS is worse")):  # fmt: skip
        itself = low_cells.CONTROLS[control]
        pair = Pair(f"{LOW_NAMES[itself]} minus {LOW_NAMES[control]}",
                    side(last, itself), side(last, control))  # fmt: skip
        yield Claim(name, f"Control: {claim}", [pair])


def vhm_claims(corpus: vhm_cells.Corpus) -> Iterator[Claim]:
    """What the study asks of VHM; no summaries of it are kept, so ROUGE-1 alone."""
    results = VhmResults(corpus, "test", Table("vhm"))

    def side(size: int, system: str) -> Values:
        return lambda measure: results.scores(size, system) if measure == "rouge1" else None

    def growth(size: int, variant: str) -> Values:
        def values(measure: str) -> Floats | None:
            found = side(size, variant)(measure), side(size, "mt_ms_cls")(measure)
            return None if found[0] is None or found[1] is None else found[0] - found[1]

        return values

    last, name = corpus.sizes[-1], f"VHM, {corpus.name}"
    for variant in vhm_cells.VARIANTS:
        label = vhm_cells.SYSTEMS[variant].label
        other = side(last, "mt_ms_cls")
        pair = Pair(f"{label} minus MT-MS-CLS, {last}", side(last, variant), other)
        yield Claim(name, f"1. {label} beats MT-MS-CLS", [pair])
        few = [size for size in (20, 200) if size in corpus.sizes[:-1]]
        pairs = [
            Pair(f"that gap, {size} minus {last}", growth(size, variant), growth(last, variant))
            for size in few
        ]
        yield Claim(name, f"2. The gap of {label} grows as data shrink", pairs)
    pair = Pair(f"MT-MS-CLS minus TNCLS, {last}", side(last, "mt_ms_cls"), side(last, "tncls"))
    yield Claim(name, "3. The other tasks help", [pair])
    for ablation in vhm_cells.ABLATIONS if corpus.ablations else ():
        label = vhm_cells.SYSTEMS[ablation].label
        pair = Pair(f"whole minus {label}", side(last, vhm_cells.FREE_BITS), side(last, ablation))
        yield Claim(name, f"4. {label} is worse than the whole", [pair])


# Study, claim, table and row of a comparison that was kept as `mclas score` wrote it.
_KEPT = (
    ("pretrained", "Masked-word pretraining helps", "pretrained", "comparison"),
    ("round trip", "The filter earns its keep", "roundtrip", "filter-comparison"),
    ("many targets", "One decoder serves German better, 200", "many_targets",
     "compared-joint-de-3seeds"),
    ("many targets", "One decoder serves German better, 400", "many_targets",
     "compared-joint-long-de-3seeds"),
    ("many targets", "One decoder serves Chinese better, 200", "many_targets",
     "compared-joint-zh-3seeds"),
    ("many targets", "One decoder serves Chinese better, 400", "many_targets",
     "compared-joint-long-zh-3seeds"),
)  # fmt: skip


def kept_claims() -> Iterator[Claim]:
    """Claims whose values by document were not kept: t over the mean of each seed alone."""
    for study, text, table, row in _KEPT:
        kept = Table(table).rows()[row]
        first, second = (system["metrics"]["rouge1"]["runs"] for system in kept["systems"][:2])
        metrics = kept["comparisons"][0]["metrics"] if "comparisons" in kept else kept["comparison"]
        low, high = metrics["rouge1"]["interval"]
        pair = Pair(text, _means(first), _means(second), printed=(low, high))
        yield Claim(study, text, [pair])


def _means(runs: Sequence[float]) -> Values:
    values = np.array(runs)[:, None]
    return lambda measure: values if measure == "rouge1" else None


def claim_table(claims: Sequence[Claim]) -> Iterator[str]:
    """What each rule says, and whether ROUGE-1's verdict stands by t."""
    yield "| study | claim | R-1, bootstrap | R-1, t | | C-1, t | R-1 m-s, t |"
    yield "|---|---|---|---|---|---|---|"
    for claim in claims:
        before = claim.verdict("rouge1", over_runs=False)
        after = claim.verdict("rouge1", over_runs=True)
        others = [claim.verdict(measure, over_runs=True) for measure in MEASURES[1:]]
        stands = "stands" if before == after else "**turns**"
        yield f"| {' | '.join([claim.study, claim.text, before, after, stands, *others])} |"


def comparison_table(claims: Sequence[Claim]) -> Iterator[str]:
    """Every comparison with its intervals and the p value over seeds."""
    yield "| study | comparison | R-1, bootstrap | R-1, t | C-1, t | R-1 m-s, t |"
    yield "|---|---|---|---|---|---|"
    for claim in claims:
        for pair in claim.pairs:
            cells = [claim.study, pair.name]
            for measure in MEASURES:
                first, second = pair.first(measure), pair.second(measure)
                if first is None or second is None:
                    cells.append(_NO_VALUES)
                    continue
                if measure == "rouge1":
                    low, high = pair.printed_interval(first, second)
                    cells.append(f"{first.mean() - second.mean():+.2f} [{low:+.2f}, {high:+.2f}]")
                found = over_runs(first, second)
                ends = f"[{found.low:+.2f}, {found.high:+.2f}]"
                cells.append(f"{found.difference:+.2f} {ends}, p {found.p_value:.3f}")
            yield f"| {' | '.join(cells)} |"


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    found = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--data", type=Path, metavar="DIR", help="folder with xscitldr/")
    return found


def main() -> None:
    """Print both tables."""
    data = parser().parse_args().data
    claims = [
        claim
        for corpus in reversed(low_cells.CORPORA.values())
        for claim in low_resource_claims(corpus, data)
    ]
    claims += [
        claim for corpus in reversed(vhm_cells.CORPORA.values()) for claim in vhm_claims(corpus)
    ]
    claims += kept_claims()
    print("\n".join([*claim_table(claims), "", *comparison_table(claims)]))


if __name__ == "__main__":
    main()

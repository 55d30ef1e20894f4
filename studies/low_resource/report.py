"""The tables and the figure of the low-resource study, from the finished cells.

Markdown: scores by size (the shape of Bai et al. 2021, Table 2), lengths (Table 5), what is left of
the monolingual summaries (Tables 6 and 7), starts (Figure 3), controls, and the verdicts on the
four claims by the rules in docs/decision_rules.md. Cells that are missing are left out and named.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from mclas_fairseq.evaluation.plots import COLOURS
from studies.harness.judging import Gap, Runs, collect, gap, interval
from studies.harness.plots import Axes, Series, draw
from studies.harness.summaries import METRICS
from studies.harness.table import Table
from studies.low_resource.cells import CONTROLS, SEEDS, STARTS, SYSTEMS, Cell, Corpus, cells
from studies.low_resource.verdicts import verdicts

NAMES = {
    "ncls": "NCLS",
    "ncls_ms": "NCLS+MS",
    "mclas": "MCLAS",
    "mclas-shuffled": "MCLAS, `S^A` of other documents",
    "ncls_ms-half": "NCLS+MS, decoder of `S^B` at random",
}


class Results:
    """The measured runs of one corpus and split."""

    def __init__(self, corpus: Corpus, split: str, table: Table):
        self.corpus = corpus
        self.split = split
        rows = table.full_rows()
        self.rows = {cell: rows[cell.name] for cell in cells(corpus) if cell.name in rows}
        self.missing = [cell.name for cell in cells(corpus) if split not in self.rows.get(cell, {})]
        self.ms = collect([rows.get(f"{corpus.name}_ms")], split, "en")
        kept = {line["cell"]: line for line in table.lines() if "summaries" in line}
        self.summaries = {
            cell: kept[cell.name]["summaries"] for cell in self.rows if cell.name in kept
        }

    def runs(self, size: int, system: str, start: str, language: str = "de") -> Runs | None:
        """The finished seeds of a system, measured in one language; None if there is none."""
        found = [self.rows.get(cell) for cell in self._seeds(size, system, start)]
        return collect(found, self.split, language)

    def nll(self, size: int, system: str, start: str) -> Iterator[float]:
        """Validation NLL of `S^B` of a system's finished seeds, in bits per token."""
        for cell in self._seeds(size, system, start):
            if cell in self.rows:
                yield float(self.rows[cell]["best"]["cls_nll_bits_per_token"])

    def cut_off(self, size: int, system: str, start: str) -> str:
        """Share of the German summaries that end without a mark, which a limit of length makes.

        Of the test split, whose summaries are kept; empty for the other one.
        """
        found = [self.summaries.get(cell) for cell in self._seeds(size, system, start)]
        if self.split != "test" or any(one is None for one in found):
            return ""
        texts = [row["summary"]["de"] for one in found if one is not None for row in one]
        ends = [text.rstrip().endswith((".", "!", "?")) for text in texts]
        return f"{100 * (1 - np.mean(ends)):.0f} %"

    def _seeds(self, size: int, system: str, start: str) -> list[Cell]:
        return [Cell(self.corpus, size, system, start, seed) for seed in SEEDS]


def table_2(results: Results) -> Iterator[str]:
    """Scores of all systems by size, with paired tests against NCLS, and mean validation NLL."""
    yield "| triples | from | system | seeds | R-1 | R-2 | R-L | R-1 minus NCLS | bits a token |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for size in results.corpus.sizes:
        for start in STARTS:
            for system in SYSTEMS:
                runs = results.runs(size, system, start)
                if runs is None:
                    continue
                scores = " | ".join(interval(runs.values(metric)) for metric in METRICS)
                ncls = results.runs(size, "ncls", start)
                shown: Gap | str = ""
                if system != "ncls" and ncls is not None:
                    shown = gap(runs.values("rouge1"), ncls.values("rouge1"))
                name = f"{start.replace('ms', 'MS')} | {NAMES[system]}"
                nll = np.mean(list(results.nll(size, system, start)))
                yield f"| {size} | {name} | {len(runs)} | {scores} | {shown} | {nll:.2f} |"


def table_5(results: Results) -> Iterator[str]:
    """Lengths of the German summaries, in tokens, and their distance from the references'."""
    yield "| triples | from | system | length | minus references | distinct | cut off |"
    yield "|---|---|---|---|---|---|---|"
    reference = None
    for size in results.corpus.sizes:
        for start in STARTS:
            for system in SYSTEMS:
                runs = results.runs(size, system, start)
                if runs is None:
                    continue
                reference = runs.mean("reference_length")
                length = f"{runs.mean('length'):.2f} | {runs.mean('length') - reference:+.2f}"
                name = f"{start.replace('ms', 'MS')} | {NAMES[system]}"
                last = f"{100 * runs.mean('distinct'):.0f} %"
                last += f" | {results.cut_off(size, system, start)}"
                yield f"| {size} | {name} | {length} | {last} |"
    if reference is not None:
        yield f"| | | references | {reference:.2f} | | | |"


def table_6(results: Results) -> Iterator[str]:
    """English summaries of the systems trained on all triples: F1, precision, recall, length."""
    yield "| system | R-1 | R-2 | R-L | R-1 precision | R-1 recall | length | minus references |"
    yield "|---|---|---|---|---|---|---|---|"
    size = results.corpus.sizes[-1]
    rows = [("MS", results.ms)] if results.ms is not None else []
    for system in ("ncls_ms", "mclas", "mclas-shuffled"):
        runs = results.runs(size, system, "ms", "en")
        if runs is not None:
            rows.append((NAMES[system], runs))
    for name, runs in rows:
        scores = " | ".join(interval(runs.values(metric)) for metric in METRICS)
        shares = " | ".join(f"{runs.kind('rouge1', kind):.2f}" for kind in "pr")
        longer = runs.mean("length") - runs.mean("reference_length")
        yield f"| {name} | {scores} | {shares} | {runs.mean('length'):.2f} | {longer:+.2f} |"


def starts(results: Results) -> Iterator[str]:
    """From MS against from scratch (Figure 3)."""
    yield "| triples | system | R-1 from MS minus from scratch |"
    yield "|---|---|---|"
    for size in results.corpus.sizes:
        for system in SYSTEMS:
            runs = [results.runs(size, system, start) for start in STARTS]
            if runs[0] is not None and runs[1] is not None:
                shown = gap(runs[0].values("rouge1"), runs[1].values("rouge1"))
                yield f"| {size} | {NAMES[system]} | {shown} |"


def controls(results: Results) -> Iterator[str]:
    """The two controls, on all triples; NLL of `S^B` is that of the validation split."""
    yield "| trained | R-1 | R-2 | R-1 by seed | NLL by seed, bits a token | itself minus control |"
    yield "|---|---|---|---|---|---|"
    size = results.corpus.sizes[-1]
    for control, system in CONTROLS.items():
        runs, itself = (results.runs(size, name, "ms") for name in (control, system))
        if runs is None or itself is None:
            continue
        shown = gap(itself.values("rouge1"), runs.values("rouge1"))
        for name, found, last in ((system, itself, ""), (control, runs, shown)):
            scores = f"{interval(found.values('rouge1'))} | {found.values('rouge2').mean():.2f}"
            seeds = ", ".join(f"{mean:.1f}" for mean in found.values("rouge1").mean(axis=1))
            nll = ", ".join(f"{value:.3f}" for value in results.nll(size, name, "ms"))
            yield f"| {NAMES[name]} | {scores} | {seeds} | {nll} | {last} |"


def comparisons(results: Results) -> Iterator[str]:
    """What the verdicts look at beside NCLS and starts: from MS, ROUGE-1."""
    yield "| triples | summaries | MCLAS minus | R-1 |"
    yield "|---|---|---|---|"
    for size in results.corpus.sizes:
        for language in ("de", "en"):
            mclas = results.runs(size, "mclas", "ms", language)
            others = {"NCLS+MS": results.runs(size, "ncls_ms", "ms", language)}
            if language == "en" and results.ms is not None:
                others["MS"] = results.ms
            for name, other in others.items():
                if mclas is not None and other is not None:
                    shown = gap(mclas.values("rouge1"), other.values("rouge1"))
                    yield f"| {size} | {language} | {name} | {shown} |"


def plot(results: Results, path: Path) -> None:
    """Figure 3: ROUGE-1 by size; lines from MS, columns from scratch."""
    series = []
    for number, system in enumerate(SYSTEMS):
        for start in STARTS:
            found = [results.runs(size, system, start) for size in results.corpus.sizes]
            there = [(place, one.values("rouge1")) for place, one in enumerate(found) if one]
            if there:
                name = f"{NAMES[system]} from {'MS' if start == 'ms' else start}"
                at = [place + (number - 1) * 0.25 for place, _ in there]
                values, bars = [one for _, one in there], start != "ms"
                series.append(Series(name, COLOURS[number], at, values, bars))
    split = {"valid": "validation", "test": "test"}[results.split]
    title = f"{results.corpus.name}, {split} split; 95 % intervals over documents and seeds"
    sizes = [f"{size:,}" for size in results.corpus.sizes]
    draw(series, Axes(sizes, "training triples", "German ROUGE-1 F1", title, headroom=1.3), path)


def parts(results: Results) -> Iterator[tuple[str, Iterable[str]]]:
    """Title and lines of each part."""
    yield "**Scores by size (Table 2)**", table_2(results)
    yield "**Lengths (Table 5)**", table_5(results)
    yield "**Monolingual summaries (Tables 6 and 7)**", table_6(results)
    yield "**Starts (Figure 3)**", starts(results)
    yield "**Comparisons**", comparisons(results)
    yield "**Controls**", controls(results)
    yield "**Verdicts**", verdicts(results)
    if results.missing:
        yield "", [f"{len(results.missing)} cells are missing: {', '.join(results.missing)}"]

"""The tables and the figure of the low-resource study, from the finished cells.

    python examples/low_resource/report.py --corpus xscitldr [--split test] [--plot figure.png]

Prints Markdown: scores by size (the shape of Bai et al. 2021, Table 2), lengths (Table 5), what is
left of the monolingual summaries (Tables 6 and 7), starts (Figure 3), controls, and the verdicts on
the four claims by the rules in docs/results.md. Cells that are missing are left out and named.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from low_resource.grid import (  # noqa: E402
    CONTROLS,
    CORPORA,
    SEEDS,
    STARTS,
    SYSTEMS,
    Cell,
    Corpus,
    cells,
)
from low_resource.verdicts import Runs, verdicts  # noqa: E402
from study import METRICS  # noqa: E402

from mclas_fairseq.corpus.text_files import read_lines  # noqa: E402
from mclas_fairseq.evaluation.intervals import bootstrap_interval, paired_bootstrap  # noqa: E402
from mclas_fairseq.evaluation.plots import COLOURS  # noqa: E402
from mclas_fairseq.evaluation.randomisation import paired_randomisation  # noqa: E402

NAMES = {
    "ncls": "NCLS",
    "ncls_ms": "NCLS+MS",
    "mclas": "MCLAS",
    "mclas-shuffled": "MCLAS, `S^A` of other documents",
    "ncls_ms-half": "NCLS+MS, decoder of `S^B` at random",
}


class Results:
    """The measured runs of one corpus and split."""

    def __init__(self, corpus: Corpus, split: str, kept: Path):
        self.corpus = corpus
        self.missing: list[str] = []
        self.cells: dict[tuple[int, str, str, int], dict[str, Any]] = {}
        self.kept = kept
        self.split = split
        folder = kept if split == "valid" else kept / split
        for cell in cells(corpus):
            file = folder / f"{cell.name}.json"
            if not file.exists():
                self.missing.append(cell.name)
                continue
            content = json.loads(file.read_text(encoding="utf-8"))
            self.cells[cell.size, cell.system, cell.start, cell.seed] = content[split]
        ms = folder / f"{corpus.name}_ms.json"
        self.ms = json.loads(ms.read_text(encoding="utf-8"))[split] if ms.exists() else None

    def runs(self, size: int, system: str, start: str, language: str = "de") -> Runs | None:
        """The finished seeds of a system, measured in one language; None if there is none."""
        found = [self.cells.get((size, system, start, seed)) for seed in SEEDS]
        measured = [cell[language] for cell in found if cell is not None and language in cell]
        return Runs(measured) if measured else None

    def nll(self, size: int, system: str, start: str) -> Iterator[float]:
        """Validation NLL of `S^B` of a system's finished seeds, in bits per token."""
        for seed in SEEDS:
            file = self.kept / f"{Cell(self.corpus, size, system, start, seed).name}.json"
            if file.exists():
                content = json.loads(file.read_text(encoding="utf-8"))
                yield float(content["best"]["cls_nll_bits_per_token"])

    def cut_off(self, size: int, system: str, start: str) -> str:
        """Share of the German summaries that end without a mark, which a limit of length makes.

        Of the test split, whose summaries are kept beside the cells; empty for the other one.
        """
        names = [Cell(self.corpus, size, system, start, seed).name for seed in SEEDS]
        files = [self.kept / "test" / "summaries" / f"{name}.jsonl.gz" for name in names]
        if self.split != "test" or not all(file.exists() for file in files):
            return ""
        rows = [json.loads(line) for file in files for _, line in read_lines(file)]
        ends = [row["summary"]["de"].rstrip().endswith((".", "!", "?")) for row in rows]
        return f"{100 * (1 - np.mean(ends)):.0f} %"


def interval(values: NDArray[np.float64]) -> str:
    """Mean over runs and documents with its 95 % interval."""
    low, high = bootstrap_interval(values)
    return f"{values.mean():.2f} [{low:.2f}, {high:.2f}]"


def against(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    """Difference with interval, and the p value of the randomisation test."""
    found = paired_bootstrap(first, second)
    p = paired_randomisation(first, second)
    return f"{found.difference:+.2f} [{found.low:+.2f}, {found.high:+.2f}], p {p:.4f}"


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
                gap = ""
                if system != "ncls" and ncls is not None:
                    gap = against(runs.values("rouge1"), ncls.values("rouge1"))
                name = f"{start.replace('ms', 'MS')} | {NAMES[system]}"
                nll = np.mean(list(results.nll(size, system, start)))
                yield f"| {size} | {name} | {len(runs)} | {scores} | {gap} | {nll:.2f} |"


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
    rows = [("MS", Runs([results.ms["en"]]))] if results.ms is not None else []
    for system in ("ncls_ms", "mclas", "mclas-shuffled"):
        runs = results.runs(size, system, "ms", "en")
        if runs is not None:
            rows.append((NAMES[system], runs))
    for name, runs in rows:
        scores = " | ".join(interval(runs.values(metric)) for metric in METRICS)
        shares = " | ".join(f"{runs.kind('rouge1', kind):.2f}" for kind in "pr")
        gap = runs.mean("length") - runs.mean("reference_length")
        yield f"| {name} | {scores} | {shares} | {runs.mean('length'):.2f} | {gap:+.2f} |"


def starts(results: Results) -> Iterator[str]:
    """From MS against from scratch (Figure 3)."""
    yield "| triples | system | R-1 from MS minus from scratch |"
    yield "|---|---|---|"
    for size in results.corpus.sizes:
        for system in SYSTEMS:
            runs = [results.runs(size, system, start) for start in STARTS]
            if runs[0] is not None and runs[1] is not None:
                gap = against(runs[0].values("rouge1"), runs[1].values("rouge1"))
                yield f"| {size} | {NAMES[system]} | {gap} |"


def controls(results: Results) -> Iterator[str]:
    """The two controls, on all triples; NLL of `S^B` is that of the validation split."""
    yield "| trained | R-1 | R-2 | R-1 by seed | NLL by seed, bits a token | itself minus control |"
    yield "|---|---|---|---|---|---|"
    size = results.corpus.sizes[-1]
    for control, system in CONTROLS.items():
        runs, itself = (results.runs(size, name, "ms") for name in (control, system))
        if runs is None or itself is None:
            continue
        gap = against(itself.values("rouge1"), runs.values("rouge1"))
        for name, found, last in ((system, itself, ""), (control, runs, gap)):
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
                others["MS"] = Runs([results.ms["en"]])
            for name, other in others.items():
                if mclas is not None and other is not None:
                    gap = against(mclas.values("rouge1"), other.values("rouge1"))
                    yield f"| {size} | {language} | {name} | {gap} |"


def plot(results: Results, path: Path) -> None:
    """Figure 3: ROUGE-1 by size; lines from MS, columns from scratch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    sizes = results.corpus.sizes
    places = np.arange(len(sizes))
    for number, system in enumerate(SYSTEMS):
        for start in STARTS:
            found = [results.runs(size, system, start) for size in sizes]
            there = [(place, runs) for place, runs in zip(places, found, strict=True) if runs]
            if not there:
                continue
            at = np.array([place for place, _ in there], dtype=float)
            mean = np.array([runs.values("rouge1").mean() for _, runs in there])
            ends = np.array([bootstrap_interval(runs.values("rouge1")) for _, runs in there]).T
            style = {"yerr": np.abs(ends - mean), "capsize": 2}
            name, colour = NAMES[system], COLOURS[number]
            shift = at + (number - 1) * 0.25
            if start == "ms":
                axes.errorbar(shift, mean, fmt="o-", color=colour, label=f"{name} from MS", **style)
            else:
                label = f"{name} from scratch"
                axes.bar(shift, mean, 0.22, color=colour, alpha=0.35, label=label, **style)
    axes.set_xticks(places, [f"{size:,}" for size in sizes])
    axes.set_xlabel("training triples")
    axes.set_ylabel("German ROUGE-1 F1")
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])  # room for the legend
    split = {"valid": "validation", "test": "test"}[results.split]
    axes.set_title(
        f"{results.corpus.name}, {split} split; 95 % intervals over documents and seeds",
        fontsize="medium",
    )
    axes.legend(fontsize="small", ncols=3, loc="upper left")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", choices=tuple(CORPORA), required=True)
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--plot", type=Path, metavar="PNG")
    parser.add_argument(
        "--cells",
        type=Path,
        default=HERE / "cells",
        metavar="FOLDER",
        help="of the cells (default: cells beside this script, whose bf16/ has the first run of "
        "xscitldr)",
    )
    args = parser.parse_args()
    if not args.cells.is_dir():
        raise SystemExit(f"--cells: must be a folder of cells, {args.cells} is none; name one")
    results = Results(CORPORA[args.corpus], args.split, args.cells)
    parts = {
        "Scores by size (Table 2)": table_2,
        "Lengths (Table 5)": table_5,
        "Monolingual summaries (Tables 6 and 7)": table_6,
        "Starts (Figure 3)": starts,
        "Comparisons": comparisons,
        "Controls": controls,
    }
    for title, part in parts.items():
        print(f"**{title}**\n", *part(results), "", sep="\n")
    print("**Verdicts**\n", *verdicts(results), "", sep="\n")
    if results.missing:
        print(f"{len(results.missing)} cells are missing: {', '.join(results.missing)}")
    if args.plot:
        plot(results, args.plot)


if __name__ == "__main__":
    main()

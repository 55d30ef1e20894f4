"""The tables and the figure of the VHM study, from the finished cells.

    python examples/vhm/report.py --corpus news [--split test] [--plot figure.png]

Prints Markdown: scores by size (Table 4 and Figure 2 of Liang et al. 2022), ablations (Table 5),
on validation the remedies, health of the latent variables there, what cells cost, and the verdicts
by the rules in docs/results.md, which judge the test split. Cells that are missing are left out and
named.
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
from study import METRICS, by_document  # noqa: E402
from vhm.grid import (  # noqa: E402
    COMPARED,
    CORPORA,
    FREE_BITS,
    REMEDIES,
    SEEDS,
    SYSTEMS,
    Corpus,
    cells,
    remedies,
)
from vhm.verdicts import ablation_gaps, gap, verdicts  # noqa: E402

from mclas_fairseq.evaluation.intervals import bootstrap_interval  # noqa: E402
from mclas_fairseq.evaluation.plots import COLOURS  # noqa: E402

Floats = NDArray[np.float64]


class Results:
    """The finished cells of one corpus, measured on one split."""

    def __init__(self, corpus: Corpus, split: str, folder: Path = HERE / "cells"):
        self.corpus = corpus
        self.split = split
        self.missing: list[str] = []
        self.cells: dict[tuple[int, str, int], dict[str, Any]] = {}
        for cell in [*cells(corpus), *remedies(corpus)]:
            file = folder / f"{cell.name}.json"
            measured = file if split == "valid" else folder / split / file.name
            if file.exists() and measured.exists():
                # The test split's files have scores only: rates and health are of the training.
                content = [json.loads(one.read_text(encoding="utf-8")) for one in (file, measured)]
                self.cells[cell.size, cell.system, cell.seed] = {**content[0], **content[1]}
            elif not SYSTEMS[cell.system].remedy:
                self.missing.append(cell.name)

    def runs(self, size: int, system: str) -> list[dict[str, Any]]:
        """The cells of a system's seeds that are there."""
        found = [self.cells.get((size, system, seed)) for seed in SEEDS]
        return [one for one in found if one is not None]

    def scores(self, size: int, system: str, metric: str = "rouge1") -> Floats | None:
        """F1 in points by seed and document, (S, N); None unless all seeds are there."""
        runs = self.runs(size, system)
        if len(runs) < len(SEEDS):
            return None
        return np.stack([by_document(run[self.split]["de"], metric) for run in runs])

    def health(self, size: int, system: str) -> list[dict[str, Any]]:
        """What `mclas latents` said of each seed that is there."""
        return [run["health"] for run in self.runs(size, system)]


def interval(values: Floats) -> str:
    """Mean over runs and documents with its 95 % interval."""
    low, high = bootstrap_interval(values)
    return f"{values.mean():.2f} [{low:.2f}, {high:.2f}]"


def table_4(results: Results) -> Iterator[str]:
    """Scores of the compared systems by size, with paired tests against MT-MS-CLS."""
    yield "| CLS records | system | rate | R-1 | R-2 | R-L | R-1 minus MT-MS-CLS |"
    yield "|---|---|---|---|---|---|---|"
    total = results.corpus.sizes[-1]
    for size in results.corpus.sizes:
        for system in COMPARED:
            found = [results.scores(size, system, metric) for metric in METRICS]
            there = [interval(values) for values in found if values is not None]
            if len(there) == len(METRICS):
                other = None if system == "mt_ms_cls" else gap(results, size, system, "mt_ms_cls")
                rate = results.runs(size, system)[0]["rate"]
                share = f"{size} ({100 * size / total:.3g} %)"
                yield (
                    f"| {share} | {SYSTEMS[system].label} | {rate} | {' | '.join(there)} "
                    f"| {other or ''} |"
                )


def table_5(results: Results) -> Iterator[str]:
    """The ablations of VHM with free bits, on all records."""
    yield "| system | R-1 | minus VHM with free bits | p after Holm |"
    yield "|---|---|---|---|"
    size = results.corpus.sizes[-1]
    whole = results.scores(size, FREE_BITS)
    if whole is not None:
        yield f"| {SYSTEMS[FREE_BITS].label} | {interval(whole)} | | |"
    for name, (one, p) in ablation_gaps(results).items():
        values = results.scores(size, name)
        assert values is not None
        yield f"| {SYSTEMS[name].label} | {interval(values)} | {one} | {p:.4f} |"


def table_of_remedies(results: Results) -> Iterator[str]:
    """What else is offered against a collapse, on all records; nothing is judged by it."""
    yield "| system | R-1 | minus VHM | minus MT-MS-CLS |"
    yield "|---|---|---|---|"
    size = results.corpus.sizes[-1]
    for name in ("vhm", FREE_BITS, *REMEDIES):
        values = results.scores(size, name)
        if values is not None:
            gaps = [
                "" if other == name else str(gap(results, size, name, other) or "")
                for other in ("vhm", "mt_ms_cls")
            ]
            yield f"| {SYSTEMS[name].label} | {interval(values)} | {' | '.join(gaps)} |"


def health(results: Results) -> Iterator[str]:
    """KL, active units and what another z costs, of each cell with latent variables."""
    yield "| cell | KL (nats) | active units | another's z (nats) | mean z (nats) | z = 0 (nats) |"
    yield "|---|---|---|---|---|---|"
    for (size, system, seed), cell in results.cells.items():
        if cell["health"] is None:
            continue
        found, choices = cell["health"], cell["health"]["choices"]
        units = ", ".join(f"{k} {a}/{n}" for k, (a, n) in found["active_units"].items())
        costs = " | ".join(
            "{:+.3f} [{:+.3f}, {:+.3f}]".format(*choices[choice]["nll_cost"])
            for choice in ("another document's", "mean of the split", "zero")
        )
        label = f"{SYSTEMS[system].label}, {size}, seed {seed}"
        yield f"| {label} | {found['kl']:.3f} | {units} | {costs} |"


def costs(results: Results) -> Iterator[str]:
    """CPU seconds of a cell, by system."""
    yield "| system | training, CPU s | decoding, CPU s | budget, s |"
    yield "|---|---|---|---|"
    for system in SYSTEMS:
        found = [cell for (_, name, _), cell in results.cells.items() if name == system]
        if found:
            spent = (
                round(float(np.mean([cell[part]["cpu_seconds"] for cell in found])))
                for part in ("training", "decoding")
            )
            times = " | ".join(map(str, spent))
            yield f"| {SYSTEMS[system].label} | {times} | {results.corpus.seconds} |"


def plot(results: Results, path: Path) -> None:
    """Figure 2: ROUGE-1 by the share of CLS data."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    sizes = results.corpus.sizes
    for number, system in enumerate(COMPARED):
        places, means, ends = [], [], []
        for place, size in enumerate(sizes):
            values = results.scores(size, system)
            if values is not None:
                places.append(place + 0.06 * (number - (len(COMPARED) - 1) / 2))
                means.append(float(values.mean()))
                ends.append(bootstrap_interval(values))
        if places:
            spread = np.abs(np.array(ends).T - np.array(means))
            label, colour = SYSTEMS[system].label, COLOURS[number]
            axes.errorbar(
                places, means, yerr=spread, fmt="o-", capsize=2, label=label, color=colour
            )
    axes.set_xticks(range(len(sizes)), [f"{100 * size / sizes[-1]:.3g} %" for size in sizes])
    axes.set_xlabel("CLS data")
    axes.set_ylabel("German ROUGE-1 F1")
    seeds = f"{len(SEEDS)} seeds, 95 % intervals over documents and seeds"
    axes.set_title(f"{results.corpus.name}, {results.split}: {seeds}", fontsize="medium")
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Print the report of a corpus."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", choices=tuple(CORPORA), required=True)
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the figure, a PNG")
    args = parser.parse_args()
    results = Results(CORPORA[args.corpus], args.split)
    parts = {"Scores by size (Table 4)": table_4, "Latent variables": health, "Cost": costs}
    if results.corpus.ablations:
        parts["Ablations (Table 5)"] = table_5
        if args.split == "valid":
            parts["Remedies"] = table_of_remedies
    for title, part in parts.items():
        print(f"### {title}\n\n" + "\n".join(part(results)) + "\n")
    judged = "" if args.split == "test" else " (of validation data: the test split decides)"
    print(f"### Verdicts{judged}\n\n" + "\n".join(verdicts(results)))
    if results.missing:
        print(f"\n{len(results.missing)} cells are missing: {', '.join(results.missing)}")
    if args.plot is not None:
        plot(results, args.plot)


if __name__ == "__main__":
    main()

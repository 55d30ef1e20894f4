"""Does a prompt carry over to a language that fine-tuning did not write? On toy languages.

    python -m studies.prompt_transfer run
    python -m studies.prompt_transfer report

Sun et al. (mGLM), 3.4 and Table 5: a model that was fine-tuned to summarize into one language goes
on in that language when it is prompted for another. Four toy languages with a known lexicon
(languages.py), a model of four layers and width 64, five seeds: pretrained by blanks, of which half
stand behind prompts for all languages; fine-tuned from A into B, plainly and by each remedy; asked
from A into B, from C into B, and from A into C. A minute of a processor or two a seed.

A system of a seed is a row of studies/results/prompt_transfer.json, which a rerun skips. rules.md
has the rules of the verdicts.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mclas_fairseq.evaluation.multiple_tests import holm
from studies.harness.json_rows import FOLDER, JsonRow, read_rows, write_rows
from studies.harness.judging import Gap, over_seeds
from studies.harness.processes import say
from studies.prompt_transfer.languages import World
from studies.prompt_transfer.training import (
    LAYERS,
    PAIRS,
    REMEDIES,
    SYSTEMS,
    UNTUNED,
    ask,
    pretrain,
    relative_updates,
    tune,
)

RESULTS = FOLDER / "prompt_transfer.json"
SEEDS = range(1, 6)


def run(path: Path, seeds: Sequence[int]) -> None:
    """Make the rows that are missing."""
    rows = read_rows(path)
    for seed in seeds:
        done = {row["system"] for row in rows if row["seed"] == seed}
        if done >= set(SYSTEMS):
            continue
        say(f"seed {seed}: pretraining")
        world = World.of(seed)
        pretrained = pretrain(world, seed)
        for system in SYSTEMS:
            if system in done:
                continue
            say(f"seed {seed}: {system}")
            model = pretrained
            if system != UNTUNED:
                model = tune(world, pretrained, REMEDIES[system], seed)
            row: JsonRow = {"seed": seed, "system": system}
            row |= {name: ask(world, model, *pair) for name, pair in PAIRS.items()}
            row["updates"] = relative_updates(pretrained, model)
            rows.append(row)
            write_rows(path, rows)


class Results:
    """Rows by system, of the seeds that have all systems."""

    def __init__(self, rows: Sequence[JsonRow]):
        by_seed: dict[int, dict[str, JsonRow]] = {}
        for row in rows:
            by_seed.setdefault(row["seed"], {})[row["system"]] = row
        self.seeds = sorted(seed for seed, found in by_seed.items() if set(found) >= set(SYSTEMS))
        self._rows = {system: [by_seed[seed][system] for seed in self.seeds] for system in SYSTEMS}

    def values(self, system: str, pair: str, measure: str) -> Any:
        """A measure by seed, (S, 1)."""
        return np.array([[row[pair][measure]] for row in self._rows[system]], dtype=np.float64)

    def gap(self, first: str, second: str, pair: str, measure: str) -> Gap:
        """First system minus second, by t over seeds."""
        ours, theirs = (self.values(system, pair, measure) for system in (first, second))
        return over_seeds(ours, theirs)


def report(rows: Sequence[JsonRow]) -> Iterator[str]:
    """Lines of the report."""
    results = Results(rows)
    if len(results.seeds) < 2:
        yield "fewer than two seeds have all systems"
        return
    yield f"Means of {len(results.seeds)} seeds, percent."
    yield ""
    yield from _scores(results)
    yield ""
    yield from _updates(results)
    yield ""
    yield from verdicts(results)


def _scores(results: Results) -> Iterator[str]:
    names = [f"{source} to {target}" for source, target in PAIRS.values()]
    yield "| system | " + " | ".join(f"{one}: ROUGE-1, things, language" for one in names) + " |"
    yield "|---" * (1 + len(names)) + "|"
    for system in SYSTEMS:
        cells = [
            ", ".join(
                f"{results.values(system, pair, measure).mean():.1f}"
                for measure in ("rouge1", "things", "language")
            )
            for pair in PAIRS
        ]
        yield f"| {system} | {' | '.join(cells)} |"


def _updates(results: Results) -> Iterator[str]:
    names = ["embedding", *(f"layer {number}" for number in range(1, LAYERS + 1))]
    yield f"| relative update, {len(results.seeds)} seeds | {' | '.join(names)} |"
    yield "|---" * (1 + len(names)) + "|"
    for system in REMEDIES:
        means = [results.values(system, "updates", name).mean() for name in names]
        yield f"| {system} | {' | '.join(f'{mean:.3f}' for mean in means)} |"


def verdicts(results: Results) -> Iterator[str]:
    """The claims of rules.md."""
    source = results.gap("plain", UNTUNED, "source", "rouge1")
    yield f"1. Sources carry over (C to B, ROUGE-1, tuned - untuned): {_say(source)}"
    for measure in ("language", "rouge1"):
        target = results.gap(UNTUNED, "plain", "target", measure)
        yield f"2. Prompts do not (A to C, {measure}, untuned - tuned): {_say(target)}"
    upper, lower = (results.values("plain", "updates", f"layer {n}") for n in (LAYERS, 1))
    moved = over_seeds(100 * upper, 100 * lower)
    yield f"3. The last layer moves more than the first (percent): {_say(moved)}"
    remedies = [name for name in REMEDIES if name != "plain"]
    for measure in ("language", "rouge1"):
        gaps = [results.gap(name, "plain", "target", measure) for name in remedies]
        for name, gap, p in zip(remedies, gaps, holm([gap.p for gap in gaps]), strict=True):
            said = _say(gap, p)
            yield f"4. {name} helps (A to C, {measure}, it - plain; Holm {p:.4f}): {said}"
    for name in remedies:
        cost = results.gap(name, "plain", "trained", "rouge1")
        yield f"   what {name} costs (A to B, ROUGE-1): {cost}"


def _say(gap: Gap, p: float | None = None) -> str:
    found = gap.verdict(gap.p if p is None else p)
    words = {"better": "holds", "worse": "refuted", "undecided": "undecided"}
    return f"{gap}: {words[found]}"


def parser() -> argparse.ArgumentParser:
    """What the command can be told."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("what", choices=["run", "report"])
    made.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    made.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), metavar="N")
    return made


def main() -> None:
    """Run or report."""
    made = parser()
    args = made.parse_args()
    torch.set_num_threads(1)
    if args.what == "run":
        run(args.results, args.seeds)
    for line in report(read_rows(args.results)):
        print(line)


if __name__ == "__main__":
    main()

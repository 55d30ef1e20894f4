"""One decoder for German and Chinese against one for each, on xscitldr.

    python -m studies.many_targets run OUT --data DATA
    python -m studies.many_targets run OUT --data DATA --only seed1
    python -m studies.many_targets report

Trains MCLAS (`mclas_tiny`, from scratch) on English documents with German summaries, with Chinese
ones, and with both in one decoder, and scores the summaries of the validation split. The joint
system gets as many updates as each single one, and in a second reading as many as both together.
Everything else is equal: data-bin, dictionary, rate, batches of as many tokens, search, and the
last checkpoint is taken. Three seeds, one after the other: twelve cells of at most two to three
minutes on one thread. A finished cell is a row of studies/results/many_targets.csv, which a rerun
skips. Validation split only; docs/decision_rules.md has the rule by which the joint systems are
judged.

DATA is the folder with xscitldr/. OUT gets data-bin, checkpoints and logs.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studies.harness.command import main
from studies.harness.judging import Runs, by_bootstrap, collect, interval, judge
from studies.harness.processes import OVERLAP, data_bin
from studies.harness.study import Study, Work
from studies.harness.summaries import Decoding
from studies.harness.table import Row, Table
from studies.harness.training import program

LANGUAGES = ("de", "zh")
SEEDS = (1, 2, 3)
UPDATES = 200  # of a single system
PREPARE = "--vocab-size 8000 --lowercase"
TRAIN = (
    "--target-layout mclas --arch mclas_tiny --copy-attention --dropout 0.1 "
    "--criterion summary_cross_entropy --label-smoothing 0.1 --optimizer adam --clip-norm 1.0 "
    "--lr 2e-3 --lr-scheduler inverse_sqrt --warmup-updates 100 --max-source-positions 256 "
    "--max-tokens 3000 --disable-validation --no-epoch-checkpoints --cpu --num-workers 0 "
    "--log-format simple --log-interval 50 --adam-betas (0.9,0.98)"
)
SEARCH = "--beam 1 --no-repeat-ngram-size 3 --max-len-b 60"
_UPDATES = re.compile(r"num_updates (\d+)")


@dataclass(frozen=True)
class System:
    """A decoder: its name, its target languages, how many updates it gets."""

    name: str
    targets: tuple[str, ...]
    updates: int


SYSTEMS = (
    System("joint", LANGUAGES, UPDATES),
    System("de", ("de",), UPDATES),
    System("zh", ("zh",), UPDATES),
    System("joint-long", LANGUAGES, 2 * UPDATES),
)
JOINT = ("joint", "joint-long")


@dataclass(frozen=True)
class Cell:
    """A system trained with a seed."""

    system: System
    seed: int

    @property
    def name(self) -> str:
        """What its row is called."""
        return f"{self.system.name}-seed{self.seed}"


@dataclass(frozen=True)
class Material:
    """The data-bin with both target languages, and the validation records."""

    data: Path
    valid: Path


class ManyTargets(Study[Cell, Material]):
    """One decoder for two languages beside one for each."""

    name = "many_targets"
    corpora = ("xscitldr",)
    opens_test = False

    def cells(self, corpus: str) -> Sequence[Cell]:
        """Seed by seed, so that what is finished first is complete for one seed."""
        return [Cell(system, seed) for seed in SEEDS for system in SYSTEMS]

    def prepare(self, corpus: str, data: Path | None, out: Path) -> Material:
        """One data-bin for all, without the documents that evaluation has too."""
        if data is None:
            raise SystemExit("--data: must name the folder with xscitldr/; give it")
        train, valid = (data / "xscitldr" / f"{split}.jsonl.gz" for split in ("train", "valid"))
        files = ("--train", train, "--valid", valid, "--exclude-ids", OVERLAP)
        pair = ("en", ",".join(LANGUAGES))
        return Material(data_bin(out / "bin", *files, *PREPARE.split(), languages=pair), valid)

    def command(self, work: Work[Material], cell: Cell, rate: str) -> list[str]:
        """All the same but for languages and updates."""
        words = [
            *program(work.material.data),
            "--task",
            "cross_lingual_summarization",
            *TRAIN.split(),
        ]
        words += ["--target-langs", ",".join(cell.system.targets)]
        return [*words, "--max-update", str(cell.system.updates), "--seed", str(cell.seed)]

    def decoding(self, work: Work[Material], cell: Cell, training: str, split: str) -> Decoding:
        """With the last checkpoint: nothing is chosen."""
        checkpoint = work.out / training / "checkpoint_last.pt"
        return Decoding(checkpoint, work.material.data, work.material.valid, SEARCH.split())

    def records(self, work: Work[Material], split: str) -> Path:
        """Of validation, as there is no other split here."""
        return work.material.valid

    def languages(self, cell: Cell) -> Sequence[str]:
        """What the decoder writes beside English."""
        return cell.system.targets

    def settings(self, cell: Cell) -> dict[str, Any]:
        """What makes the cell."""
        return {"system": cell.system.name, "targets": list(cell.system.targets), "seed": cell.seed}

    def more(self, work: Work[Material], cell: Cell, training: str) -> dict[str, Any]:
        """Its settings, and how many updates its log counts: a cut training is no whole one."""
        text = work.log(training).read_text(encoding="utf-8", errors="replace")
        done = max(map(int, _UPDATES.findall(text)), default=0)
        settings = {"updates": cell.system.updates, "training_flags": TRAIN, "search": SEARCH}
        prepare = f"{PREPARE} --exclude-ids {OVERLAP.name}"
        return {**settings, "prepare": prepare, "updates_done": done}

    def report(self, table: Table, corpus: str, split: str) -> Iterator[tuple[str, Iterable[str]]]:
        """Scores by language, the joint decoders minus the single ones, and the verdicts."""
        rows = table.full_rows()
        for language in LANGUAGES:
            yield f"**Summaries in {language}**", _scores(rows, language)
        yield "**Joint minus single, ROUGE-1**", _comparisons(rows)


def _runs(rows: dict[str, Row], system: str, language: str) -> Runs | None:
    found = collect([rows.get(f"{system}-seed{seed}") for seed in SEEDS], "valid", language)
    return found if found is not None and len(found) == len(SEEDS) else None


def _compared(rows: dict[str, Row], joint: str, language: str) -> Row | None:
    """The comparison that the first cells were kept with, a report of `mclas score`.

    They have no values by document, and were trained with the nine documents of overlap.txt.
    """
    return rows.get(f"compared-{joint}-{language}-{len(SEEDS)}seeds")


def _scores(rows: dict[str, Row], language: str) -> Iterator[str]:
    yield "| decoder | R-1 | R-2 | length (references) |"
    yield "|---|---|---|---|"
    for system in (language, *JOINT):
        runs = _runs(rows, system, language)
        kept = _compared(rows, system if system in JOINT else "joint", language)
        if runs is not None:
            lengths = f"{runs.mean('length'):.1f} ({runs.mean('reference_length'):.1f})"
            rouge2 = runs.values("rouge2").mean()
            yield f"| {system} | {interval(runs.values('rouge1'))} | {rouge2:.2f} | {lengths} |"
        elif kept is not None:
            found = kept["systems"][0 if system in JOINT else 1]
            one, two = (found["metrics"][metric] for metric in ("rouge1", "rouge2"))
            score = "{:.2f} [{:.2f}, {:.2f}]".format(one["mean"], *one["interval"])
            lengths = f"{found['length']:.1f} ({found['reference_length']:.1f})"
            yield f"| {system} | {score} | {two['mean']:.2f} | {lengths} |"


def _comparisons(rows: dict[str, Row]) -> Iterator[str]:
    yield "| decoder | summaries | R-1 | R-2 | one decoder for both is |"
    yield "|---|---|---|---|---|"
    said = {"holds": "better", "does not hold": "worse", "undecided": "undecided"}
    for joint in JOINT:
        for language in LANGUAGES:
            shown = []
            verdict = ""
            for metric in ("rouge1", "rouge2"):
                found = _difference(rows, joint, language, metric)
                if found is not None:
                    mean, low, high = found
                    shown.append(f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]")
                    verdict = verdict or said[judge([(low, high)], sign=1)]
            if shown:
                yield f"| {joint} | {language} | {' | '.join(shown)} | {verdict} |"


def _difference(
    rows: dict[str, Row], joint: str, language: str, metric: str
) -> tuple[float, float, float] | None:
    first, second = (_runs(rows, system, language) for system in (joint, language))
    if first is not None and second is not None:
        a, b = first.values(metric), second.values(metric)
        return float(a.mean() - b.mean()), *by_bootstrap(a, b)
    kept = _compared(rows, joint, language)
    if kept is None:
        return None
    found = kept["comparisons"][0]["metrics"][metric]
    return found["difference"], found["interval"][0], found["interval"][1]


if __name__ == "__main__":
    main(ManyTargets())

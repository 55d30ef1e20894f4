"""The low-resource study of Bai et al. (2021): systems x sizes x starts x seeds, as one command.

    python examples/low_resource/run.py OUT --corpus news
    python examples/low_resource/run.py OUT --corpus xscitldr --data DATA

Trains NCLS, NCLS+MS and MCLAS on few and on all triples, from a monolingual summarizer (trained
once, shared) and from scratch, with three seeds, and two controls; has them summarize the
validation split, and scores that. Every system gets the same number of updates, the same search,
and two trials of the learning rate, chosen by validation NLL (xscitldr: those of its first run,
cells/bf16/). A finished cell leaves cells/NAME.json here, which a rerun skips; a stopped training
goes on where it was. Several of these commands may run side by side in the same OUT. report.py
makes the tables; test.py opens the test split, once. docs/results.md has the rules by which the
claims are judged.

DATA is the folder with xscitldr/ and papers/. OUT gets corpora, data-bins, checkpoints and logs.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from keep_cell import keep  # noqa: E402
from low_resource.corpora import Material, build  # noqa: E402
from low_resource.grid import (  # noqa: E402
    COMMON,
    CORPORA,
    FINE_TUNING,
    LAYOUTS,
    MS_TRAINING,
    PRECISION,
    RATES,
    Cell,
    cells,
)
from study import (  # noqa: E402
    PLUGIN,
    Decoding,
    best_validation,
    choose_trial,
    claimed,
    measure,
    states,
    train_once,
)

from mclas_fairseq.bundles.format import describe_file  # noqa: E402

CELLS = HERE / "cells"
# The first runs of xscitldr, in bf16 on another machine: what their trials chose holds.
FIRST = CELLS / "bf16"


@dataclass(frozen=True)
class Study:
    """Where one corpus' study works."""

    out: Path
    material: Material

    def log(self, name: str) -> Path:
        """Where a command writes."""
        return self.out / "log" / f"{name}.log"


def fairseq_train(study: Study, data: Path, name: str, flags: Sequence[str]) -> dict[str, Any]:
    """Train, or finish a stopped training; what it cost."""
    words = ["fairseq-train", str(data), "--user-dir", PLUGIN]
    words += ["--task", "cross_lingual_summarization", *COMMON.split(), *flags]
    words += study.material.corpus.flags.split()
    return train_once(words, study.out / name, study.log(name))


def train_ms(study: Study) -> Path:
    """The monolingual summarizer that all systems with the start "ms" share."""
    flags = [*MS_TRAINING[study.material.corpus.name].split(), "--target-layout", "ms"]
    flags += ["--seed", "1", "--save-interval-updates", "500", "--validate-interval-updates", "500"]
    with claimed(study.out / "ms.claim") as mine:
        if mine:
            fairseq_train(study, study.material.pretraining, "ms", flags)
    if not (study.out / "ms" / "done.json").exists():
        raise SystemExit("the monolingual summarizer is being trained by another command; wait")
    return study.out / "ms" / "checkpoint_best.pt"


def train(study: Study, cell: Cell, rate: str) -> tuple[str, dict[str, Any]]:
    """Train a cell with a rate; returns the name of its folder, and what it cost."""
    corpus = cell.corpus
    layout, arch = LAYOUTS[cell.system]
    name = f"{cell.name}_lr{rate}"
    flags = ["--target-layout", layout, "--arch", arch, "--lr", rate, *FINE_TUNING.split()]
    flags += ["--max-update", str(corpus.updates), "--seed", str(cell.seed)]
    flags += ["--save-interval-updates", str(corpus.validate)]
    flags += ["--validate-interval-updates", str(corpus.validate)]
    if cell.size < corpus.sizes[-1]:
        flags += ["--train-subset-size", str(cell.size), "--subset-seed", str(cell.seed)]
    if cell.start == "ms":
        flags += ["--finetune-from-model", str(study.out / "ms" / "checkpoint_best.pt")]
    if cell.system == "ncls_ms-half":
        flags += ["--ncls-ms-init", "cls-random"]
    data = study.material.shuffled if cell.system == "mclas-shuffled" else study.material.triples
    return name, fairseq_train(study, data, name, flags)


def best(study: Study, name: str) -> dict[str, float]:
    """The best validation of a training: NLL of `S^B` in bits per token, and at which update."""
    found = best_validation(study.log(name), "cls_nll_loss")
    return {
        "cls_nll_bits_per_token": found["cls_nll_loss"],
        "update": int(found["num_updates"]),
    }


@dataclass(frozen=True)
class Choice:
    """The rate of a cell, the best validation of each trial that decided it, and which cell's."""

    rate: str
    trials: dict[str, dict[str, float]]
    rate_from: str


def choose_rate(study: Study, cell: Cell) -> Choice | None:
    """The rate with the lowest validation NLL of the cell's trials; None: they are being made.

    A finished cell that has the trials tells what was chosen, wherever it was trained.
    """
    for folder in (CELLS, FIRST):
        file = folder / f"{cell.tuned.name}.json"
        if file.exists():
            kept = json.loads(file.read_text(encoding="utf-8"))
            source = file.with_suffix("").relative_to(CELLS)
            return Choice(kept["rate"], kept["trials"], str(source))

    def try_one(rate: str) -> float:
        name, _ = train(study, cell.tuned, rate)
        return best(study, name)["cls_nll_bits_per_token"]

    names = {rate: f"{cell.tuned.name}_lr{rate}" for rate in RATES}
    rate = choose_trial(names, study.out, try_one)
    if rate is None:
        return None
    trials = {trial: best(study, name) for trial, name in names.items()}
    return Choice(rate, trials, cell.tuned.name)


def kept_summaries(name: str) -> Path:
    """Where a cell's summaries of the test split stand: beside the cells, in the repository.

    They are written when it is trained and scored by test.py when all cells are there, which may
    be on another machine: nothing but them is needed of a training.
    """
    return CELLS / "test" / "summaries" / f"{name}.jsonl.gz"


def summarize(study: Study, name: str, cell: Cell) -> Path:
    """Write a cell's summaries, in all languages, by the training `name`; see `write_summaries`."""
    both = ["--summary-decoder", "both"] if cell.system.startswith("ncls_ms") else []
    flags = [*cell.corpus.search.split(), *both]
    return write_summaries(study, study.material.triples, flags, training=name, cell=cell.name)


def write_summaries(
    study: Study, data: Path, flags: Sequence[str], *, training: str, cell: str
) -> Path:
    """Summaries of both splits by the best checkpoint of a training.

    Args:
        study: where things stand.
        data: the training's data-bin.
        flags: of the search, and what else `mclas summarize` gets.
        training: its name.
        cell: the cell's name.

    Returns:
        The file of the validation split; that of the test split is `kept_summaries`.
    """
    checkpoint = study.out / training / "checkpoint_best.pt"
    valid = study.out / "summaries" / f"{training}.valid.jsonl"
    for split, out in (("valid", valid), ("test", kept_summaries(cell))):
        records = study.material.records[split]
        # Written anew: summaries that lie there may be those of an earlier training.
        Decoding(checkpoint, data, records, flags).write(out, study.log(f"{training}.{split}"))
    return valid


def hashes(study: Study, name: str, *, from_ms: bool) -> dict[str, str]:
    """What a cell belongs to: its summaries of the test split, and the MS that it started from."""
    files = {"test_summaries": kept_summaries(name)}
    if from_ms:
        files["ms"] = study.out / "ms" / "checkpoint_best.pt"
    return {key: describe_file(file).sha256 for key, file in files.items()}


def check_ms(study: Study) -> None:
    """End the study where kept cells started from another monolingual summarizer than OUT has."""
    checkpoint = study.out / "ms" / "checkpoint_best.pt"
    own = describe_file(checkpoint).sha256
    others = [
        file.stem
        for file in sorted(CELLS.glob(f"{study.material.corpus.name}_*.json"))
        if json.loads(file.read_text(encoding="utf-8"))["sha256"].get("ms", own) != own
    ]
    if others:
        raise SystemExit(
            f"{checkpoint}: all cells must start from one monolingual summarizer, but {others} "
            "started from another; delete these cells, or take the OUT in which they were trained"
        )


def score(study: Study, file: Path, cell: Cell, split: str) -> dict[str, Any]:
    """Scores of a cell's summaries of a split, by language."""
    languages = ("de",) if cell.system == "ncls" else ("de", "en")
    records = study.material.records[split]
    return {language: measure(file, records, language) for language in languages}


def run(study: Study, cell: Cell) -> bool:
    """Train, summarize and score a cell, unless its file is there; False: another one is at it."""
    file = CELLS / f"{cell.name}.json"
    if file.exists():
        return True
    choice = choose_rate(study, cell)
    if choice is None:
        return False
    with claimed(study.out / f"{cell.name}.cell") as mine:
        if not mine or file.exists():
            return mine
        name, cost = train(study, cell, choice.rate)
        scores = score(study, summarize(study, name, cell), cell, "valid")
        setting = {**asdict(cell), "corpus": cell.corpus.name, "precision": PRECISION}
        report = {**asdict(choice), "best": best(study, name), "training": cost}
        report["sha256"] = hashes(study, cell.name, from_ms=cell.start == "ms")
        keep({"cell": setting, **report, "updates": cell.corpus.updates, "valid": scores}, file)
    print(f"== {cell.name}: German ROUGE-1 {scores['de']['means']['rouge1']['f']:.2f}", flush=True)
    return True


def keep_ms(study: Study) -> None:
    """Score the monolingual summarizer, unless its file is there: what is left of it is Table 6."""
    corpus = study.material.corpus
    file = CELLS / f"{corpus.name}_ms.json"
    with claimed(study.out / "ms.cell") as mine:
        if not mine or file.exists():
            return
        cost = json.loads((study.out / "ms" / "done.json").read_text(encoding="utf-8"))
        data, flags = study.material.pretraining, corpus.search.split()
        valid = write_summaries(study, data, flags, training="ms", cell=file.stem)
        scores = {"en": measure(valid, study.material.records["valid"], "en")}
        setting = {"corpus": corpus.name, "system": "ms", "precision": PRECISION}
        report = {"training": cost, "sha256": hashes(study, file.stem, from_ms=True)}
        keep({"cell": setting, **report, "valid": scores}, file)


def open_study(args: argparse.Namespace) -> Study:
    """Make or find the corpora and data-bins."""
    corpus = CORPORA[args.corpus]
    out = args.out / corpus.name
    out.mkdir(parents=True, exist_ok=True)
    with claimed(out / "corpora.claim") as mine:
        if not mine:
            raise SystemExit("the corpora are being made by another command; wait for it")
        material = build(corpus, args.data, out)
    return Study(out, material)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What run.py and test.py share."""
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for everything but results")
    parser.add_argument("--corpus", choices=tuple(CORPORA), required=True)
    parser.add_argument("--data", type=Path, metavar="DATA", help="folder of the real corpora")


def main() -> None:
    """Run all cells that have no file yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--only", default="", metavar="REGEX", help="cells whose name matches")
    parser.add_argument("--list", action="store_true", help="name and state of each cell, no more")
    args = parser.parse_args()
    if args.list:
        names = [cell.name for cell in cells(CORPORA[args.corpus])]
        print(*states(names, CELLS, args.out / args.corpus), sep="\n")
        return
    study = open_study(args)
    train_ms(study)
    check_ms(study)
    keep_ms(study)
    chosen = [cell for cell in cells(study.material.corpus) if re.search(args.only, cell.name)]
    waiting = [cell for cell in chosen if not run(study, cell)]
    if waiting:
        print(f"{len(waiting)} cells are with another command; run this again to see them finished")


if __name__ == "__main__":
    main()

"""The study of Liang et al. (2022), VHM, as one command: systems x sizes x seeds, and ablations.

    python examples/vhm/run.py OUT --corpus news
    python examples/vhm/run.py OUT --corpus xscitldr --data DATA

Trains TNCLS, MT-MS-CLS, VHM, and VHM with free bits on a part of the CLS data and on all of it, MT
and MS whole, three seeds, and on synthetic news the five ablations of Table 5; has them summarize
the validation split, and scores that. Every system gets the same number of updates, the same
search, and two trials of the learning rate, chosen like its checkpoint by the bound of CLS on
validation data. A finished cell leaves cells/NAME.json here, which a rerun skips; a stopped
training goes on where it was. Several of these commands may run side by side in the same OUT.
--only 'cyclical|per-dimension' trains the remedies, which stand outside the comparison: a REGEX
that matches no cell of the comparison is looked for among them. report.py makes tables, figure and
verdicts; test.py opens the test split, once; docs/results.md has the rules by which the claims are
judged.

DATA holds xscitldr/, papers/, tatoeba/ and multi30k/. OUT gets corpora, data-bins and checkpoints.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from keep_cell import keep  # noqa: E402
from study import (  # noqa: E402
    PLUGIN,
    Decoding,
    best_validation,
    call,
    choose_trial,
    claimed,
    measure,
    states,
    train_once,
)
from vhm.corpora import Material, build  # noqa: E402
from vhm.grid import (  # noqa: E402
    COMMON,
    CORPORA,
    RATES,
    SYSTEMS,
    Cell,
    cells,
    choose,
    remedies,
)

CELLS = HERE / "cells"


@dataclass(frozen=True)
class Study:
    """Where one corpus' study works."""

    out: Path
    material: Material

    def log(self, name: str) -> Path:
        """Where a command writes."""
        return self.out / "log" / f"{name}.log"


def train(study: Study, cell: Cell, rate: str) -> tuple[str, dict[str, Any]]:
    """Train a cell with a rate; returns the name of its folder, and what it cost."""
    corpus, name = cell.corpus, f"{cell.name}_lr{rate}"
    words = ["fairseq-train", str(study.material.data), "--user-dir", PLUGIN]
    words += [*COMMON.split(), *corpus.flags.split(), *SYSTEMS[cell.system].flags.split()]
    words += [*study.material.flags, "--lr", rate, "--seed", str(cell.seed)]
    words += ["--max-update", str(corpus.updates)]
    words += ["--save-interval-updates", str(corpus.validate)]
    words += ["--validate-interval-updates", str(corpus.validate)]
    if cell.size < corpus.sizes[-1]:
        words += ["--cls-subset-size", str(cell.size), "--subset-seed", str(cell.seed)]
    return name, train_once(words, study.out / name, study.log(name))


def best(study: Study, name: str) -> dict[str, Any]:
    """The validation of the checkpoint that is kept: that with the lowest bound of CLS.

    Returns:
        By name what was logged then: the update, NLL and bound in bits per token, and of latent
        variables KL (nats per sentence) and active units.
    """
    found = best_validation(study.log(name), "cls_bound")
    kept = {key: value for key, value in found.items() if key.startswith("cls_")}
    return {"update": int(found["num_updates"]), **kept}


def choose_rate(study: Study, cell: Cell) -> str | None:
    """The rate with the lowest bound of the cell's trials; None: they are being made."""

    def try_one(rate: str) -> float:
        name, _ = train(study, cell.tuned, rate)
        return float(best(study, name)["cls_bound"])

    trials = {rate: f"{cell.tuned.name}_lr{rate}" for rate in RATES}
    return choose_trial(trials, study.out, try_one)


def evaluate(study: Study, name: str, cell: Cell, split: str) -> dict[str, Any]:
    """Scores of a split's German summaries, and what it cost to write them."""
    out = study.out / "summaries" / f"{name}.{split}.jsonl"
    records, cost = study.material.records[split], out.with_suffix(".cost.json")
    if not cost.exists():
        decoding = Decoding(
            checkpoint=study.out / name / "checkpoint_best.pt",
            data=study.material.data,
            records=records,
            flags=cell.corpus.search.split(),
        )
        spent = decoding.write(out, study.log(f"{name}.{split}"))
        cost.write_text(json.dumps(spent), encoding="utf-8")
    spent = json.loads(cost.read_text(encoding="utf-8"))
    return {"decoding": spent, split: {"de": measure(out, records, "de")}}


def run(study: Study, cell: Cell) -> bool:
    """Train, summarize and score a cell, unless its file is there; False: another one is at it."""
    file = CELLS / f"{cell.name}.json"
    if file.exists():
        return True
    rate = choose_rate(study, cell)
    if rate is None:
        return False
    with claimed(study.out / f"{cell.name}.cell") as mine:
        if not mine or file.exists():
            return mine
        name, cost = train(study, cell, rate)
        scores = evaluate(study, name, cell, "valid")
        trials = {trial: best(study, f"{cell.tuned.name}_lr{trial}") for trial in RATES}
        report = {
            "cell": {**asdict(cell), "corpus": cell.corpus.name},
            "updates": cell.corpus.updates,
            "rate": rate,
            "trials": {trial: found["cls_bound"] for trial, found in trials.items()},
            "best": best(study, name),
            "health": health(study, name) if SYSTEMS[cell.system].latent else None,
            "training": cost,
            "budget_seconds": cell.corpus.seconds,
        }
        keep({**report, **scores}, file)
    rouge = scores["valid"]["de"]["means"]["rouge1"]["f"]
    spent = f"{cost['cpu_seconds']} of {cell.corpus.seconds} s"
    print(f"== {cell.name}: German ROUGE-1 {rouge:.2f}, {spent}, {report['best']}", flush=True)
    return True


def health(study: Study, name: str) -> dict[str, Any]:
    """What `mclas latents` says of the latent variables of CLS, on the validation split."""
    out = study.out / "latents" / f"{name}.json"
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        words = ["mclas", "latents", "--checkpoint", str(study.out / name / "checkpoint_best.pt")]
        words += ["--data", str(study.material.data), "--split", "valid", "--documents", "100"]
        words += ["--beam", "1", "--max-len-b", "40", "--json", str(out), "--cpu"]
        call(words, study.log(f"{name}.latents"))
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    kept = ("kl", "elbo", "importance_bound", "active_units", "collapsed", "z_matters")
    costs = {
        choice: {key: values[key] for key in ("nll", "rouge1", "nll_cost", "rouge1_difference")}
        for choice, values in found["choices"].items()
    }
    return {**{key: found[key] for key in kept}, "choices": costs}


def open_study(args: argparse.Namespace) -> Study:
    """Make or find the corpora and data-bins."""
    folder = args.out / args.corpus
    folder.mkdir(parents=True, exist_ok=True)
    with claimed(folder / "corpora.claim") as mine:
        if not mine:
            raise SystemExit("the corpora are being made by another command; wait for it")
        material = build(CORPORA[args.corpus], args.data, folder)
    return Study(folder, material)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What run.py and test.py share."""
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for everything but results")
    parser.add_argument("--corpus", choices=tuple(CORPORA), required=True)
    parser.add_argument("--data", type=Path, metavar="DATA", help="folder of the real corpora")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all cells that have no file yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--only", default="", metavar="REGEX", help="cells whose name matches")
    parser.add_argument("--list", action="store_true", help="name and state of each cell, no more")
    args = parser.parse_args(arguments)
    corpus = CORPORA[args.corpus]
    if args.list:
        every = [*cells(corpus), *remedies(corpus)]
        print(*states([cell.name for cell in every], CELLS, args.out / args.corpus), sep="\n")
        return
    chosen = choose(corpus, args.only)
    study = open_study(args)
    waiting = [cell.name for cell in chosen if not run(study, cell)]
    if waiting:
        print(f"== left to other commands: {', '.join(waiting)}")


if __name__ == "__main__":
    main()

"""The study of Liang et al. (2022), VHM, as one command: systems x sizes x seeds, and ablations.

    python examples/vhm/run.py OUT --corpus news
    python examples/vhm/run.py OUT --corpus xscitldr --data DATA

Trains TNCLS, MT-MS-CLS and VHM on a part of the CLS data and on all of it, MT and MS whole, three
seeds, and on synthetic news the five ablations of Table 5. Every system gets the same number of
updates, the same search, and two trials of the learning rate, chosen like its checkpoint by the
bound of CLS on validation data. A finished cell leaves cells/NAME.json here, which a rerun skips; a
stopped training goes on where it was. Several of these commands may run side by side in the same
OUT. Nothing is chosen by the test split, on which cells are scored; --pilot scores the validation
split instead and leaves no cell. report.py makes tables, figure and verdicts; docs/results.md has
the rules by which the claims are judged.

DATA holds xscitldr/, papers/, tatoeba/ and multi30k/. OUT gets corpora, data-bins and checkpoints.
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
from study import PLUGIN, call, claimed, measure  # noqa: E402
from vhm.corpora import Material, build  # noqa: E402
from vhm.grid import COMMON, CORPORA, RATES, SYSTEMS, Cell, cells  # noqa: E402

CELLS = HERE / "cells"
_VALID = re.compile(r"\| valid \|.*?\| num_updates (\d+)")
_VALUE = re.compile(r"\| (\w+) (-?[\d.]+(?:e-?\d+)?)")


@dataclass(frozen=True)
class Study:
    """Where one corpus' study works."""

    out: Path
    material: Material


def train(study: Study, cell: Cell, rate: str) -> str:
    """Train a cell with a rate, or finish a stopped training; returns the name of its folder."""
    corpus, name = cell.corpus, f"{cell.name}_lr{rate}"
    folder = study.out / name
    if (folder / "done.json").exists():
        return name
    print(f"== training {name}", flush=True)
    flags = ["--lr", rate, "--seed", str(cell.seed), "--max-update", str(corpus.updates)]
    flags += ["--save-interval-updates", str(corpus.validate)]
    flags += ["--validate-interval-updates", str(corpus.validate)]
    if cell.size < corpus.sizes[-1]:
        flags += ["--cls-subset-size", str(cell.size), "--subset-seed", str(cell.seed)]
    words = ["fairseq-train", str(study.material.data), "--user-dir", PLUGIN]
    words += [*COMMON.split(), *corpus.flags.split(), *SYSTEMS[cell.system].flags.split()]
    words += [*study.material.flags, "--save-dir", str(folder), *flags]
    cost = call(words, log_of(study, name))
    (folder / "done.json").write_text(json.dumps(cost), encoding="utf-8")
    return name


def log_of(study: Study, name: str) -> Path:
    """Where a training writes."""
    return study.out / "log" / f"{name}.log"


def best(study: Study, name: str) -> dict[str, Any]:
    """The validation of the checkpoint that is kept: that with the lowest bound of CLS.

    Returns:
        By name what was logged then: the update, NLL and bound in bits per token, and of latent
        variables KL (nats per sentence) and active units.
    """
    found = []
    text = log_of(study, name).read_text(encoding="utf-8", errors="replace")
    for line in text.splitlines():
        if match := _VALID.search(line):
            values = {key: float(value) for key, value in _VALUE.findall(line)}
            kept = {key: value for key, value in values.items() if key.startswith("cls_")}
            found.append({"update": int(match[1]), **kept})
    if not found:
        raise SystemExit(f"{name}: its log shows no validation")
    return min(found, key=lambda values: values["cls_bound"])


def choose_rate(study: Study, cell: Cell) -> str | None:
    """The rate with the lowest bound of the cell's trials; None: another command is at them."""
    trials = {}
    for rate in RATES:
        name = f"{cell.tuned.name}_lr{rate}"
        with claimed(study.out / f"{name}.claim") as mine:
            if not mine:
                return None
            train(study, cell.tuned, rate)
        trials[rate] = best(study, name)["cls_bound"]
    return min(RATES, key=trials.__getitem__)


def summarize(study: Study, name: str, cell: Cell, split: str) -> tuple[Path, dict[str, Any]]:
    """Cross-lingual summaries of a split, and what they cost."""
    out = study.out / "summaries" / f"{name}.{split}.jsonl"
    cost = out.with_suffix(".cost.json")
    if not cost.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        words = ["mclas", "summarize", "--cpu", *cell.corpus.search.split(), "-o", str(out)]
        words += ["--length-penalty", "gnmt"]
        words += ["--checkpoint", str(study.out / name / "checkpoint_best.pt")]
        words += ["--data", str(study.material.data), "-i", str(study.material.records[split])]
        spent = call(words, study.out / "log" / f"{name}.{split}.log")
        cost.write_text(json.dumps(spent), encoding="utf-8")
    return out, json.loads(cost.read_text(encoding="utf-8"))


def run(study: Study, cell: Cell, *, pilot: bool) -> bool:
    """Train, summarize and score a cell, unless its file is there; False: another one is at it."""
    file = CELLS / f"{cell.name}.json"
    if file.exists() and not pilot:
        return True
    rate = choose_rate(study, cell)
    if rate is None:
        return False
    with claimed(study.out / f"{cell.name}.cell") as mine:
        if not mine or (file.exists() and not pilot):
            return mine
        name = train(study, cell, rate)
        split = "valid" if pilot else "test"
        summaries, decoding = summarize(study, name, cell, split)
        scores = measure(summaries, study.material.records[split], "de")
        training = json.loads((study.out / name / "done.json").read_text(encoding="utf-8"))
        trials = {trial: best(study, f"{cell.tuned.name}_lr{trial}") for trial in RATES}
        report = {
            "cell": {**asdict(cell), "corpus": cell.corpus.name},
            "updates": cell.corpus.updates,
            "rate": rate,
            "trials": {trial: found["cls_bound"] for trial, found in trials.items()},
            "best": best(study, name),
            "health": health(study, name) if SYSTEMS[cell.system].latent else None,
            "training": training,
            "decoding": decoding,
            "budget_seconds": cell.corpus.seconds,
        }
        if not pilot:
            keep({**report, "test": {"de": scores}}, file)
    spent = training["cpu_seconds"] + decoding["cpu_seconds"]
    print(
        f"== {cell.name}: German ROUGE-1 {scores['means']['rouge1']['f']:.2f} ({split}), "
        f"{spent} of {cell.corpus.seconds} s, {report['best']} {report['health']}",
        flush=True,
    )
    return True


def health(study: Study, name: str) -> dict[str, Any]:
    """What `mclas latents` says of the latent variables of CLS, on the validation split."""
    out = study.out / "latents" / f"{name}.json"
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        words = ["mclas", "latents", "--checkpoint", str(study.out / name / "checkpoint_best.pt")]
        words += ["--data", str(study.material.data), "--split", "valid", "--documents", "100"]
        words += ["--beam", "1", "--max-len-b", "40", "--json", str(out), "--cpu"]
        call(words, study.out / "log" / f"{name}.latents.log")
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    kept = ("kl", "elbo", "importance_bound", "active_units", "collapsed", "z_matters")
    costs = {
        choice: {key: values[key] for key in ("nll", "rouge1", "nll_cost", "rouge1_difference")}
        for choice, values in found["choices"].items()
    }
    return {**{key: found[key] for key in kept}, "choices": costs}


def open_study(corpus: str, data: Path | None, out: Path) -> Study:
    """Make or find the corpora and data-bins."""
    folder = out / corpus
    folder.mkdir(parents=True, exist_ok=True)
    with claimed(folder / "corpora.claim") as mine:
        if not mine:
            raise SystemExit("the corpora are being made by another command; wait for it")
        material = build(CORPORA[corpus], data, folder)
    return Study(folder, material)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all cells that have no file yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for everything but results")
    parser.add_argument("--corpus", choices=tuple(CORPORA), required=True)
    parser.add_argument("--data", type=Path, metavar="DATA", help="folder of the real corpora")
    parser.add_argument("--only", default="", metavar="REGEX", help="cells whose name matches")
    parser.add_argument("--pilot", action="store_true", help="score validation, keep no cell")
    args = parser.parse_args(arguments)
    study = open_study(args.corpus, args.data, args.out)
    chosen = [cell for cell in cells(study.material.corpus) if re.search(args.only, cell.name)]
    waiting = [cell.name for cell in chosen if not run(study, cell, pilot=args.pilot)]
    if waiting:
        print(f"== left to other commands: {', '.join(waiting)}")


if __name__ == "__main__":
    main()

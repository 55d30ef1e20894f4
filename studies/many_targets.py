"""One decoder for German and Chinese against one for each, on xscitldr.

    python examples/many_targets/run.py OUT --data DATA [--seeds 1,2,3]

Trains MCLAS (`mclas_tiny`, from scratch) on English documents with German summaries, with Chinese
ones, and with both in one decoder, and scores the summaries of the validation split. The joint
system gets as many updates as each single one, and in a second reading as many as both together.
Everything else is equal: data-bin, dictionary, rate, batches of as many tokens, search, and the
last checkpoint is taken. Seeds are done one after the other, so that what is finished first is
complete for one seed. Every finished cell leaves cells/NAME.json here, which a rerun skips; then
the joint systems are compared with the single ones over all seeds (cells/compared-*.json).
docs/results.md has the rule by which that is judged.

DATA is the folder with xscitldr/. OUT gets data-bin, checkpoints and logs.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]
from keep_cell import keep  # noqa: E402

from studies.harness.processes import PLUGIN, call  # noqa: E402

CELLS = HERE / "cells"
LANGUAGES = ("de", "zh")
UPDATES = 200  # of a single system
PREPARE = ["--vocab-size", "8000", "--lowercase"]
TRAIN = (
    "--target-layout mclas --arch mclas_tiny --copy-attention --dropout 0.1 "
    "--criterion summary_cross_entropy --label-smoothing 0.1 --optimizer adam --clip-norm 1.0 "
    "--lr 2e-3 --lr-scheduler inverse_sqrt --warmup-updates 100 --max-source-positions 256 "
    "--max-tokens 3000 --disable-validation --no-epoch-checkpoints --cpu --num-workers 0 "
    "--log-format simple --log-interval 50"
).split()
BETAS = ["--adam-betas", "(0.9, 0.98)"]
SEARCH = "--beam 1 --no-repeat-ngram-size 3 --max-len-b 60 --cpu".split()
_MINIMUM = re.compile(r"num_updates (\d+)")


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


def prepare(args: argparse.Namespace) -> Path:
    """The data-bin with both target languages, made when missing."""
    data: Path = args.out / "bin"
    if not data.exists():
        corpus = args.data / "xscitldr"
        files = [
            word
            for split in ("train", "valid")
            for word in (f"--{split}", str(corpus / f"{split}.jsonl.gz"))
        ]
        languages = ["--source-lang", "en", "--target-lang", ",".join(LANGUAGES)]
        words = ["mclas", "prepare", *languages, *files, *PREPARE, "--out", str(data)]
        call(words, args.out / "prepare.log")
    return data


def run(system: System, seed: int, data: Path, args: argparse.Namespace) -> None:
    """Train, summarize and score one system, unless its cell is there."""
    name = f"{system.name}-seed{seed}"
    cell = CELLS / f"{name}.json"
    folder, log, summaries = args.out / name, args.out / f"{name}.log", args.out / f"{name}.jsonl"
    if cell.exists() and summaries.exists():
        return
    print(f"{time.strftime('%H:%M')} {name}", flush=True)
    words = ["fairseq-train", str(data), "--user-dir", PLUGIN]
    words += ["--task", "cross_lingual_summarization", "--target-langs", ",".join(system.targets)]
    words += [*TRAIN, *BETAS, "--max-update", str(system.updates), "--seed", str(seed)]
    cost = call([*words, "--save-dir", str(folder)], log)
    valid = str(args.data / "xscitldr" / "valid.jsonl.gz")
    model = ["--checkpoint", str(folder / "checkpoint_last.pt"), "--data", str(data)]
    call(["mclas", "summarize", *model, *SEARCH, "-i", valid, "-o", str(summaries)], log)
    scores = {}
    for language in system.targets:
        file = args.out / f"{name}.{language}.json"
        words = ["mclas", "score", "--hyp", str(summaries), "--ref", valid, "--lang", language]
        scores[language] = score([*words, "--json", str(file)], file, log)
    report = {"system": system.name, "targets": system.targets, "seed": seed}
    settings = {"updates": system.updates, "training": " ".join(TRAIN + BETAS)}
    settings |= {"prepare": " ".join(PREPARE), "search": " ".join(SEARCH)}
    examples = _examples(log)
    keep({**report, **settings, **cost, **examples, "split": "valid", "scores": scores}, cell)


def score(words: Sequence[str], file: Path, log: Path) -> Any:
    """The report of `mclas score`; of texts that it refuses (another script, say) what it says."""
    try:
        call(words, log)
    except SystemExit:
        return {"refused": log.read_text(encoding="utf-8").splitlines()[-1]}
    return json.loads(file.read_text(encoding="utf-8"))


def _examples(log: Path) -> dict[str, Any]:
    """How many updates the training log counts; a cut training must not pass for a whole one."""
    found = map(int, _MINIMUM.findall(log.read_text(encoding="utf-8", errors="replace")))
    return {"updates_done": max(found, default=0)}


def compare(seeds: Sequence[int], args: argparse.Namespace) -> None:
    """Compare the joint systems with the single ones, over documents and seeds."""
    valid = str(args.data / "xscitldr" / "valid.jsonl.gz")
    for joint in ("joint", "joint-long"):
        for language in LANGUAGES:
            name = f"compared-{joint}-{language}-{len(seeds)}seeds"
            if (CELLS / f"{name}.json").exists():
                continue
            first = [str(args.out / f"{joint}-seed{seed}.jsonl") for seed in seeds]
            second = [str(args.out / f"{language}-seed{seed}.jsonl") for seed in seeds]
            file = args.out / f"{name}.json"
            words = ["mclas", "score", "--hyp", *first, "--compare", *second, "--ref", valid]
            words += ["--lang", language, "--json", str(file)]
            keep(score(words, file, args.out / f"{name}.log"), CELLS / f"{name}.json")


def main() -> None:
    """Run all cells that are not there yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of xscitldr/")
    parser.add_argument("--seeds", default="1,2,3", help="default: 1,2,3")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    seeds = [int(seed) for seed in args.seeds.split(",")]
    data = prepare(args)
    for seed in seeds:
        for system in SYSTEMS:
            run(system, seed, data, args)
    compare(seeds, args)
    print(f"{time.strftime('%H:%M')} done", flush=True)


if __name__ == "__main__":
    main()

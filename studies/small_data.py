"""Which settings suit few triples: the runs behind the presets, chosen on validation data.

    python examples/small_data/run.py OUT [--data DATA --ms CHECKPOINT --like DATA_BIN]
                                              [--only TEXT]

Trains MCLAS with one setting changed at a time and scores the German summaries of the validation
split. Without --data: synthetic news (hard) at 500, 2,000 and 20,000 triples. With --data (the
folder of xscitldr/) also xscitldr at 500 and at all triples, from the monolingual summarizer --ms
with the data-bin --like, both made by examples/xscitldr/run.sh. Every finished cell leaves
cells/NAME.json here, which a rerun skips; OUT gets corpora, data-bins, checkpoints and logs.
"""

import argparse
import json
import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]
from keep_cell import keep  # noqa: E402

from mclas_fairseq.modules.emulated_bf16 import processor_has_bf16  # noqa: E402
from studies.harness.processes import call  # noqa: E402

SYNTHETIC_SIZE = 20000
GREEDY = ["--beam", "1", "--no-repeat-ngram-size", "3", "--max-len-b", "60"]
_UPDATES = re.compile(r"num_updates (\d+)")


@dataclass(frozen=True)
class Cell:
    """One training: corpus, number of triples, size of the vocabulary, and flags that differ."""

    corpus: str
    triples: int
    preset: str
    vocabulary: int
    changed: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What its file is called."""
        changed = [f"{key}-{value}" for key, value in self.changed.items()]
        parts = [self.corpus, self.triples, self.preset, f"v{self.vocabulary}", *changed]
        return "_".join(map(str, parts)).replace("_mclas_", "_")


def synthetic_cells() -> list[Cell]:
    """One setting changed at a time, around the preset of each size."""
    short = {"max-update": "600"}
    heavy = {**short, "dropout": "0.3"}
    light = {**short, "dropout": "0.1"}
    tiny = [Cell("news", 500, "tiny-data", vocabulary, heavy) for vocabulary in (1000, 2000)]
    tiny += [Cell("news", 500, "tiny-data", 2000, light)]
    others = [{"lr": "1e-3"}, {"warmup-updates": "400"}, {"max-tokens": "4096"}]
    others += [{"max-update": "1200"}]
    tiny += [Cell("news", 500, "tiny-data", 2000, {**light, **other}) for other in others]
    small = [Cell("news", 2000, "small-data", 2000, dropout) for dropout in (heavy, light)]
    others = [{"arch": "mclas_tiny", "lr": "2e-3"}, {"max-tokens": "2048"}]
    small += [Cell("news", 2000, "small-data", 2000, {**light, **other}) for other in others]
    large = [Cell("news", 20000, "small-data", 2000, dropout) for dropout in (light, heavy)]
    # As much processor time as the others: an update of mclas_base takes three times as long.
    brief = {"max-update": "175", "warmup-updates": "60", "dropout": "0.1"}
    large += [Cell("news", 20000, "paper", 2000, brief)]
    return tiny + small + large


def xscitldr_cells() -> list[Cell]:
    """From the monolingual summarizer, so that vocabulary and architecture are given."""
    common = {"lr": "4e-4", "warmup-updates": "50", "max-update": "200"}
    return [
        Cell("xscitldr", size, "small-data", 8000, {**common, "dropout": rate})
        for size in (500, 1983)
        for rate in ("0.1", "0.3")
    ]


def prepare(cell: Cell, args: argparse.Namespace) -> tuple[Path, Path]:
    """The data-bin of a cell and the validation records, made when missing."""
    log = args.out / "prepare.log"
    if cell.corpus == "xscitldr":
        return args.like, args.data / "xscitldr" / "valid.jsonl.gz"
    news = args.out / "news"
    if not news.exists():
        sizes = ["--train", str(SYNTHETIC_SIZE), "--valid", "300", "--test", "10"]
        call(["mclas", "synthetic", "--setting", "hard", *sizes, "--out", str(news)], log)
    data = args.out / f"bin-{cell.triples}-{cell.vocabulary}"
    if not data.exists():
        subset = args.out / f"train-{cell.triples}.jsonl"
        lines = (news / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        subset.write_text("".join(lines[: cell.triples]), encoding="utf-8")
        files = ["--train", str(subset), "--valid", str(news / "valid.jsonl")]
        languages = ["--source-lang", "en", "--target-lang", "de"]
        size = ["--vocab-size", str(cell.vocabulary), "--out", str(data)]
        call(["mclas", "prepare", *languages, *files, *size], log)
    return data, news / "valid.jsonl"


def train(cell: Cell, data: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Train; updates, seconds and the largest memory (MiB) of the process."""
    folder = args.out / cell.name
    words = ["mclas", "train", str(data), "--preset", cell.preset, "--save-dir", str(folder)]
    words += [word for key, value in cell.changed.items() for word in (f"--{key}", value)]
    words += ["--target-layout", "mclas", "--seed", "1", "--num-workers", "0", "--cpu"]
    words += ["--bf16"] if processor_has_bf16() else []
    words += ["--log-format", "simple", "--log-interval", "50"]
    if cell.corpus == "xscitldr":
        words += ["--arch", "mclas_small", "--max-source-positions", "256"]
        words += ["--train-subset-size", str(cell.triples)] if cell.triples < 1983 else []
        words += ["--finetune-from-model", str(args.ms)]
    log = args.out / f"{cell.name}.log"  # a name may hold a dot
    cost = call(words, log)
    text = log.read_text(encoding="utf-8", errors="replace")
    return {"updates": max(map(int, _UPDATES.findall(text)), default=0), **cost}


def run(cell: Cell, args: argparse.Namespace) -> None:
    """Train, summarize and score one cell, unless its file is there."""
    file = HERE / "cells" / f"{cell.name}.json"
    if file.exists():
        return
    print(f"== {cell.name}", flush=True)
    data, valid = prepare(cell, args)
    cost = train(cell, data, args)
    summaries, scores = args.out / f"{cell.name}.jsonl", args.out / f"{cell.name}.scores.json"
    best = ["--checkpoint", str(args.out / cell.name / "checkpoint_best.pt"), "--data", str(data)]
    log = args.out / f"{cell.name}.log"
    call(
        ["mclas", "summarize", *best, "--cpu", *GREEDY, "-i", str(valid), "-o", str(summaries)], log
    )
    files = ["--hyp", str(summaries), "--ref", str(valid), "--lang", "de", "--json", str(scores)]
    call(["mclas", "score", *files], log)
    report = json.loads(scores.read_text(encoding="utf-8"))
    keep({"cell": asdict(cell), "seed": 1, **cost, "valid": report}, file)


def main() -> None:
    """Run all cells that are not there yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, help="folder of xscitldr/")
    parser.add_argument("--ms", type=Path, help="checkpoint of the monolingual summarizer")
    parser.add_argument("--like", type=Path, help="data-bin of the triples in its dictionary")
    parser.add_argument("--only", default="", help="cells whose name holds this text")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    cells = synthetic_cells() + (xscitldr_cells() if args.data else [])
    for cell in cells:
        if args.only in cell.name:
            run(cell, args)


if __name__ == "__main__":
    sys.exit(main())

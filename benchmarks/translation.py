"""Speed and quality of `fairseq:` beside `ct2:`, in full precision and in eight bits.

    python -m benchmarks.translation --model en-de/model.pt --source-lang en --target-lang de \
        --source test.en.gz --reference test.de.gz --json translation.json

One checkpoint translates the same lines on all three, in turn, some lines at a time, so that a
machine whose speed drifts slows all; ratios are of processor time at one thread, and of wall-clock
time beside. Beam, batches and limits of length are the same. BLEU is sacrebleu's, over all lines.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from sacrebleu.metrics.bleu import BLEU

from benchmarks.common import Ratio
from mclas_fairseq import __version__
from mclas_fairseq.corpus.text_files import read_lines
from mclas_fairseq.ctranslate.library import ctranslate2
from mclas_fairseq.translators import Translator, TranslatorOptions, open_translator

# Name, kind of translator, precision; the first is what the others are compared with.
SYSTEMS = (
    ("fairseq", "fairseq", "float32"),
    ("ct2_float32", "ct2", "float32"),
    ("ct2_int8", "ct2", "int8"),
)


@dataclass
class Run:
    """One system: its translations so far, and the seconds of each group of lines."""

    translator: Translator
    texts: list[str] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def translate(self, lines: Sequence[str], *, keep: bool) -> None:
        """Translate a group of lines; the first is for warming up and not kept."""
        wall, processor = time.perf_counter(), time.process_time()
        found = self.translator.translate(lines)
        if keep:
            self.processor.append(time.process_time() - processor)
            self.wall.append(time.perf_counter() - wall)
            self.texts += [translation.text for translation in found]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="one checkpoint of fairseq's")
    parser.add_argument("--source-lang", required=True)
    parser.add_argument("--target-lang", required=True)
    parser.add_argument("--source", type=Path, required=True, help="lines, plain or .gz")
    parser.add_argument("--reference", type=Path, required=True, help="a line for each")
    parser.add_argument("--lines", type=int, help="only so many of them")
    parser.add_argument("--group", type=int, default=100, help="lines in turn (default: 100)")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the result there as well")
    return parser.parse_args()


def read(path: Path, count: int | None) -> list[str]:
    """The first lines of a file."""
    return [line for _, line in read_lines(path)][:count]


def open_systems(args: argparse.Namespace) -> dict[str, Run]:
    """Open all three, converting the checkpoint if that was not done before."""
    options = TranslatorOptions(
        args.source_lang,
        args.target_lang,
        beam=args.beam,
        batch_tokens=args.batch_tokens,
        threads=args.threads,
    )
    return {
        name: Run(open_translator(f"{kind}:{args.model}", replace(options, precision=precision)))
        for name, kind, precision in SYSTEMS
    }


def measure(args: argparse.Namespace, runs: dict[str, Run], lines: Sequence[str]) -> None:
    """Let all translate each group, beginning with another one each time."""
    names = list(runs)
    for run in runs.values():
        run.translate(lines[: args.group], keep=False)
    for number, start in enumerate(range(0, len(lines), args.group)):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            runs[name].translate(lines[start : start + args.group], keep=True)


def result(runs: dict[str, Run], references: Sequence[str]) -> dict[str, Any]:
    """Speeds, ratios, BLEU, and how many translations are the same."""
    first = runs[SYSTEMS[0][0]]
    metric = BLEU()
    found: dict[str, Any] = {}
    for name, run in runs.items():
        same = sum(a == b for a, b in zip(run.texts, first.texts, strict=True))
        found[name] = {
            "lines_per_second": round(len(run.texts) / sum(run.processor), 2),
            "lines_per_second_wall": round(len(run.texts) / sum(run.wall), 2),
            "speed_over_fairseq": Ratio(run.processor, first.processor).to_json(),
            "speed_over_fairseq_wall": Ratio(run.wall, first.wall).to_json(),
            "bleu": round(metric.corpus_score(run.texts, [references]).score, 2),
            "same_as_fairseq": round(same / len(run.texts), 4),
        }
    found["bleu_signature"] = str(metric.get_signature())
    return found


def main() -> None:
    """Measure, print JSON, and write it where --json says."""
    args = arguments()
    lines, references = read(args.source, args.lines), read(args.reference, args.lines)
    if len(lines) != len(references):
        raise SystemExit(f"--source has {len(lines)} lines, --reference {len(references)}")
    runs = open_systems(args)
    measure(args, runs, lines)
    report = {
        "benchmark": "translation",
        "version": __version__,
        "torch": torch.__version__,
        "ctranslate2": ctranslate2().__version__,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": args.threads,
        "beam": args.beam,
        "batch_tokens": args.batch_tokens,
        "lines": len(lines),
        **result(runs, references),
    }
    text = json.dumps(report, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

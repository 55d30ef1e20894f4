"""Training steps with `--translated-copying` beside plain `--copy-attention`.

    python -m benchmarks.translated_copying --work /tmp/bench --strategy adaptive --pairs 20

The same model, weights and batches in turn, in one run: random texts in a vocabulary of 8,000
(paper_lengths.py), in which every word is as frequent as any other, and a lexicon in which every
word has ten translations drawn at random, so that no candidate is spared. Seconds are of processor
time; peak memory is that of each alone, in a process of its own.
"""

import random
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks import paper_lengths
from benchmarks.common import (
    ARCHITECTURES,
    Ratio,
    mclas_command,
    own_peak_mib,
    parser,
    peak_memory_mib,
)
from benchmarks.common import report as write_report
from benchmarks.training import batches, trainer
from mclas_fairseq.lexicon.file import Lexicon
from mclas_fairseq.summarization.cross_entropy import SummaryCrossEntropy
from mclas_fairseq.summarization.model import MclasModel
from mclas_fairseq.summarization.task import (
    CrossLingualSummarizationConfig,
    CrossLingualSummarizationTask,
)
from mclas_fairseq.summarization.translating import STRATEGIES

_WARM_UP = 2
_NAMES = ("ours", "stock")
_VOCABULARY, _CANDIDATES = 8000, 10


def load(work: Path, layout: str) -> CrossLingualSummarizationTask:
    """Task with the data-bin of random texts, and beside it a lexicon, made on the first call."""
    data, _ = paper_lengths.prepare(work / "words-8000", mclas_command, _VOCABULARY)
    config = CrossLingualSummarizationConfig(data=str(data), target_layout=layout)
    task = CrossLingualSummarizationTask.setup_task(config)
    if not lexicon_file(work).exists():
        words = [word for word in task.dictionary.symbols if word.startswith("w")]
        draw = random.Random(1)
        entries = {
            word: dict.fromkeys(draw.sample(words, _CANDIDATES), 1 / _CANDIDATES) for word in words
        }
        fingerprint = task.data_bin.manifest.dictionary_sha256
        Lexicon("en", "de", fingerprint, entries).save(lexicon_file(work))
    return task


def lexicon_file(work: Path) -> Path:
    """Where the lexicon stands."""
    return work / "words-8000" / "lexicon.jsonl"


def build(
    task: CrossLingualSummarizationTask, name: str, args: Namespace
) -> Callable[[dict[str, Any]], None]:
    """One update of a system."""
    torch.manual_seed(1)
    options = Namespace(dropout=0.1, copy_attention=True)
    if name == "ours":
        options.translated_copying = args.strategy
        options.lexicon = str(lexicon_file(args.work))
    ARCHITECTURES[args.size](options)
    return trainer(MclasModel.build_model(options, task), SummaryCrossEntropy(task, False, 0.1))


def main() -> None:
    """Train both in turn and report the ratio of their speeds."""
    made = parser(__doc__ or "")
    made.add_argument("--strategy", choices=STRATEGIES, default="adaptive")
    made.add_argument("--layout", choices=("ncls", "mclas"), default="ncls")
    args = made.parse_args()
    torch.set_num_threads(args.threads)
    task = load(args.work, args.layout)
    data = batches(task, args.pairs + _WARM_UP)
    if args.memory_of:
        update = build(task, args.memory_of, args)
        for batch in data[:4]:
            update(batch)
        print(own_peak_mib())
        return
    updates = {name: build(task, name, args) for name in _NAMES}
    times: dict[str, list[float]] = {name: [] for name in _NAMES}
    for number, batch in enumerate(data):
        for name in _NAMES[:: 1 if number % 2 else -1]:
            start = time.process_time()
            updates[name](batch)
            if number >= _WARM_UP:
                times[name].append(time.process_time() - start)
    chosen = ["--strategy", args.strategy, "--layout", args.layout]
    result: dict[str, Any] = {
        "benchmark": "translated_copying",
        "strategy": args.strategy,
        "layout": args.layout,
        "vocabulary": len(task.target_dictionary),
        "seconds_ours": round(sum(times["ours"]) / len(times["ours"]), 3),
        **Ratio(times["ours"], times["stock"]).to_json(),
        **peak_memory_mib(
            args, "benchmarks.translated_copying", ["--pairs", str(args.pairs), *chosen]
        ),
    }
    write_report(args, result)


if __name__ == "__main__":
    main()

"""Training steps on a CPU with glibc's allocator told to keep memory, beside its defaults.

    python -m benchmarks.allocator --work /tmp/bench --size tiny --pairs 12

A value for each word of a batch and each entry of the vocabulary fills hundreds of MiB, which glibc
by default takes from the kernel, page by page, and gives back, several times in each step (whatever
is above 32 MiB). GLIBC_TUNABLES tells it not to. The setting is read when a process starts, so both
are processes of their own, in turn. The steps are those of benchmarks.training with
`--copy-attention`, which mixes probabilities, on random texts in a vocabulary of 50,000
(benchmarks/paper_lengths.py).
"""

import json
import os
import statistics
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch

from benchmarks import paper_lengths
from benchmarks.common import ARCHITECTURES, mclas_command, parser
from benchmarks.common import report as write_report
from benchmarks.training import batches, trainer
from mclas_fairseq.summarization.cross_entropy import SummaryCrossEntropy
from mclas_fairseq.summarization.model import MclasModel
from mclas_fairseq.summarization.task import (
    CrossLingualSummarizationConfig,
    CrossLingualSummarizationTask,
)

KEEP = (
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=8589934592:"
    "glibc.malloc.trim_threshold=17179869184"
)
_ROUNDS, _WARM_UP = 3, 3


def load(work: Path) -> CrossLingualSummarizationTask:
    """Task with the data-bin of random texts, made on the first call."""
    data, _ = paper_lengths.prepare(work / "zh2en", mclas_command)
    config = CrossLingualSummarizationConfig(data=str(data), target_layout="mclas")
    return CrossLingualSummarizationTask.setup_task(config)


def measure(args: Namespace) -> list[float]:
    """Processor seconds of each step, in this process."""
    torch.set_num_threads(args.threads)
    task = load(args.work)
    torch.manual_seed(1)
    options = Namespace(dropout=0.1, copy_attention=True)
    ARCHITECTURES[args.size](options)
    model = MclasModel.build_model(options, task)
    update = trainer(model, SummaryCrossEntropy(task, False, 0.1))
    seconds = []
    for batch in batches(task, args.pairs // _ROUNDS + _WARM_UP):
        start = time.process_time()
        update(batch)
        seconds.append(time.process_time() - start)
    return seconds[_WARM_UP:]


def in_a_process(args: Namespace, tunables: str) -> list[float]:
    """What `measure` gives in a fresh process with these tunables."""
    command = [sys.executable, "-m", "benchmarks.allocator", "--work", str(args.work), "--one"]
    command += ["--size", args.size, "--threads", str(args.threads), "--pairs", str(args.pairs)]
    environment = {**os.environ, "GLIBC_TUNABLES": tunables}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: list[float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Report how many times faster a step is with memory kept."""
    options = parser(__doc__ or "")
    options.add_argument("--one", action="store_true", help="print this process' seconds, no more")
    args = options.parse_args()
    if args.one:
        print(json.dumps(measure(args)))
        return
    vocabulary = len(load(args.work).dictionary)
    ratios: list[float] = []
    for _ in range(_ROUNDS):
        default, kept = in_a_process(args, ""), in_a_process(args, KEEP)
        ratios += [a / b for a, b in zip(default, kept, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    result: dict[str, Any] = {
        "benchmark": "allocator",
        "speed_kept_over_default": round(middle, 3),
        "quartile_low": round(low, 3),
        "quartile_high": round(high, 3),
        "pairs": len(ratios),
        "vocabulary": vocabulary,
        "tunables": KEEP,
    }
    write_report(args, result)


if __name__ == "__main__":
    main()

"""Attention heads: what ranking them costs, and what a model without some of them saves.

    python -m benchmarks.heads --work /tmp/bench --part rank --json heads_rank.json
    python -m benchmarks.heads --work /tmp/bench --part pruned --json heads_pruned.json

`rank`: the default estimator over 1,000 training documents of synthetic news, batch by batch in
turn with a plain pass of training (forward and backward, no update); seconds of the processor.
`pruned`: models without 0, 25, 50 and 75 % of their heads (evenly over all attentions), the same
batches in turn in one run: an update of training, and search with beam 5; peak memory of each alone
in a process of its own. Nothing is measured of masks, which save nothing.
"""

import argparse
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.common import ARCHITECTURES, Ratio, load_task, own_peak_mib, parser, timed
from benchmarks.common import report as write_report
from benchmarks.decoding import batches as documents
from benchmarks.training import batches as training_batches
from benchmarks.training import trainer
from mclas_fairseq.heads.importance import measure
from mclas_fairseq.heads.losses import batches
from mclas_fairseq.modules.attention_heads import attentions, take_out
from mclas_fairseq.summarization.cross_entropy import SummaryCrossEntropy
from mclas_fairseq.summarization.model import MclasModel

SHARES = (0, 25, 50, 75)
_RANKED = 1000
_TOKENS = 20  # of each summary that is searched for


def build(task: Any, size: str, share: int = 0) -> Any:
    """A random model without `share` percent of the heads of each attention."""
    torch.manual_seed(1)
    options = Namespace(dropout=0.1)
    ARCHITECTURES[size](options)
    model = MclasModel.build_model(options, task)
    gone = [
        name
        for attention in attentions(model)
        for name in attention.names[: len(attention.names) * share // 100]
    ]
    take_out(model, gone)
    return model


def rank(args: argparse.Namespace, task: Any) -> dict[str, Any]:
    """Ranking beside a plain pass of training over the same batches."""
    model = build(task, args.size)
    criterion = SummaryCrossEntropy(task, False, 0.1)

    def plain(batch: dict[str, Any]) -> None:
        model.train()
        loss, sample_size, _ = criterion(model, batch)
        (loss / sample_size).backward()
        model.zero_grad()

    runs = {
        "rank": lambda batch: measure(task, model, [batch], "gate"),
        "plain": plain,
    }
    found: dict[str, list[float]] = {name: [] for name in runs}
    data = list(batches(task, "train", documents=_RANKED, batch_size=16))
    for number, batch in enumerate([data[len(data) // 2], *data]):  # the first one warms up
        for name in list(runs)[:: 1 if number % 2 else -1]:
            seconds = timed(partial(runs[name], batch))
            if number:
                found[name].append(seconds)
    totals = {name: sum(seconds) for name, seconds in found.items()}
    quarters = Ratio(found["plain"], found["rank"]).to_json()
    return {
        "documents": sum(len(batch["target"]) for batch in data),
        "seconds_rank": round(totals["rank"], 2),
        "seconds_plain": round(totals["plain"], 2),
        "rank_over_plain": round(totals["rank"] / totals["plain"], 3),
        "by_batch_quartiles": [quarters["quartile_low"], quarters["quartile_high"]],
    }


def pruned(args: argparse.Namespace, task: Any) -> dict[str, Any]:
    """Updates and search of models without some of their heads."""
    updates = {share: _update(task, args.size, share) for share in SHARES}
    searches = {share: _search(task, args.size, share) for share in SHARES}
    found = {}
    for what, runs, data in (
        ("training", updates, training_batches(task, args.pairs + 1)),
        ("decoding", searches, documents(task, args.pairs + 1)),
    ):
        times: dict[int, list[float]] = {share: [] for share in SHARES}
        for number, batch in enumerate(data):
            for share in SHARES[:: 1 if number % 2 else -1]:
                seconds = timed(partial(runs[share], batch))
                if number:
                    times[share].append(seconds)
        for share in SHARES:
            ratio = Ratio(times[share], times[0]).to_json()
            found[f"{what}_{share}"] = {
                "seconds": round(sum(times[share]) / len(times[share]), 4),
                "speed_over_all_heads": ratio["speed_ours_over_stock"],
                "quartiles": [ratio["quartile_low"], ratio["quartile_high"]],
                "peak_memory_mib": _peak(args, what, share),
            }
    model = build(task, args.size)
    sizes = {
        share: sum(value.numel() for value in build(task, args.size, share).parameters())
        for share in SHARES
    }
    heads = sum(len(one.kept) for one in attentions(model))
    return {"heads": heads, "parameters": sizes, **found}


def _update(task: Any, size: str, share: int) -> Callable[[dict[str, Any]], None]:
    return trainer(build(task, size, share), SummaryCrossEntropy(task, False, 0.1))


def _search(task: Any, size: str, share: int) -> Callable[[dict[str, Any]], Any]:
    model = build(task, size, share).eval()
    lengths = {"max_len_a": 0.0, "max_len_b": _TOKENS, "min_len": _TOKENS}
    generator = task.build_generator([model], Namespace(beam=5, no_repeat_ngram_size=3, **lengths))
    return lambda batch: generator.generate([model], batch)


def _peak(args: argparse.Namespace, what: str, share: int) -> float:
    command = [sys.executable, "-m", "benchmarks.heads", "--work", str(args.work)]
    command += ["--size", args.size, "--threads", str(args.threads), "--peak", what, str(share)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Measure one part, and report it."""
    options = parser(__doc__ or "")
    options.add_argument("--part", choices=("rank", "pruned"), default="rank")
    options.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    args = options.parse_args()
    torch.set_num_threads(args.threads)
    task = load_task(args.work, args.vocab_size)
    if args.peak:
        what, share = args.peak
        build_run, data = (
            (_update, training_batches) if what == "training" else (_search, documents)
        )
        run = build_run(task, args.size, int(share))
        for batch in data(task, 3):
            run(batch)
        print(own_peak_mib())
        return
    found = (rank if args.part == "rank" else pruned)(args, task)
    write_report(args, {"benchmark": f"heads_{args.part}", **found})


if __name__ == "__main__":
    main()

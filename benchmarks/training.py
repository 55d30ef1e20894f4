"""Training speed and memory of MCLAS beside fairseq's stock Transformer of the same size.

    python -m benchmarks.training --work /tmp/bench --size small --threads 1 --json training.json

Both train on the same batches of synthetic news (targets `S^A [LSEP] S^B`), in turn, in one run:
ours with `summary_cross_entropy`, the stock model with `label_smoothed_cross_entropy`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from fairseq.criterions.label_smoothed_cross_entropy import LabelSmoothedCrossEntropyCriterion

from benchmarks.common import (
    Ratio,
    build_models,
    load_task,
    own_peak_mib,
    parser,
    peak_memory_mib,
    timed,
)
from benchmarks.common import report as write_report
from mclas_fairseq.summarization.cross_entropy import SummaryCrossEntropy
from mclas_fairseq.summarization.task import CrossLingualSummarizationTask

_WARM_UP = 3


def batches(task: CrossLingualSummarizationTask, count: int) -> list[dict[str, Any]]:
    """The first `count` batches of about 4,096 tokens, in random order of length."""
    task.load_dataset("train")
    iterator = task.get_batch_iterator(task.dataset("train"), max_tokens=4096, seed=1)
    found = [batch for batch in iterator.next_epoch_itr(shuffle=True)]
    return found[:count]


def trainer(model: torch.nn.Module, criterion: Any) -> Callable[[dict[str, Any]], None]:
    """One update: forward, backward, clipping, Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    model.train()

    def update(batch: dict[str, Any]) -> None:
        torch.manual_seed(1)
        loss, sample_size, _ = criterion(model, batch)
        optimizer.zero_grad()
        (loss / sample_size).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return update


def main() -> None:
    """Train both in turn and report the ratio of their speeds."""
    args = parser(__doc__ or "").parse_args()
    torch.set_num_threads(args.threads)
    task = load_task(args.work, args.vocab_size)
    ours, stock = build_models(task, args.size)
    ours_update = trainer(ours, SummaryCrossEntropy(task, False, 0.1))
    stock_update = trainer(stock, LabelSmoothedCrossEntropyCriterion(task, False, 0.1))
    data = batches(task, args.pairs + _WARM_UP)
    if args.memory_of:
        for batch in data[:5]:
            (ours_update if args.memory_of == "ours" else stock_update)(batch)
        print(own_peak_mib())
        return
    times: dict[str, list[float]] = {"ours": [], "stock": []}
    for number, batch in enumerate(data):
        # Who goes first alternates, so that neither always finds the caches warm.
        order = [("ours", ours_update), ("stock", stock_update)][:: 1 if number % 2 else -1]
        for name, update in order:
            seconds = timed(partial(update, batch))
            if number >= _WARM_UP:
                times[name].append(seconds)
    tokens = sum(batch["ntokens"] + int(batch["net_input"]["src_lengths"].sum())
                 for batch in data[_WARM_UP:])  # fmt: skip
    result: dict[str, Any] = {
        "benchmark": "training",
        **Ratio(times["ours"], times["stock"]).to_json(),
        "tokens_per_second_ours": round(tokens / sum(times["ours"])),
        "tokens_per_second_stock": round(tokens / sum(times["stock"])),
        **peak_memory_mib(args, "benchmarks.training"),
    }
    write_report(args, result)


if __name__ == "__main__":
    main()

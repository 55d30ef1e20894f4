"""Decoding speed and memory: restricted search with blocking beside fairseq's plain search.

    python -m benchmarks.decoding --work /tmp/bench --size small --threads 1 --json decoding.json

Ours restricts both summaries to their language vocabularies, forces one separator and blocks
repeated trigrams; fairseq's search on the stock model does none of it (its own blocking does
nothing without a CUDA extension). Same weights, same documents, same beam, and the same number of
steps: minimum and maximum length are equal.
"""

from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from fairseq.sequence_generator import SequenceGenerator

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
from mclas_fairseq.summarization.task import CrossLingualSummarizationTask

_WARM_UP = 1
_BATCH = 16
_BEAM = 5
_SUMMARY_TOKENS = 20  # of each summary; with the separator 41 tokens, then EOS


def batches(task: CrossLingualSummarizationTask, count: int) -> list[dict[str, Any]]:
    """`count` batches of documents, repeated where the split has fewer."""
    task.load_dataset("test")
    iterator = task.get_batch_iterator(task.dataset("test"), max_sentences=_BATCH)
    found = [batch for batch in iterator.next_epoch_itr(shuffle=False)]
    return [found[number % len(found)] for number in range(count)]


def main() -> None:
    """Decode with both in turn and report the ratio of their speeds."""
    args = parser(__doc__ or "").parse_args()
    torch.set_num_threads(args.threads)
    task = load_task(args.work, args.vocab_size)
    ours, stock = (model.eval() for model in build_models(task, args.size))
    lengths = {"max_len_a": 0.0, "max_len_b": _SUMMARY_TOKENS, "min_len": _SUMMARY_TOKENS}
    options = Namespace(beam=_BEAM, no_repeat_ngram_size=3, **lengths)
    restricted = task.build_generator([ours], options)
    steps = 2 * _SUMMARY_TOKENS + 1
    plain = SequenceGenerator(
        [stock], task.target_dictionary, beam_size=_BEAM, max_len_b=steps, min_len=steps
    )
    data = batches(task, args.pairs + _WARM_UP)
    runs: dict[str, Callable[[dict[str, Any]], Any]] = {
        "ours": lambda batch: restricted.generate([ours], batch),
        "stock": lambda batch: plain.generate([stock], batch),
    }
    if args.memory_of:
        for batch in data[:3]:
            runs[args.memory_of](batch)
        print(own_peak_mib())
        return
    times: dict[str, list[float]] = {"ours": [], "stock": []}
    for number, batch in enumerate(data):
        for name in ("ours", "stock") if number % 2 else ("stock", "ours"):
            seconds = timed(partial(runs[name], batch))
            if number >= _WARM_UP:
                times[name].append(seconds)
    lengths_seen = {len(h["tokens"]) for hyps in runs["ours"](data[0]) for h in hyps}
    assert lengths_seen == {steps + 1}, lengths_seen
    documents = _BATCH * len(times["ours"])
    result: dict[str, Any] = {
        "benchmark": "decoding",
        **Ratio(times["ours"], times["stock"]).to_json(),
        "documents_per_second_ours": round(documents / sum(times["ours"]), 2),
        "documents_per_second_stock": round(documents / sum(times["stock"]), 2),
        "steps": steps + 1,
        "beam": _BEAM,
        "vocabulary": len(task.target_dictionary),
        **peak_memory_mib(args, "benchmarks.decoding"),
    }
    write_report(args, result)


if __name__ == "__main__":
    main()

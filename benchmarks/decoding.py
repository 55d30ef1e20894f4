"""Decoding speed and memory: restricted search with blocking beside fairseq's plain search.

    python -m benchmarks.decoding --work /tmp/bench --size small --threads 1 --json decoding.json
    python -m benchmarks.decoding --work /tmp/bench --parts --batch-size 4

Ours restricts both summaries to their language vocabularies, forces one separator and blocks
repeated trigrams; fairseq's search on the stock model does none of it (its own blocking does
nothing without a CUDA extension). Same weights, same documents, same beam, and the same number of
steps: minimum and maximum length are equal. `--parts` decodes each batch also with one of ours left
out: what the ratio depends on.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
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
from mclas_fairseq.generation.search_call import ALL_SHORTCUTS, Shortcuts
from mclas_fairseq.summarization.task import CrossLingualSummarizationTask

_WARM_UP = 1
_BEAM = 5
_SUMMARY_TOKENS = 20  # of each summary
_STEPS = 2 * _SUMMARY_TOKENS + 1  # with the separator; then EOS


Run = Callable[[dict[str, Any]], Any]


def batches(
    task: CrossLingualSummarizationTask, count: int, documents: int = 16
) -> list[dict[str, Any]]:
    """`count` batches of some documents each, repeated where the split has fewer."""
    task.load_dataset("test")
    iterator = task.get_batch_iterator(task.dataset("test"), max_sentences=documents)
    found = [batch for batch in iterator.next_epoch_itr(shuffle=False)]
    return [found[number % len(found)] for number in range(count)]


def systems(
    task: CrossLingualSummarizationTask, ours: Any, stock: Any, *, parts: bool
) -> dict[str, Run]:
    """Searches by name; with `parts` also ours with one thing left out at a time."""
    lengths = {"max_len_a": 0.0, "max_len_b": _SUMMARY_TOKENS, "min_len": _SUMMARY_TOKENS}
    options = Namespace(beam=_BEAM, no_repeat_ngram_size=3, **lengths)
    plain = SequenceGenerator(
        [stock], task.target_dictionary, beam_size=_BEAM, max_len_b=_STEPS, min_len=_STEPS
    )

    def search(**changes: Any) -> Run:
        extra = {"shortcuts": changes.pop("shortcuts", ALL_SHORTCUTS)}
        given = Namespace(**{**vars(options), **changes})
        generator = task.build_generator([ours], given, extra_gen_cls_kwargs=extra)
        return lambda batch: generator.generate([ours], batch)

    runs: dict[str, Run] = {"ours": search(), "stock": lambda batch: plain.generate([stock], batch)}
    if parts:
        runs |= {
            "without blocking": search(no_repeat_ngram_size=0),
            "with all logits, masked": search(shortcuts=Shortcuts(allowed_only=False)),
            "with a document for each hypothesis": search(
                shortcuts=Shortcuts(documents_once=False)
            ),
        }
    return runs


def measure(runs: Mapping[str, Run], data: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Seconds of each system for each batch, in an order that turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number, batch in enumerate(data):
        for name in list(runs) if number % 2 else reversed(list(runs)):
            seconds = timed(partial(runs[name], batch))
            if number >= _WARM_UP:
                times[name].append(seconds)
    return times


def main() -> None:
    """Decode with both in turn and report the ratio of their speeds."""
    made = parser(__doc__ or "")
    made.add_argument("--batch-size", type=int, default=16, metavar="N", help="documents (16)")
    made.add_argument("--parts", action="store_true", help="show what the ratio depends on")
    args = made.parse_args()
    torch.set_num_threads(args.threads)
    task = load_task(args.work, args.vocab_size)
    ours, stock = (model.eval() for model in build_models(task, args.size))
    runs = systems(task, ours, stock, parts=args.parts)
    data = batches(task, args.pairs + _WARM_UP, args.batch_size)
    if args.memory_of:
        for batch in data[:3]:
            runs[args.memory_of](batch)
        print(own_peak_mib())
        return
    times = measure(runs, data)
    lengths_seen = {len(h["tokens"]) for hyps in runs["ours"](data[0]) for h in hyps}
    assert lengths_seen == {_STEPS + 1}, lengths_seen
    documents = args.batch_size * args.pairs
    result: dict[str, Any] = {
        "benchmark": "decoding",
        **Ratio(times["ours"], times["stock"]).to_json(),
        **{name: Ratio(times[name], times["stock"]).to_json() for name in list(runs)[2:]},
        "documents_per_second_ours": round(documents / sum(times["ours"]), 2),
        "documents_per_second_stock": round(documents / sum(times["stock"]), 2),
        "steps": _STEPS + 1,
        "beam": _BEAM,
        "batch_size": args.batch_size,
        "vocabulary": len(task.target_dictionary),
        **peak_memory_mib(args, "benchmarks.decoding", [f"--batch-size={args.batch_size}"]),
    }
    write_report(args, result)


if __name__ == "__main__":
    main()

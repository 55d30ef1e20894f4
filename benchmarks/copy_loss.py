"""Training with `--copy-attention`: the loss a few rows at a time, or the table written out.

    python -m benchmarks.copy_loss --work /tmp/bench --size tiny --pairs 12 --json copy_loss.json

The same model, weights and batches (random texts in a vocabulary of 50,000, paper_lengths.py),
in turn, in one run: once with `modules/copy_loss.py` on target tokens, once with the mixture's
log-probabilities at all positions, padding included, and fairseq's label-smoothed loss of them.
Seconds are of processor time; peak memory is that of each alone, in a process of its own.
"""

import time
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.allocator import load
from benchmarks.common import ARCHITECTURES, Ratio, own_peak_mib, parser, peak_memory_mib
from benchmarks.common import report as write_report
from benchmarks.training import batches, trainer
from mclas_fairseq.modules.softmax_loss import Smoothing
from mclas_fairseq.summarization.cross_entropy import SummaryCrossEntropy
from mclas_fairseq.summarization.model import MclasModel
from mclas_fairseq.summarization.smoothed import of_log_probs
from mclas_fairseq.summarization.task import CrossLingualSummarizationTask

_WARM_UP = 2
_NAMES = ("ours", "stock")


class WrittenOut(SummaryCrossEntropy):
    """The criterion that writes the probabilities of all positions down and looks them up."""

    def _target_masks(self, model: Any, sample: dict[str, Any]) -> dict[str, Tensor]:
        return {}

    def _by_token(
        self, model: Any, net_output: Any, sample: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        log_probs, target = self.get_lprobs_and_target(model, net_output, sample)
        return of_log_probs(log_probs, target, Smoothing(self.eps, self.padding_idx))


def build(task: CrossLingualSummarizationTask, name: str, size: str) -> Callable[[Any], None]:
    """One update of a system."""
    torch.manual_seed(1)
    options = Namespace(dropout=0.1, copy_attention=True)
    ARCHITECTURES[size](options)
    criterion = SummaryCrossEntropy if name == "ours" else WrittenOut
    return trainer(MclasModel.build_model(options, task), criterion(task, False, 0.1))


def main() -> None:
    """Train both in turn and report the ratio of their speeds."""
    args = parser(__doc__ or "").parse_args()
    torch.set_num_threads(args.threads)
    task = load(args.work)
    data = batches(task, args.pairs + _WARM_UP)
    if args.memory_of:
        update = build(task, args.memory_of, args.size)
        for batch in data[:4]:
            update(batch)
        print(own_peak_mib())
        return
    updates = {name: build(task, name, args.size) for name in _NAMES}
    times: dict[str, list[float]] = {name: [] for name in _NAMES}
    for number, batch in enumerate(data):
        for name in _NAMES[:: 1 if number % 2 else -1]:
            start = time.process_time()
            updates[name](batch)
            if number >= _WARM_UP:
                times[name].append(time.process_time() - start)
    flags = ["--pairs", str(args.pairs)]
    result: dict[str, Any] = {
        "benchmark": "copy_loss",
        "vocabulary": len(task.target_dictionary),
        **Ratio(times["ours"], times["stock"]).to_json(),
        **peak_memory_mib(args, "benchmarks.copy_loss", flags),
    }
    write_report(args, result)


if __name__ == "__main__":
    main()

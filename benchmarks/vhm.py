"""Training steps and decoding of VHM beside MT-MS-CLS, which is VHM without latent variables.

    python -m benchmarks.vhm --work /tmp/bench --size small --threads 1 --json vhm.json
    python -m benchmarks.vhm --work /tmp/bench --size base --texts zh2en --pairs 8

Both take the same updates (a batch each of MT, MS and CLS; synthetic news, or with --texts zh2en
random texts as long as the paper's, in a vocabulary of 50,000), the same updates with
the CLS batch alone, which is what Tables 2 and 3 of Liang et al. (2022) time ("the 100-batch
cross-lingual summarization task"), and decode the same documents (beam 4, as many steps for both),
in turn, in one run. Targets: 1.10 times the time of MT-MS-CLS for a step (the paper: 1.125), 1.03
times for decoding.
"""

from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from fairseq.models import ARCH_CONFIG_REGISTRY

import mclas_fairseq
from benchmarks import paper_lengths
from benchmarks.common import Ratio, mclas_command, own_peak_mib, parser, peak_memory_mib, timed
from benchmarks.common import report as write_report
from benchmarks.training import trainer
from mclas_fairseq.vhm.elbo import VhmElbo, VhmElboConfig
from mclas_fairseq.vhm.task import (
    MultitaskSummarizationConfig,
    MultitaskSummarizationTask,
)

_WARM_UP = 3
_BEAM, _LENGTH, _DOCUMENTS = 4, 30, 32
_STEP_TARGET, _DECODING_TARGET = 1.10, 1.03
SYSTEMS = {"ours": "vhm", "stock": "mt_ms_cls"}


def load(work: Path, texts: str, vocab_size: int) -> MultitaskSummarizationTask:
    """Task with data-bins of either kind of texts, all with MT, MS, CLS and tags."""
    if texts == "zh2en":
        cls, mt = paper_lengths.prepare(work / "zh2en", mclas_command)
        return _task(cls, mt)
    return _task(_news(work, vocab_size))


def _task(data: Path, mt_data: Path | None = None) -> MultitaskSummarizationTask:
    mt = None if mt_data is None else str(mt_data)
    config = MultitaskSummarizationConfig(seed=1, save_dir="", data=str(data), mt_data=mt)
    task = MultitaskSummarizationTask.setup_task(config)
    assert isinstance(task, MultitaskSummarizationTask)
    return task


def _news(work: Path, vocab_size: int) -> Path:
    """Data-bin of synthetic news (hard), made on the first call."""
    folder = work / "multitask-bin"
    if not (folder / "manifest.json").exists():
        news = work / "multitask-news"
        size = f"--setting hard --train 2000 --valid 10 --test 300 --out {news} --overwrite"
        files = f"--train {news}/train.jsonl --valid {news}/valid.jsonl --test {news}/test.jsonl"
        flags = "--source-lang en --target-lang de --tokenizer words --task-tags --overwrite"
        mclas_command(["synthetic", *size.split()])
        mclas_command(["prepare", *files.split(), *flags.split(), f"--vocab-size={vocab_size}",
                "--out", str(folder)])  # fmt: skip
    return folder


def build_model(task: MultitaskSummarizationTask, architecture: str) -> torch.nn.Module:
    """A model with random weights, those that both have alike."""
    torch.manual_seed(1)
    args = Namespace(arch=architecture, _name=architecture, dropout=0.1)
    ARCH_CONFIG_REGISTRY[architecture](args)
    model: torch.nn.Module = task.build_model(args)
    return model


def updates(task: MultitaskSummarizationTask, count: int, max_tokens: int) -> list[dict[str, Any]]:
    """The first batches of an epoch, in random order of length."""
    task.load_dataset("train", epoch=1)
    iterator = task.get_batch_iterator(task.dataset("train"), max_tokens=max_tokens, seed=1)
    found = [batch for batch in iterator.next_epoch_itr(shuffle=True)]
    return [found[number % len(found)] for number in range(count)]


def documents(task: MultitaskSummarizationTask, count: int) -> list[dict[str, Any]]:
    """Batches of test documents, some of them several times over if need be."""
    task.load_dataset("test")
    iterator = task.get_batch_iterator(task.dataset("test"), max_sentences=_DOCUMENTS)
    found = [batch for batch in iterator.next_epoch_itr(shuffle=False)]
    return [found[number % len(found)] for number in range(count)]


def in_turn(
    runs: dict[str, Callable[[dict[str, Any]], Any]], batches: Sequence[dict[str, Any]]
) -> Ratio:
    """Seconds of both systems for each batch; who goes first alternates."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number, batch in enumerate(batches):
        for name in list(runs)[:: 1 if number % 2 else -1]:
            seconds = timed(partial(runs[name], batch))
            if number >= _WARM_UP:
                times[name].append(seconds)
    return Ratio(times["ours"], times["stock"])


def as_times(ratio: Ratio, target: float) -> dict[str, Any]:
    """Time of VHM over that of MT-MS-CLS: median of the pairs with quartiles."""
    speed = ratio.to_json()
    return {
        "time_vhm_over_mt_ms_cls": round(1 / speed["speed_ours_over_stock"], 4),
        "quartile_low": round(1 / speed["quartile_high"], 4),
        "quartile_high": round(1 / speed["quartile_low"], 4),
        "of_total_time": round(1 / speed["of_total_time"], 4),
        "pairs": speed["pairs"],
        "target": target,
        "seconds_vhm": round(sum(ratio.ours) / len(ratio.ours), 4),
        "seconds_mt_ms_cls": round(sum(ratio.stock) / len(ratio.stock), 4),
    }


def main() -> None:
    """Measure both and report the ratios of their times."""
    options = parser(__doc__ or "")
    options.add_argument("--max-tokens", type=int, default=2048, help="of a task's batch")
    options.add_argument("--texts", choices=("news", "zh2en"), default="news")
    args = options.parse_args()
    torch.set_num_threads(args.threads)
    mclas_fairseq.register()
    task = load(args.work, args.texts, args.vocab_size)
    config = VhmElboConfig(
        label_smoothing=0.1, kl_annealing="constant", seed=1, max_update=1, sentence_avg=False
    )
    models = {name: build_model(task, f"{arch}_{args.size}") for name, arch in SYSTEMS.items()}
    steps = {name: trainer(model, VhmElbo(config, task)) for name, model in models.items()}
    data = updates(task, args.pairs + _WARM_UP, args.max_tokens)
    if args.memory_of:
        for batch in data[:5]:
            steps[args.memory_of](batch)
        print(own_peak_mib())
        return
    training = in_turn(steps, data)
    of_cls = in_turn(steps, [{"cls": batch["cls"]} for batch in data])
    lengths = {"min_len": _LENGTH, "max_len_b": _LENGTH}
    search = Namespace(beam=_BEAM, no_repeat_ngram_size=0, **lengths)
    decoders: dict[str, Callable[[dict[str, Any]], Any]] = {}
    for name, model in models.items():
        generator = task.build_generator([model.eval()], search)
        decoders[name] = partial(generator.generate, [model])
    decoding = in_turn(decoders, documents(task, args.pairs + _WARM_UP))
    same = ["--texts", args.texts, "--max-tokens", str(args.max_tokens)]
    counts = {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}
    result: dict[str, Any] = {
        "benchmark": "vhm",
        "texts": args.texts,
        "training_step": as_times(training, _STEP_TARGET),
        "training_step_of_cls": as_times(of_cls, _STEP_TARGET),
        "decoding": as_times(decoding, _DECODING_TARGET),
        "max_tokens": args.max_tokens,
        "beam": _BEAM,
        "vocabulary": len(task.dictionary),
        "parameters_vhm": counts["ours"],
        "parameters_mt_ms_cls": counts["stock"],
        **peak_memory_mib(args, "benchmarks.vhm", same),
    }
    write_report(args, result)


if __name__ == "__main__":
    main()

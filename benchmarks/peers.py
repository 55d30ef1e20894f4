"""Ours, stock fairseq and Hugging Face's EncoderDecoderModel side by side, at the paper's size.

    python -m benchmarks.peers decoding --pairs 3 --json peers_decoding.json
    python -m benchmarks.peers end_to_end --pairs 3 --json peers_end_to_end.json
    python -m benchmarks.peers training --pairs 5 --json peers_training.json

Random weights of the same sizes (encoder 12 layers, decoder 6, 105,879 entries, one embedding for
all), the same documents, beam and number of steps; all in one run, in turn. `decoding` is the
search with stored encoder outputs, `end_to_end` has the encoder in it, `training` is one update:
forward, backward, clipping, Adam. Ours decodes under its grammar over two lists of 25,000 entries,
the others over everything. Seconds are of processor time; ratios are pair by pair. Peak memory is
that of each system alone, in a process of its own.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import transformers
from fairseq.criterions.label_smoothed_cross_entropy import LabelSmoothedCrossEntropyCriterion
from fairseq.sequence_generator import SequenceGenerator

from benchmarks import hugging_face
from benchmarks.common import Ratio, own_peak_mib, timed
from benchmarks.paper_size import Sizes, StoredEncoder, World
from mclas_fairseq import __version__
from mclas_fairseq.modules.emulated_bf16 import processor_has_bf16
from mclas_fairseq.summarization.cross_entropy import SummaryCrossEntropy

Run = Callable[[dict[str, Any]], Any]

SYSTEMS = {
    "decoding": ("ours", "ours_bf16", "stock", "hugging_face", "hugging_face_bf16"),
    "end_to_end": ("ours", "ours_bf16", "stock", "hugging_face", "hugging_face_bf16"),
    "training": ("ours", "stock", "hugging_face"),
}
_TRAINING_BATCH = 2
# Updates that are not counted; a search is long enough for its first step not to matter.
_WARM_UP = {"decoding": 0, "end_to_end": 0, "training": 1}


def arguments() -> argparse.Namespace:
    """Options of this benchmark."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("what", choices=list(SYSTEMS))
    made.add_argument(
        "--systems",
        nargs="+",
        help="only these (default: all; those in bf16 if the processor has it)",
    )
    made.add_argument("--pairs", type=int, default=3, help="rounds of all systems (default: 3)")
    made.add_argument("--steps", type=int, default=40, help="steps of a search (default: 40)")
    made.add_argument("--batch", type=int, help="documents (default: 16, training 2)")
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--no-memory", action="store_true", help="leave peak memory out")
    made.add_argument("--json", type=Path, help="write the result there as well")
    made.add_argument("--memory-of", help=argparse.SUPPRESS)
    return made.parse_args()


def default_systems(what: str) -> list[str]:
    """All systems, without those in bf16 where the processor has none."""
    return [name for name in SYSTEMS[what] if processor_has_bf16() or not name.endswith("_bf16")]


def searching(world: World, system: str, *, stored: bool) -> Run:
    """One search of a batch by a system, with its encoder or with stored output."""
    kind = torch.bfloat16 if system.endswith("_bf16") else torch.float32
    if system.startswith("hugging_face"):
        peer = hugging_face.build(world).to(kind)
        if not stored:
            return lambda batch: hugging_face.generate(
                world, peer, hugging_face.source(world, batch)
            )
        output = hugging_face.stored_output(world, peer)

        def decode(batch: dict[str, Any]) -> Any:
            mask = hugging_face.source(world, batch)["attention_mask"]
            copied = type(output)(last_hidden_state=output.last_hidden_state)
            inputs = {"encoder_outputs": copied, "attention_mask": mask}
            return hugging_face.generate(world, peer, inputs)

        return decode
    model = (world.stock() if system == "stock" else world.ours()).eval()
    if stored:
        model.encoder = StoredEncoder(world.dictionary, world.sizes)
    model = model.to(kind)
    if system != "stock":
        search = world.generator(model)
        return lambda batch: search.generate(None, batch)
    steps = world.sizes.steps - 1  # and EOS
    plain = SequenceGenerator(
        [model], world.dictionary, beam_size=world.sizes.beam, max_len_b=steps, min_len=steps
    )
    return lambda batch: plain.generate([model], batch)


def training(world: World, system: str) -> Run:
    """One update of a system on a batch; cross-entropy of the same targets."""
    torch.manual_seed(1)
    built = {"ours": world.ours, "stock": world.stock, "hugging_face": None}[system]
    model = hugging_face.build(world) if built is None else built()
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    task = SimpleNamespace(
        target_dictionary=world.dictionary,
        summary_masks=lambda target: {"cls": torch.ones_like(target, dtype=torch.bool)},
    )
    criteria = {"ours": SummaryCrossEntropy, "stock": LabelSmoothedCrossEntropyCriterion}

    def loss(batch: dict[str, Any]) -> Any:
        if system == "hugging_face":
            inputs = hugging_face.source(world, batch)
            return model(**inputs, labels=batch["target"]).loss
        total, size, _ = criteria[system](task, False, 0.1)(model, batch)
        return total / size

    def update(batch: dict[str, Any]) -> None:
        optimizer.zero_grad()
        loss(batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return update


def with_target(world: World, sample: dict[str, Any], seed: int) -> dict[str, Any]:
    """A batch with random targets of `sizes.steps` tokens, EOS counted."""
    draws, dictionary = torch.Generator().manual_seed(seed), world.dictionary
    shape = (world.sizes.batch, world.sizes.steps)
    target = torch.randint(dictionary.nspecial, world.separator, shape, generator=draws)
    target[:, world.sizes.summary] = world.separator
    target[:, -1] = dictionary.eos()
    inputs = torch.cat([target.new_full((shape[0], 1), dictionary.bos()), target[:, :-1]], dim=1)
    net_input = {**sample["net_input"], "prev_output_tokens": inputs}
    return {
        **sample,
        "id": torch.arange(shape[0]),
        "net_input": net_input,
        "target": target,
        "ntokens": target.numel(),
        "nsentences": shape[0],
    }


def build(world: World, what: str, system: str) -> Run:
    """What is measured of a system."""
    if what == "training":
        return training(world, system)
    return searching(world, system, stored=what == "decoding")


def batches(world: World, count: int) -> list[dict[str, Any]]:
    """Batches with sources and targets."""
    return [with_target(world, world.sample(number), number) for number in range(count)]


def measure(
    runs: dict[str, Run], data: Sequence[dict[str, Any]], warm_up: int
) -> dict[str, list[float]]:
    """Processor seconds of each system for each batch, in turn, after a number of batches."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for number, batch in enumerate(data):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            seconds = timed(partial(runs[name], batch))
            if number >= warm_up:
                times[name].append(seconds)
    return times


def peak_memory(args: argparse.Namespace, system: str) -> float:
    """Peak resident memory of one system in a process of its own, in MiB."""
    command = [sys.executable, "-m", "benchmarks.peers", args.what, "--memory-of", system]
    command += ["--steps", "4", "--batch", str(args.batch), "--threads", str(args.threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def summarize(
    world: World, times: dict[str, list[float]], memory: dict[str, float]
) -> dict[str, Any]:
    """Speeds of each system, and of ours over each."""
    found: dict[str, Any] = {}
    sizes = world.sizes
    for name, seconds in times.items():
        documents = sizes.batch * len(seconds)
        found[name] = {
            "sentences_per_second": round(documents / sum(seconds), 3),
            "tokens_per_second": round(documents * sizes.steps / sum(seconds), 1),
            **({"peak_memory_mib": memory[name]} if name in memory else {}),
        }
    for ours in ("ours", "ours_bf16"):
        for name in times:
            if ours in times and not name.startswith("ours"):
                ratio = Ratio(times[ours], times[name]).to_json()
                found[f"speed_of_{ours}_over_{name}"] = {
                    "median": ratio["speed_ours_over_stock"],
                    **{key: ratio[key] for key in ("quartile_low", "quartile_high", "pairs")},
                }
    return found


def main() -> None:
    """Measure, print JSON, and write it where --json says."""
    args = arguments()
    torch.set_num_threads(args.threads)
    args.batch = args.batch or (_TRAINING_BATCH if args.what == "training" else Sizes.batch)
    world = World.make(replace(Sizes(steps=args.steps), batch=args.batch))
    if args.memory_of:
        build(world, args.what, args.memory_of)(batches(world, 1)[0])
        print(own_peak_mib())
        return
    systems = args.systems or default_systems(args.what)
    memory = {} if args.no_memory else {name: peak_memory(args, name) for name in systems}
    runs = {name: build(world, args.what, name) for name in systems}
    warm_up = _WARM_UP[args.what]
    times = measure(runs, batches(world, args.pairs + warm_up), warm_up)
    report = {
        "benchmark": f"peers, {args.what}",
        "version": __version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": args.threads,
        "left_out": [name for name in SYSTEMS[args.what] if name not in systems],
        **vars(world.sizes),
        **summarize(world, times, memory),
    }
    text = json.dumps(report, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

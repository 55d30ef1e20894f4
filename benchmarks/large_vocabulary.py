"""Decoding over a large vocabulary: what is left out, beside masking everything.

    python -m benchmarks.large_vocabulary --pairs 5 --json large_vocabulary.json

A decoder of the paper's size with random weights (105,879 entries, two lists of 25,000) decodes the
same documents in turn: once with the output projection over the allowed entries alone and the
documents' keys and values kept once per document, once with the whole projection masked and
everything kept once per hypothesis; each of the two shortcuts alone as well. The encoder's output
is stored, so that decoding steps alone are measured, the gathering of weights included. Ratios are
of processor time. The hypotheses are compared: same tokens, largest difference of a score.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.common import Ratio
from benchmarks.paper_size import Sizes, StoredEncoder, World
from mclas_fairseq import __version__
from mclas_fairseq.generation.search_call import Shortcuts

SYSTEMS = {
    "both": Shortcuts(),
    "allowed_only": Shortcuts(documents_once=False),
    "documents_once": Shortcuts(allowed_only=False),
    "masked": Shortcuts(allowed_only=False, documents_once=False),
}

Hypotheses = list[tuple[list[int], float]]


def arguments() -> argparse.Namespace:
    """Options of this benchmark."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--pairs", type=int, default=3, help="rounds of all systems (default: 3)")
    made.add_argument("--steps", type=int, default=40, help="steps of a search (default: 40)")
    made.add_argument("--bf16", action="store_true", help="weights in bf16")
    made.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--json", type=Path, help="write the result there as well")
    return made.parse_args()


def build(world: World, *, bf16: bool) -> Any:
    """The model, with an encoder that takes no time."""
    model = world.ours().eval()
    model.encoder = StoredEncoder(world.dictionary, world.sizes)
    return model.to(torch.bfloat16) if bf16 else model


def measure(
    world: World, model: Any, rounds: int, systems: list[str]
) -> tuple[dict[str, list[float]], dict[str, Hypotheses]]:
    """Processor seconds of a search by each system, in turn, and what the last one found."""
    searches = {name: world.generator(model, SYSTEMS[name]) for name in systems}
    times: dict[str, list[float]] = {name: [] for name in systems}
    found: dict[str, Hypotheses] = {}
    for number in range(rounds):
        sample = world.sample(number)
        turn = number % len(systems)
        for name in systems[turn:] + systems[:turn]:
            start = time.process_time()
            hypotheses = searches[name].generate(None, sample)
            times[name].append(time.process_time() - start)
            best = [one[0] for one in hypotheses]
            assert {len(one["tokens"]) for one in best} == {world.sizes.steps}
            found[name] = [(one["tokens"].tolist(), float(one["score"])) for one in best]
    return times, found


def compare(found: Hypotheses, expected: Hypotheses) -> dict[str, float]:
    """How many best hypotheses are the same, and how far their scores are apart."""
    pairs = list(zip(found, expected, strict=True))
    return {
        "same_hypotheses": sum(one[0] == other[0] for one, other in pairs) / len(pairs),
        "largest_score_difference": max(abs(one[1] - other[1]) for one, other in pairs),
    }


def main() -> None:
    """Measure, print JSON, and write it where --json says."""
    args = arguments()
    torch.set_num_threads(args.threads)
    world = World.make(Sizes(steps=args.steps))
    model = build(world, bf16=args.bf16)
    times, found = measure(world, model, args.pairs, args.systems)
    result: dict[str, Any] = {}
    for name in args.systems:
        result[name] = {"seconds_per_step": round(min(times[name]) / world.sizes.steps, 4)}
        if "masked" in times and name != "masked":
            result[name] |= {
                "speed_over_masked": Ratio(times[name], times["masked"]).to_json(),
                **compare(found[name], found["masked"]),
            }
    report = {
        "benchmark": "large_vocabulary",
        "version": __version__,
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": args.threads,
        "precision": "bf16" if args.bf16 else "fp32",
        **vars(world.sizes),
        **result,
    }
    text = json.dumps(report, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

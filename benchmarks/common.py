"""What several benchmarks share: a corpus, models of the same size, and timing side by side.

Speed is reported as a ratio of two systems that run in turn in the same process, step by step, so
that a machine whose speed drifts slows both; single times are given for orientation only.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from fairseq.models.transformer import TransformerModel

from mclas_fairseq import __version__
from mclas_fairseq.cli import main as mclas
from mclas_fairseq.summarization import model as architectures
from mclas_fairseq.summarization.task import (
    CrossLingualSummarizationConfig,
    CrossLingualSummarizationTask,
)

ARCHITECTURES: dict[str, Callable[[Namespace], None]] = {
    "tiny": architectures.mclas_tiny,
    "small": architectures.mclas_small,
    "base": architectures.mclas_base,
}


@dataclass(frozen=True)
class Ratio:
    """Seconds of two systems for the same step, pair by pair."""

    ours: Sequence[float]
    stock: Sequence[float]

    def to_json(self) -> dict[str, float]:
        """Speed of ours over stock: median of the pairs' ratios with their quartiles."""
        ratios = sorted(b / a for a, b in zip(self.ours, self.stock, strict=True))
        low, middle, high = statistics.quantiles(ratios, n=4)
        return {
            "speed_ours_over_stock": round(middle, 4),
            "quartile_low": round(low, 4),
            "quartile_high": round(high, 4),
            "of_total_time": round(sum(self.stock) / sum(self.ours), 4),
            "pairs": len(ratios),
        }


def parser(description: str) -> argparse.ArgumentParser:
    """Options of every benchmark."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--work", type=Path, required=True, help="folder for corpus and data-bin")
    made.add_argument("--size", choices=sorted(ARCHITECTURES), default="small")
    made.add_argument("--vocab-size", type=int, default=4000)
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--pairs", type=int, default=30, help="pairs of steps (default: 30)")
    made.add_argument("--json", type=Path, help="write the result there as well")
    made.add_argument("--memory-of", choices=("ours", "stock"), help=argparse.SUPPRESS)
    return made


def load_task(work: Path, vocab_size: int) -> CrossLingualSummarizationTask:
    """Task with a data-bin of synthetic news (hard), made on the first call."""
    if not (work / "data-bin" / "manifest.json").exists():
        sizes = "--setting hard --train 4000 --valid 10 --test 200 --overwrite"
        mclas_command(["synthetic", *sizes.split(), "--out", str(work / "news")])
        files = [f"{work}/news/{split}.jsonl" for split in ("train", "valid", "test")]
        mclas_command(["prepare", "--source-lang", "en", "--target-lang", "de", "--train", files[0],
                "--valid", files[1], "--test", files[2], "--vocab-size", str(vocab_size),
                "--tokenizer", "words", "--out", f"{work}/data-bin", "--overwrite"])  # fmt: skip
    config = CrossLingualSummarizationConfig(data=str(work / "data-bin"), target_layout="mclas")
    return CrossLingualSummarizationTask.setup_task(config)


def build_models(
    task: CrossLingualSummarizationTask, size: str
) -> tuple[torch.nn.Module, torch.nn.Module]:
    """MCLAS and fairseq's stock Transformer, same sizes, same random weights."""
    torch.manual_seed(1)
    args = Namespace(dropout=0.1)
    ARCHITECTURES[size](args)
    ours = architectures.MclasModel.build_model(args, task)
    stock = TransformerModel.build_model(args, task)
    weights = {k: v for k, v in ours.state_dict().items() if k != "dictionary_fingerprint"}
    stock.load_state_dict(weights)
    return ours, stock


def timed(step: Callable[[], Any]) -> float:
    """Processor seconds of one step, of all threads: other work on the machine counts for less."""
    start = time.process_time()
    step()
    return time.process_time() - start


def peak_memory_mib(
    arguments: argparse.Namespace, module: str, flags: Sequence[str] = ()
) -> dict[str, float]:
    """Peak resident memory of each system alone, in a process of its own; flags of its own too."""
    found = {}
    for system in ("ours", "stock"):
        command = [sys.executable, "-m", module, "--work", str(arguments.work)]
        command += ["--memory-of", system, "--size", arguments.size]
        command += ["--threads", str(arguments.threads), *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[f"peak_memory_{system}_mib"] = float(done.stdout.strip().splitlines()[-1])
    return found


def own_peak_mib() -> float:
    """Peak resident memory of this process.

    From /proc, as getrusage also counts what the parent held when it started this process.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return round(int(line.split()[1]) / 1024, 1)


def report(arguments: argparse.Namespace, result: dict[str, Any]) -> None:
    """Print the result, and write it where --json says."""
    full = {
        "version": __version__,
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": arguments.threads,
        **({"size": arguments.size} if "size" in arguments else {}),
        **result,
    }
    text = json.dumps(full, indent=2)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n", encoding="utf-8")


def mclas_command(command: Sequence[str]) -> None:
    """Run `mclas`; ends the benchmark when it fails."""
    if mclas(list(command)) != 0:
        raise SystemExit(f"mclas {command[0]} failed")

"""Training by `--bf16` on a CPU beside an earlier version: tokens a second, memory over updates.

    git worktree add ../earlier v0.1.0
    python -m benchmarks.bf16_training --before ../earlier --data data-bin --updates 200

Each version runs `fairseq-train` with `mclas_small` and 4,096 tokens a batch in a process of its
own, in turn, one thread each, on the same data-bin (layout `mclas`, so with both summaries). Make
it with the earlier version's `mclas prepare`: an earlier version refuses a later format. Speed is
target tokens by processor second, by tens of updates, the start left out; memory is what is
resident at each tenth update, before memory is given back, and the most at any time (VmHWM).
Losses must agree to 2 %.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mclas_fairseq import __version__

_PROGRAM = (
    "import sys; sys.argv[0] = 'fairseq-train'; from fairseq_cli.train import cli_main; cli_main()"
)
_STEP = re.compile(r"\{.*\"num_updates\".*\}")
_INTERVAL = 10
_TICKS = os.sysconf("SC_CLK_TCK")
_LARGEST_DIFFERENCE = 0.02


@dataclass
class Run:
    """One training, by every tenth update.

    Attributes:
        tokens: target tokens since the line before.
        seconds: of the processor since the line before.
        resident: MiB.
        losses: of the updates since the line before.
        peak: MiB, the most that was resident at any time up to the last line.
    """

    tokens: list[float]
    seconds: list[float]
    resident: list[float]
    losses: list[float]
    peak: float = 0.0

    @property
    def speed(self) -> float:
        """Target tokens by processor second, from the second line on."""
        return sum(self.tokens[1:]) / sum(self.seconds[1:])


def train(version: Path, data: Path, updates: int, save: Path, *more: str) -> Run:
    """Run fairseq-train with the version in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(version), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-u", "-c", _PROGRAM, str(data)]
    command += ["--user-dir", str(version / "mclas_fairseq"), "--save-dir", str(save)]
    command += "--task cross_lingual_summarization --target-layout mclas --arch mclas_small".split()
    command += "--criterion summary_cross_entropy --label-smoothing 0.1 --optimizer adam".split()
    command += "--lr 5e-4 --lr-scheduler inverse_sqrt --warmup-updates 400 --clip-norm 1".split()
    command += "--bf16 --max-tokens 4096 --num-workers 0 --seed 1 --no-save --cpu".split()
    command += ["--max-update", str(updates), "--disable-validation", "--log-format", "json"]
    command += ["--log-interval", str(_INTERVAL), *more]
    run, last = Run([], [], [], []), 0.0
    process = subprocess.Popen(
        command, env=environment, cwd=save, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        found = _STEP.search(line)
        if found is None or "train_inner" not in line:
            continue
        step = json.loads(found[0])
        now = _processor_seconds(process.pid)
        run.tokens.append(float(step["wpb"]) * _INTERVAL)
        run.seconds.append(now - last)
        run.resident.append(_resident(process.pid))
        run.losses.append(float(step["loss"]))
        run.peak = _peak(process.pid)
        last = now
    if process.wait():
        raise SystemExit(f"fairseq-train of {version} failed:\n{''.join(said[-20:])}")
    return run


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _resident(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _peak(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 2**10


def main() -> None:
    """Train with both versions in turn and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, required=True, help="folder of the other version")
    parser.add_argument("--data", type=Path, required=True, help="data-bin of the earlier version")
    parser.add_argument("--updates", type=int, default=200, help="of each run (default: 200)")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each (default: 1)")
    parser.add_argument("--json", type=Path, help="write the result there as well")
    args = parser.parse_args()
    ours, data = Path(__file__).resolve().parents[1], args.data.resolve()
    pairs = []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as name:
            pairs.append(
                tuple(
                    train(version, data, args.updates, Path(name))
                    for version in (args.before.resolve(), ours)
                )
            )
    before, after = pairs[-1]
    apart = max(abs(a - b) for a, b in zip(before.losses, after.losses, strict=True))
    if apart > _LARGEST_DIFFERENCE * max(before.losses):
        raise SystemExit(f"the losses differ by up to {apart}")
    ratios = [
        old / new  # seconds of the same ten batches
        for first, second in pairs
        for old, new in zip(first.seconds[1:], second.seconds[1:], strict=True)
    ]
    result = {
        "benchmark": "bf16_training",
        "version": __version__,
        "processor": platform.processor() or platform.machine(),
        "updates": args.updates,
        "target_tokens_a_processor_second_before": round(before.speed),
        "target_tokens_a_processor_second_after": round(after.speed),
        "speed_after_over_before": round(statistics.median(ratios), 3),
        "quartiles": [round(one, 3) for one in statistics.quantiles(ratios, n=4)[::2]],
        "resident_mib_before": [round(one) for one in before.resident],
        "resident_mib_after": [round(one) for one in after.resident],
        "peak_mib_before": round(before.peak),
        "peak_mib_after": round(after.peak),
        "largest_difference_of_losses": round(apart, 4),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

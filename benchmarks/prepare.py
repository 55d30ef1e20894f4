"""Time and memory of `mclas prepare`, beside an earlier version of this project.

    git worktree add ../before v0.1.0
    python -m benchmarks.prepare --work /tmp/prepare --before ../before --json prepare.json
    python -m benchmarks.prepare --work /tmp/prepare --records 30000 300000

Both versions prepare the same synthetic news (hard) in turn, each in a process of its own, with one
worker; reported are the seconds of processor time and the peak of resident memory. What they wrote
must be the same, byte for byte, but for the manifest, which names versions. With several numbers of
records the peak shows what grows with a corpus.
"""

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_VARYING = {"manifest.json", "preprocess.log"}
_MIB = 1024  # of getrusage's kilobytes


@dataclass(frozen=True)
class Cost:
    """What one run took: processor time in seconds, peak of resident memory in MiB."""

    seconds: float
    peak_mib: float


def run(tree: Path, command: Sequence[str]) -> Cost:
    """Run `mclas` of a source tree; ends the benchmark when it fails."""
    paths = {"PYTHONPATH": str(tree.resolve()), "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(
        # -P: without it the working folder would come before PYTHONPATH.
        [sys.executable, "-P", "-m", "mclas_fairseq", *command],
        env={**os.environ, **paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    messages = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"mclas {command[0]} of {tree} failed:\n{messages[-2000:]}")
    return Cost(round(usage.ru_utime + usage.ru_stime, 1), round(usage.ru_maxrss / _MIB, 0))


def news(work: Path, records: int) -> Path:
    """A folder of synthetic news with so many training records; made on the first call."""
    folder = work / f"news-{records}"
    if not (folder / "test.jsonl").exists():
        sizes = f"--setting hard --train {records} --valid 1000 --test 1000 --overwrite"
        run(Path.cwd(), ["synthetic", *sizes.split(), "--out", str(folder)])
    return folder


def prepare(tree: Path, corpus: Path, out: Path, vocab_size: int) -> Cost:
    """Prepare a corpus with one version."""
    command = ["prepare", "--source-lang", "en", "--target-lang", "de", "--out", str(out)]
    for split in ("train", "valid", "test"):
        command += [f"--{split}", str(corpus / f"{split}.jsonl")]
    return run(tree, [*command, "--vocab-size", str(vocab_size), "--overwrite"])


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a data-bin, but of those that name versions."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in _VARYING]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def arguments() -> argparse.Namespace:
    """Options of this benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for corpora and data-bins")
    parser.add_argument("--before", type=Path, help="source tree of an earlier version")
    parser.add_argument(
        "--records", type=int, nargs="+", default=[30000], help="training records (default: 30000)"
    )
    parser.add_argument("--rounds", type=int, default=1, help="runs of each version (default: 1)")
    parser.add_argument("--vocab-size", type=int, default=3000)
    parser.add_argument("--json", type=Path, help="write the result there as well")
    return parser.parse_args()


def measure(args: argparse.Namespace, records: int) -> dict[str, Any]:
    """Prepare one corpus with each version in turn."""
    corpus = news(args.work, records)
    trees = {"now": Path.cwd(), **({"before": args.before} if args.before is not None else {})}
    costs: dict[str, list[Cost]] = {name: [] for name in trees}
    for _ in range(args.rounds):
        for name, tree in trees.items():
            costs[name].append(prepare(tree, corpus, args.work / f"bin-{name}", args.vocab_size))
    found: dict[str, Any] = {"records": records}
    for name, runs in costs.items():
        found[f"seconds_{name}"] = [cost.seconds for cost in runs]
        found[f"peak_mib_{name}"] = max(cost.peak_mib for cost in runs)
    if args.before is not None:
        pairs = zip(costs["now"], costs["before"], strict=True)
        ratios = [now.seconds / before.seconds for now, before in pairs]
        found["time_now_over_before"] = round(statistics.median(ratios), 3)
        now, before = (digests(args.work / f"bin-{name}") for name in ("now", "before"))
        if now != before:
            differing = sorted(name for name in now | before if now.get(name) != before.get(name))
            raise SystemExit(f"the data-bins differ: {', '.join(differing)}")
        found["files_alike"] = len(now)
    return found


def main() -> None:
    """Measure each size and print the result."""
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    result = {
        "benchmark": "prepare",
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "sizes": [measure(args, records) for records in args.records],
    }
    text = json.dumps(result, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

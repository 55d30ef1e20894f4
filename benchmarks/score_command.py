"""Time and memory of `mclas score` beside an earlier version: a million one-line summaries.

    git worktree add ../earlier v0.1.0
    python -m benchmarks.score_command --before ../earlier --json score.json

Both versions score the same made-up English pairs in processes of their own, one thread each, one
after the other. Processor seconds and peak memory are the system's own account of each process; the
numbers that both write with `--json` must be the same, to the last digit. For that, ours is given
`--rouge-only`, as earlier versions knew no other measures; it runs by its defaults as well.
"""

import argparse
import itertools
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mclas_fairseq import __version__

_SYLLABLES = "ka lo mi ter an ber sta ri ton el gra fu ven do shi pra".split()
_WORDS = 20_000
_VERSION = re.compile(r"\|v:[^|\"]*")


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    processor_seconds: float
    peak_mib: float


def write_pairs(folder: Path, count: int) -> tuple[Path, Path]:
    """Hypotheses and references: 7 to 16 words each, about half of them shared."""
    draw = random.Random(1)
    words = ["".join(draw.choices(_SYLLABLES, k=draw.randint(1, 4))) for _ in range(_WORDS)]
    weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(_WORDS)))
    paths = folder / "hypotheses.txt", folder / "references.txt"
    with paths[0].open("w") as hypotheses, paths[1].open("w") as references:
        for _ in range(count):
            size = draw.randint(7, 16)
            reference = draw.choices(words, cum_weights=weights, k=size)
            noise = draw.choices(words, cum_weights=weights, k=size)
            hypothesis = [
                other if draw.random() < 0.4 else own
                for own, other in zip(reference, noise, strict=True)
                if draw.random() < 0.85
            ]
            references.write(" ".join(reference).capitalize() + ".\n")
            hypotheses.write(" ".join(hypothesis or noise).capitalize() + ".\n")
    return paths


def score(version: Path, files: tuple[Path, Path], report: Path, *more: str) -> Cost:
    """Run `mclas score` of the version in a folder, with more arguments."""
    environment = {**os.environ, "PYTHONPATH": str(version), "OMP_NUM_THREADS": "1"}
    program = "import sys; sys.argv[0] = 'mclas'; from mclas_fairseq.cli import main; main()"
    command = [sys.executable, "-c", program, "score", "--hyp", str(files[0]),
               "--ref", str(files[1]), "--lang", "en", "--json", str(report), *more]  # fmt: skip
    # Python looks for packages in the working folder first, which must hold neither version.
    process = subprocess.Popen(command, env=environment, cwd=report.parent)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"mclas score of {version} ended with status {status}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main() -> None:
    """Score with both versions and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, required=True, help="folder of the other version")
    parser.add_argument("--count", type=int, default=1_000_000, help="pairs (default: 1,000,000)")
    parser.add_argument("--json", type=Path, help="write the result there as well")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_pairs(folder, args.count)
        ours = Path(__file__).resolve().parents[1]
        after = score(ours, files, folder / "after", "--rouge-only")
        default = score(ours, files, folder / "default")
        before = score(args.before.resolve(), files, folder / "before")
        reports = [(folder / name).read_text(encoding="utf-8") for name in ("after", "before")]
    if len({_VERSION.sub("", report) for report in reports}) > 1:
        raise SystemExit("the numbers of the two versions differ")
    result = {
        "benchmark": "score_command",
        "version": __version__,
        "processor": platform.processor() or platform.machine(),
        "pairs": args.count,
        "processor_seconds_before": round(before.processor_seconds, 1),
        "processor_seconds_after": round(after.processor_seconds, 1),
        "processor_seconds_by_default": round(default.processor_seconds, 1),
        "speed_after_over_before": round(before.processor_seconds / after.processor_seconds, 2),
        "peak_mib_before": round(before.peak_mib),
        "peak_mib_after": round(after.peak_mib),
        "peak_mib_by_default": round(default.peak_mib),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

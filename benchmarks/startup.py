"""Processor time until commands work, beside `fairseq-train --help` without the plugin.

    python -m benchmarks.startup --rounds 5 --json startup.json
    python -m benchmarks.startup --before OLD_CHECKOUT

Each command runs in a process of its own, all of them once a round, so that a busy machine is busy
for all; counted is the processor time (user and system) of the process and those that it starts.
What Python compiles is kept in a folder of the benchmark's, filled before the first round: a
checkout is then read like an installed package, which pip compiles. The report gives the median
over rounds, and the median of each command's time over that of plain `fairseq-train --help` in its
round. `--before` measures the same commands of another checkout in the same rounds.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mclas_fairseq.version import __version__

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "tests" / "compatibility" / "v0_1" / "bundle"
PEER = "fairseq-train --help"
_LINES = 10
# As the installed program is called, since versions before 0.2.0 look at its name.
_MCLAS = "import sys\nfrom mclas_fairseq.cli import main\nsys.exit(main())\n"
_LOAD = "import sys, mclas_fairseq; mclas_fairseq.load(sys.argv[1], device='cpu')"

Run = Callable[[], float]


def processor_seconds(
    command: Sequence[object], tree: Path, folder: Path, *, given: str = "", code: int = 0
) -> float:
    """Processor time of a program and of all that it starts.

    Args:
        command: the words after `python`.
        tree: the checkout whose package it imports.
        folder: where it runs.
        given: its standard input.
        code: the exit code that it must end with.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        input=given,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != code:
        raise SystemExit(f"{command}: ended with {done.returncode}\n{done.stderr[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def runs_of(tree: Path, folder: Path) -> Mapping[str, Run]:
    """What is measured of a checkout: name -> one run of it."""
    mclas = folder / "mclas"
    score = [mclas, "score", "--hyp", folder / "hyp.txt", "--ref", folder / "ref.txt"]
    score += ["--lang", "en", "--protocol"]
    train = [mclas, "train", folder / "no-data-bin", "--preset", "tiny-data", "--cpu"]
    help_with_plugin = ["-m", "fairseq_cli.train", "--user-dir", tree / "mclas_fairseq", "--help"]
    summarize = [mclas, "summarize", "--model", BUNDLE, "--cpu"]
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/evaluation/test_scripts.py"]

    def run(*command: object, where: Path = folder, given: str = "", code: int = 0) -> Run:
        return lambda: processor_seconds(command, tree, where, given=given, code=code)

    runs = {
        "import mclas_fairseq": run("-c", "import mclas_fairseq"),
        "mclas --help": run(mclas, "--help"),
        "mclas score, 10 lines, protocol default": run(*score, "default"),
        "mclas score, 10 lines, protocol ncls": run(*score, "ncls"),
        "fairseq-train --help with the plugin": run(*help_with_plugin),
        "mclas train, to a missing data-bin": run(*train, "--save-dir", folder, code=2),
        "mclas summarize, one line, a bundle": run(*summarize, given="A report.\n"),
        "load(), a bundle": run("-c", _LOAD, BUNDLE),
    }
    if (tree / "tests" / "evaluation" / "test_scripts.py").exists():
        runs["a test file of evaluation/"] = run(*pytest, where=tree)
    return runs


def measure(trees: Mapping[str, Path], rounds: int, folder: Path) -> dict[str, list[float]]:
    """Seconds of each round, by "NAME" for the peer and "NAME [TREE]" for all others."""
    runs: dict[str, Run] = {
        PEER: lambda: processor_seconds(["-m", "fairseq_cli.train", "--help"], folder, folder)
    }
    for which, tree in trees.items():
        runs |= {f"{name} [{which}]": one for name, one in runs_of(tree, folder).items()}
    for run in runs.values():  # once for the files that Python compiles and the system caches
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        for name, run in runs.items():
            seconds[name].append(run())
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return seconds


def main() -> None:
    """Measure, and report seconds and ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--before", type=Path, metavar="DIR", help="another checkout")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there as well")
    args = parser.parse_args()
    trees = {"now": ROOT}
    if args.before is not None:
        trees = {"before": args.before.resolve(), **trees}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        compiled = str(folder / "compiled")
        os.environ |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
        (folder / "mclas").write_text(_MCLAS, encoding="utf-8")
        for name, verb in (("hyp", "sat"), ("ref", "lay")):
            lines = [f"The cat number {number} {verb} on the mat.\n" for number in range(_LINES)]
            (folder / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
        seconds = measure(trees, args.rounds, folder)
    peer = seconds[PEER]
    result = {
        "benchmark": "startup",
        "version": __version__,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "rounds": args.rounds,
        "processor_seconds": {
            name: {
                "median": round(statistics.median(values), 2),
                "least": round(min(values), 2),
                "over_stock_help": round(
                    statistics.median(a / b for a, b in zip(values, peer, strict=True)), 3
                ),
            }
            for name, values in seconds.items()
        },
    }
    text = json.dumps(result, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Runs commands on damaged files: no traceback, no hang, no wrong output without a word.

    python -m tests.fuzz.run --cases 1000 --seed 1

Prints each case that goes wrong; the exit code says whether one did. A case is made by its seed
alone: `--cases 1 --seed N` repeats it.
"""

import argparse
import faulthandler
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mclas_fairseq
from mclas_fairseq.cli import main as mclas
from tests.fuzz.cases import Case, foreign_flags, lay_out, make_case, wrong_output

LONGEST = 60.0  # seconds


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Attributes:
        code: exit code; negative for a signal.
        seconds: how long it took.
        said: standard error.
        faults: what is wrong; nothing if all is well.
    """

    code: int
    seconds: float
    said: str
    faults: tuple[str, ...]


def run_case(case: Case, whole: Path, folder: Path) -> Outcome:
    """Run a case in a process of its own, in a copy of the files.

    Args:
        case: command and damage.
        whole: folder of the whole files.
        folder: where the copy is made; it must not exist.
    """
    shutil.copytree(whole, folder)
    (folder / case.file).write_bytes(case.content)
    before = {path.name for path in folder.iterdir()}
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_the_command(case, folder)
    code = _wait(child, start + LONGEST)
    seconds = time.monotonic() - start
    said = (folder / "said.err").read_text(encoding="utf-8", errors="replace")
    left = [path.name for path in folder.iterdir() if path.name.endswith(".unfinished")]
    faults = [f"left {name}" for name in left if name not in before]
    if "Traceback (most recent call last)" in said:
        faults.append("a traceback")
    if code not in (0, 1, 2):
        faults.append(f"exit code {code}" if code is not None else f"hung for {LONGEST:.0f} s")
    if code == 2 and not said.strip():
        faults.append("no word about an error")
    if code == 2:
        faults += [f"a flag of another command: {flag}" for flag in foreign_flags(case, said)]
    if code == 0:
        faults += wrong_output(case, folder)
    shutil.rmtree(folder)
    return Outcome(-9 if code is None else code, seconds, said, tuple(faults))


def _be_the_command(case: Case, folder: Path) -> None:
    """In the child: standard streams are files, and the command is run as by a user."""
    os.chdir(folder)
    for number, name in ((1, "said.out"), (2, "said.err")):
        os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    faulthandler.enable(sys.stderr)
    try:
        code = mclas(list(case.target.words))
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 2
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _wait(child: int, deadline: float) -> int | None:
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def outcomes(seeds: Iterator[int] | range, work: Path) -> Iterator[tuple[Case, Outcome]]:
    """The outcome of each case."""
    mclas_fairseq.register()  # once, not in each child
    whole = work / "whole"
    whole.mkdir()
    lay_out(whole)
    for seed in seeds:
        case = make_case(whole, seed)
        yield case, run_case(case, whole, work / "case")


def main() -> int:
    """Run the cases, print what goes wrong and how many of each exit code there were."""
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--cases", type=int, default=1000, metavar="N", help="default: 1000")
    made.add_argument("--seed", type=int, default=1, metavar="N", help="of the first; default: 1")
    args = made.parse_args()
    codes: Counter[int] = Counter()
    wrong = 0
    with tempfile.TemporaryDirectory() as work:
        for case, outcome in outcomes(range(args.seed, args.seed + args.cases), Path(work)):
            codes[outcome.code] += 1
            if outcome.faults:
                wrong += 1
                last = outcome.said.strip().splitlines()[-1:] or [""]
                print(f"{case.name}: {'; '.join(outcome.faults)}: {last[0][:200]}", flush=True)
    counted = ", ".join(f"{count} with exit code {code}" for code, count in sorted(codes.items()))
    print(f"{args.cases} cases, {wrong} wrong: {counted}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

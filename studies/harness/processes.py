"""Work that several processes share, commands and what they cost, trainings that go on."""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mclas_fairseq
from mclas_fairseq.corpus.training_log import read_validations

ROOT = Path(__file__).parent.parent.parent  # the repository: where `python -m studies.NAME` runs
XSCITLDR = ROOT / "examples" / "xscitldr"
OVERLAP = XSCITLDR / "overlap.txt"  # training documents of xscitldr that are in valid or test too
PLUGIN = str(mclas_fairseq.__path__[0])
# Read when a process of glibc starts: memory of large tensors is kept, not taken from the kernel
# page by page in each step (benchmarks/allocator.py). What is set already wins.
_KEEP_MEMORY = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=8589934592:"
    "glibc.malloc.trim_threshold=17179869184"
}


@contextmanager
def claimed(path: Path, *, wait_for: str | None = None) -> Iterator[bool]:
    """Whether this process may do the work that `path` stands for; another one may be at it.

    A claim is a lock on a file, which ends with its process.

    Args:
        path: of the work.
        wait_for: what the work makes, as it is told while the other one is waited for; None: it is
            not waited for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if wait_for is None:
                yield False
                return
            say(f"{wait_for}: another command is at it; waiting for that")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield True


def say(text: str) -> None:
    """Tell who watches a study what it is at."""
    print(f"== {text}", flush=True)


def call(words: Sequence[str], log: Path) -> dict[str, Any]:
    """Run a command, its output to the end of a log; what it cost. Ends the study when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with log.open("a", encoding="utf-8") as stream:
        environment = {**_KEEP_MEMORY, **os.environ}
        process = subprocess.Popen(words, stdout=stream, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(words[:2])} failed; see {log}")
    return {
        "wall_seconds": round(time.monotonic() - start),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime),
        "peak_memory_mib": round(usage.ru_maxrss / 1024),
    }


def quietly(*words: object) -> None:
    """Run a command without its output, as one of the few that make corpora; python is ours.

    Ends the study when it fails.
    """
    command = [sys.executable if word == "python" else str(word) for word in words]
    if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed; what it said stands above")


def data_bin(out: Path, *flags: object, languages: tuple[str, str] = ("en", "de")) -> Path:
    """A data-bin of `languages` (source, targets), made when it is missing."""
    if not (out / "manifest.json").exists():
        say(f"data-bin {out.name}")
        pair = ("--source-lang", languages[0], "--target-lang", languages[1])
        quietly("mclas", "prepare", *pair, "--out", out, *flags)
    return out


def train_once(words: Sequence[str], folder: Path, log: Path) -> dict[str, Any]:
    """Train, or finish a stopped training, unless it is done; what it cost.

    Args:
        words: the command; the folder of its checkpoints is added.
        folder: for checkpoints, and done.json when all is done.
        log: gets the output.
    """
    done = folder / "done.json"
    if not done.exists():
        say(f"training {folder.name}")
        cost = call([*words, "--save-dir", str(folder)], log)
        done.write_text(json.dumps(cost), encoding="utf-8")
    return dict(json.loads(done.read_text(encoding="utf-8")))


def best_validation(log: Path, metric: str) -> dict[str, float]:
    """The validation with the lowest `metric` in a training's log: all that was logged then.

    Ends the study when there is none.
    """
    found = [values for values in read_validations(log) if metric in values]
    if not found:
        raise SystemExit(f"{log.stem}: its log shows no validation with {metric}; see {log}")
    return min(found, key=lambda values: (values[metric], values["num_updates"]))

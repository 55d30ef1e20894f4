"""What the studies of this folder share: a cell is worked on once, goes on where it was, and costs.

A study trains, decodes and scores a cell with the commands of fairseq and mclas. Several processes
may work in one folder: a claim is a lock on a file, which ends with its process.
"""

import fcntl
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from keep_cell import keep
from numpy.typing import NDArray
from validations import read_validations

import mclas_fairseq
from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.corpus.text_files import read_lines
from mclas_fairseq.evaluation.rouge import score_rouge

PLUGIN = mclas_fairseq.__path__[0]
METRICS = ("rouge1", "rouge2", "rougeL")
KINDS = ("precision", "recall", "f1")
# Read when a process of glibc starts: memory of large tensors is kept, not taken from the kernel
# page by page in each step (benchmarks/allocator.py). What is set already wins.
_KEEP_MEMORY = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=8589934592:"
    "glibc.malloc.trim_threshold=17179869184"
}
_UNIT = 10_000  # values by document are kept as whole numbers of this part


# -- processes ------------------------------------------------------------------------------------


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether this process may do the work that `path` stands for; another one may be at it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


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
    """Run a command without its output, as one of the few that make corpora."""
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)


def data_bin(out: Path, *flags: object) -> Path:
    """An English data-bin with German summaries, made when it is missing."""
    if not (out / "manifest.json").exists():
        print(f"== data-bin {out.name}", flush=True)
        languages = ("--source-lang", "en", "--target-lang", "de")
        quietly("mclas", "prepare", *languages, "--out", out, *flags)
    return out


def states(names: Sequence[str], cells: Path, out: Path) -> Iterator[str]:
    """Name and state of each cell, and how many there are in each state.

    Args:
        names: of the cells.
        cells: folder of their files; those of the test split are in test/.
        out: folder of the trainings, NAME_lrRATE.
    """
    found = {name: _state(name, cells, out) for name in names}
    for name, state in found.items():
        yield f"{name}\t{state}"
    counts = Counter(found.values())
    yield f"{len(found)} cells: " + ", ".join(f"{count} {state}" for state, count in counts.items())


class NamedCell(Protocol):
    """A cell of any study."""

    @property
    def name(self) -> str:
        """What its file is called."""


CellT = TypeVar("CellT", bound=NamedCell)


class Finished(NamedTuple, Generic[CellT]):
    """A finished cell, the rate that was chosen for it, and the name of its training."""

    cell: CellT
    rate: str
    training: str


def all_finished(chosen: Iterable[CellT], cells: Path) -> list[Finished[CellT]]:
    """The cells of a corpus, whose test split is to be opened; ends the study if one is missing."""
    chosen = list(chosen)
    files = {cell.name: cells / f"{cell.name}.json" for cell in chosen}
    missing = [name for name, file in files.items() if not file.exists()]
    if missing:
        raise SystemExit(
            f"test split: it is opened when all cells are in {cells}, missing {missing}; "
            "finish them with run.py"
        )
    rates = {
        name: str(json.loads(file.read_text(encoding="utf-8"))["rate"])
        for name, file in files.items()
    }
    return [
        Finished(cell, rates[cell.name], f"{cell.name}_lr{rates[cell.name]}") for cell in chosen
    ]


def score_once(name: str, cells: Path, out: Path, score: Callable[[], dict[str, Any]]) -> None:
    """Keep a cell's scores of the test split, unless they are there or another process is at it."""
    file = cells / "test" / f"{name}.json"
    with claimed(out / f"{name}.test") as mine:
        if mine and not file.exists():
            keep({"cell": name, **score()}, file)


def _state(name: str, cells: Path, out: Path) -> str:
    if (cells / "test" / f"{name}.json").exists():
        return "finished, test split scored"
    if (cells / f"{name}.json").exists():
        return "finished"
    return "begun" if any(out.glob(f"{name}_lr*/")) else "missing"


# -- training -------------------------------------------------------------------------------------


def train_once(words: Sequence[str], folder: Path, log: Path) -> dict[str, Any]:
    """Train, or finish a stopped training, unless it is done; what it cost.

    Args:
        words: the command; the folder of its checkpoints is added.
        folder: for checkpoints, and done.json when all is done.
        log: gets the output.
    """
    done = folder / "done.json"
    if not done.exists():
        print(f"== training {folder.name}", flush=True)
        cost = call([*words, "--save-dir", str(folder)], log)
        done.write_text(json.dumps(cost), encoding="utf-8")
    return dict(json.loads(done.read_text(encoding="utf-8")))


def best_validation(log: Path, metric: str) -> dict[str, float]:
    """The validation with the lowest `metric` in a training's log: all that was logged then.

    Ends the study when there is none.
    """
    found = [values for values in read_validations(log) if metric in values]
    if not found:
        raise SystemExit(f"{log.stem}: its log shows no validation")
    return min(found, key=lambda values: (values[metric], values["num_updates"]))


def choose_trial(
    trials: Mapping[str, str], out: Path, try_one: Callable[[str], float]
) -> str | None:
    """The setting whose trial has the lowest value; None: another process is at one of them.

    Args:
        trials: setting -> name of the training that tries it.
        out: folder for the claims.
        try_one: trains with a setting, or finds it trained; its value.
    """
    values = {}
    for setting, name in trials.items():
        with claimed(out / f"{name}.claim") as mine:
            if not mine:
                return None
            values[setting] = try_one(setting)
    return min(trials, key=values.__getitem__)


# -- summaries ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decoding:
    """Documents to be summarized with a checkpoint.

    Attributes:
        checkpoint: file.
        data: data-bin.
        records: file of the documents.
        flags: of the search, and what else `mclas summarize` gets.
    """

    checkpoint: Path
    data: Path
    records: Path
    flags: Sequence[str]

    def write(self, out: Path, log: Path) -> dict[str, Any]:
        """Write the summaries; what it cost."""
        out.parent.mkdir(parents=True, exist_ok=True)
        words = ["mclas", "summarize", "--cpu", *self.flags, "-o", str(out)]
        words += ["--checkpoint", str(self.checkpoint)]
        return call([*words, "--data", str(self.data), "-i", str(self.records)], log)


def measure(summaries: Path, references: Path, language: str) -> dict[str, Any]:
    """Score a file of summaries (`mclas summarize`) against the records' references.

    Returns:
        Signature, means of precision, recall and F1 in points, mean lengths in tokens, the share of
        distinct summaries, and by document, in the records' order: F1 in 1/10,000 and lengths.
    """
    texts = {}
    for _, line in read_lines(summaries):
        row = json.loads(line)
        texts[row["id"]] = row["summary"][language]
    records = [record for record in read_records(references) if language in record.summary]
    hypotheses = [texts[record.id] for record in records]
    gold = [list(record.summary[language]) for record in records]
    scores = score_rouge(hypotheses, gold, language=language)
    return {
        "signature": scores.signature(),
        "documents": len(records),
        "means": {
            metric: {kind[0]: round(scores.mean(metric, kind), 3) for kind in KINDS}
            for metric in METRICS
        },
        "length": round(float(scores.lengths.mean()), 3),
        "reference_length": round(float(scores.reference_lengths.mean()), 3),
        "distinct": round(len(set(hypotheses)) / len(hypotheses), 4),
        "by_document": {
            **{metric: _pack(scores.values(metric) * _UNIT) for metric in METRICS},
            "length": _pack(scores.lengths),
        },
    }


def by_document(measured: dict[str, Any], key: str) -> NDArray[np.float64]:
    """F1 in points, or lengths in tokens, of each document, shape (N,)."""
    values = np.array(measured["by_document"][key].split(), dtype=np.float64)
    return values if key == "length" else 100.0 * values / _UNIT


def _pack(values: NDArray[np.float64]) -> str:
    # One line of text: a number a line would make a cell's file thousands of lines long.
    return " ".join(str(round(float(value))) for value in values)

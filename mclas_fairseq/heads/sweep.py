"""Prune k heads, fine-tune, validate: for many k, in several orders.

What to make of the rows is said in `sweep_report.py`. A run is a row of `sweep.csv`, which a rerun
skips; `settings.json` says what the rows are of.
"""

import csv
import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.errors import ConfigError, DataError

logger = logging.getLogger(__name__)

NONE, LOWEST, HIGHEST = "none", "lowest", "highest"
PAPER_LARGEST = 12
GRID = tuple(range(20, 91, 10))  # percent of the heads
ROWS, SETTINGS = "sweep.csv", "settings.json"
_MEASURED = ("valid", "test")
_WITHOUT = ("valid_without", "test_without")
_PROGRAM = "from fairseq_cli.train import cli_main; cli_main()"

Evaluate = Callable[[Path, Sequence[str]], Mapping[str, float]]
Prune = Callable[[Sequence[str], Path], None]


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        order: "lowest", "highest" or "random-7"; "none" of k = 0, which all orders share.
        k: how many heads are gone.
        heads: which.
    """

    order: str
    k: int
    heads: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of its folder and its log."""
        return f"{self.order}-{self.k}"


@dataclass(frozen=True)
class Row:
    """What came of a run: mean NLL a token of the summaries, in nats.

    Attributes:
        order: of the run.
        k: of the run.
        valid: of validation; where heads were masked in training alone, with all of them.
        test: of test.
        without: both without those heads, where they were masked in training alone.
    """

    order: str
    k: int
    valid: float
    test: float
    without: tuple[float, float] | None = None


def default_ks(total: int) -> list[int]:
    """1 to 12, then a grid to 90 % of the heads, none beyond."""
    grid = [total * share // 100 for share in GRID]
    few = range(1, 1 + min(PAPER_LARGEST, grid[-1]))
    return sorted({*few, *(k for k in grid if k)})


def runs(ranked: Sequence[str], ks: Sequence[int], draws: int, seed: int) -> Iterator[Run]:
    """All runs, those first that are asked for most: k = 0, lowest, highest, then random orders.

    A random order is one permutation of the heads, of which each k takes the first ones.

    Args:
        ranked: heads, the least important first.
        ks: numbers of heads.
        draws: random orders.
        seed: of them.

    Raises:
        ConfigError: a k is none.
    """
    for k in ks:
        if not 1 <= k <= len(ranked):
            raise ConfigError(
                f"--ks {k}: must be from 1 to {len(ranked)}, the heads of the ranking; give others"
            )
    orders = {LOWEST: list(ranked), HIGHEST: list(ranked)[::-1]}
    numbers = np.random.default_rng(seed)
    for draw in range(1, draws + 1):
        orders[f"random-{draw}"] = [ranked[place] for place in numbers.permutation(len(ranked))]
    yield Run(NONE, 0, ())
    for order, heads in orders.items():
        for k in ks:
            yield Run(order, k, tuple(heads[:k]))


@dataclass(frozen=True)
class Sweep:
    """Where runs go, and how they are trained.

    Attributes:
        folder: gets rows, settings, logs, and a folder for the training at hand.
        data: the data-bin.
        flags: of fairseq-train.
        prune: writes the checkpoint without some heads.
        evaluate: of a trained checkpoint without some heads, loss by "valid" and "test".
        masked: heads are not taken out, but masked in training and there alone, and what the
            model loses is measured with them and without.
    """

    folder: Path
    data: Path
    flags: Sequence[str]
    prune: Prune
    evaluate: Evaluate
    masked: bool = False

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Write what the rows are of, or compare it with what they were of.

        Raises:
            ConfigError: rows are there of other settings.
        """
        path = self.folder / SETTINGS
        if path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))
            for name, value in settings.items():
                if before.get(name) != value:
                    raise ConfigError(
                        f"--sweep {self.folder}: rows of other runs are there, with {name}"
                        f" {before.get(name)!r:.80}, but now it is {value!r:.80}; give another"
                        " folder, or the same settings to go on"
                    )
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with write_beside(path) as stream:
            stream.write(json.dumps(dict(settings), indent=1) + "\n")

    def rows(self) -> list[Row]:
        """The rows that are there.

        Raises:
            DataError: the file is no such table.
        """
        path = self.folder / ROWS
        if not path.exists():
            return []
        try:
            with path.open(encoding="utf-8", newline="") as stream:
                return [_row(row) for row in csv.DictReader(stream)]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}: must be rows as this command wrote them, but is not ({error}); mend or"
                " delete the last row"
            ) from error

    def go_on(self, wanted: Sequence[Run]) -> list[Row]:
        """Do the runs that have no row yet; all rows of those that were wanted."""
        done = {(row.order, row.k) for row in self.rows()}
        missing = [run for run in wanted if (run.order, run.k) not in done]
        for number, run in enumerate(missing, start=1):
            logger.info("%s: run %d of %d that are missing", run.name, number, len(missing))
            self._append(run, self._train(run))
        names = {(run.order, run.k) for run in wanted}
        return [row for row in self.rows() if (row.order, row.k) in names]

    def _train(self, run: Run) -> Mapping[str, float]:
        folder = self.folder / "training" / run.name
        log = self.folder / "log" / f"{run.name}.log"
        start = folder / "start.pt"
        folder.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(exist_ok=True)
        if not start.exists():
            self.prune(() if self.masked else run.heads, start)
        words = [sys.executable, "-P", "-c", _PROGRAM, str(self.data), *self.flags]
        words += ["--finetune-from-model", str(start), "--save-dir", str(folder)]
        if self.masked and run.heads:
            words += ["--masked-heads", ",".join(run.heads)]
        with log.open("a", encoding="utf-8") as stream:
            code = subprocess.run(words, stdout=stream, stderr=stream, check=False).returncode
        best = folder / "checkpoint_best.pt"
        if code != 0 or not best.exists():
            raise ConfigError(
                f"--fine-tuning: must be flags that fairseq-train takes and that keep"
                f" checkpoint_best.pt, but {run.name} ended with exit code {code}; see {log}"
            )
        found = dict(self.evaluate(best, ()))
        if self.masked:
            gone = self.evaluate(best, run.heads) if run.heads else found
            found |= {f"{split}_without": gone[split] for split in _MEASURED}
        shutil.rmtree(folder)
        return found

    def _append(self, run: Run, losses: Mapping[str, float]) -> None:
        path = self.folder / ROWS
        new = not path.exists()
        measured = [*_MEASURED, *(_WITHOUT if self.masked else ())]
        with path.open("a", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            if new:
                writer.writerow(["order", "k", *measured, "heads"])
            values = (format(losses[name], ".9g") for name in measured)
            writer.writerow([run.order, run.k, *values, " ".join(run.heads)])


def _row(stored: Mapping[str, str]) -> Row:
    valid, test = (float(stored[name]) for name in _MEASURED)
    both = [float(stored[name]) for name in _WITHOUT if name in stored]
    without = (both[0], both[1]) if both else None
    return Row(stored["order"], int(stored["k"]), valid, test, without)

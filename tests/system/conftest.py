"""A toy corpus, its data-bin and tiny trained checkpoints, and fairseq's commands in this process.

The commands run in process, as a subprocess costs seconds of imports each; what fairseq keeps
between two runs of a command (best scores, handlers of the root logger) is put aside around each.
"""

import importlib
import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from fairseq import checkpoint_utils

import mclas_fairseq
from mclas_fairseq.cli import main as mclas_main
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.errors import MclasError
from mclas_fairseq.host.one_line_errors import find_our_error

mclas_fairseq.register()  # its names stand in fairseq's registries

Row = dict[str, Any]

TASK = "cross_lingual_summarization"
PLUGIN = mclas_fairseq.__path__[0]
MAX_SOURCE = 96  # tokens; the corpus has longer documents
SIZES = (
    "--encoder-layers 1 --decoder-layers 1 --encoder-embed-dim 16 --decoder-embed-dim 16 "
    "--encoder-ffn-embed-dim 32 --decoder-ffn-embed-dim 32 --encoder-attention-heads 2 "
    "--decoder-attention-heads 2 --dropout 0.1"
).split()
TRAINING = (
    "--arch mclas_tiny --criterion summary_cross_entropy --label-smoothing 0.1 --optimizer adam "
    f"--lr 0.03 --batch-size 8 --max-update 2 --max-source-positions {MAX_SOURCE} "
    "--max-target-positions 200 --seed 1 --log-format simple --log-interval 1 "
    "--no-epoch-checkpoints"
).split()
SEARCH = "--batch-size 4 --beam 3 --max-len-b 20 --no-repeat-ngram-size 3".split()


@contextmanager
def _untouched_process(name: str, arguments: Sequence[str], stdin: str) -> Iterator[io.StringIO]:
    """Let a command believe that it has the process to itself; what it prints is collected."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    if hasattr(checkpoint_utils.save_checkpoint, "best"):
        del checkpoint_utils.save_checkpoint.best  # the best score of another training
    printed = io.StringIO()
    try:
        with (
            patch.object(sys, "argv", [name, *arguments]),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            redirect_stdout(printed),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # fairseq's and torch's, of this machine
            yield printed
    finally:
        root.handlers, root.level = handlers, level


def fairseq(command: str, *arguments: object, stdin: str = "") -> str:
    """Run `fairseq-COMMAND` in this process; returns what it printed, its log included."""
    words = [str(argument) for argument in arguments]
    with _untouched_process(f"fairseq-{command}", words, stdin) as printed:
        module = importlib.import_module(f"fairseq_cli.{command}")
        if command != "generate":  # which sets its own handler up, for --results-path
            logging.basicConfig(
                format="%(levelname)s | %(name)s | %(message)s", level="INFO", stream=printed
            )
        module.cli_main()
    return printed.getvalue()


def fairseq_error(command: str, *arguments: object) -> MclasError:
    """Run a command that must fail with an error of ours, which fairseq's commands end with."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - what it holds is checked
        fairseq(command, *arguments)
    error = find_our_error(caught.value)
    if error is None:
        raise caught.value
    return error


def mclas(*arguments: object, stdin: str = "") -> str:
    """Run `mclas ...` in this process; returns its standard output."""
    words = [str(argument) for argument in arguments]
    messages = io.StringIO()
    with _untouched_process("mclas", words, stdin) as printed, redirect_stderr(messages):
        code = mclas_main(words)
    assert code == 0, messages.getvalue()
    return printed.getvalue()


def read_rows(path: Path) -> list[Row]:
    """Read JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write JSON lines."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(lines, encoding="utf-8")
    return path


def toy_rows(split: str, size: int) -> list[Row]:
    """Synthetic news of all kinds: triples, two without `S^B`, two without `S^A`, long documents.

    Summaries of validation and test have two references each.
    """
    rows: list[Row] = []
    for number, record in enumerate(generate("easy", split, size, seed=3)):
        row = json.loads(json.dumps(record))
        row["id"] = f"{split}/{number}"
        row.pop("translation")
        if number % 6 == 1:  # longer than the model's positions, once also than fairseq's 1024
            row["document"]["en"] = row["document"]["en"] * (16 if number == 1 else 4)
        if split != "train":
            for references in row["summary"].values():
                references.append("2 " + references[0])
        rows.append(row)
    for number, languages in ((4, ("de", "zh")), (5, ("en",))):
        for row in rows[number::16]:
            for language in languages:
                del row["summary"][language]
    return rows


@dataclass
class Toy:
    """The corpus, the data-bin and what was trained from it; runs the commands."""

    folder: Path
    rows: dict[str, list[Row]]
    data_bin: Path
    logs: dict[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ("--target-lang", "de")

    def flags(self, task: str = TASK) -> list[str]:
        """Flags that every command of fairseq's takes here."""
        own = ["--task", task] + (list(self.targets) if task == TASK else [])
        process = ["--cpu", "--num-workers", "0", "--distributed-world-size", "1"]
        return [*own, *process, "--user-dir", PLUGIN]

    def fairseq(self, command: str, *words: object, task: str = TASK, stdin: str = "") -> str:
        """Run `fairseq-COMMAND`; returns what it printed, its log included."""
        return fairseq(command, *words, *self.flags(task), stdin=stdin)

    def fails(self, command: str, *words: object, task: str = TASK) -> MclasError:
        """Run a command that must end with an error of ours."""
        return fairseq_error(command, *words, *self.flags(task))

    def mclas(self, *arguments: object, stdin: str = "") -> str:
        """Run `mclas ...`; returns its standard output."""
        return mclas(*arguments, stdin=stdin)

    def read(self, path: Path) -> list[Row]:
        """Read JSON lines."""
        return read_rows(path)

    def write(self, path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
        """Write JSON lines."""
        return write_rows(path, rows)

    def prepare(self, name: str, rows: Mapping[str, Sequence[Row]], *flags: object) -> Path:
        """Make another data-bin."""
        return prepare(self.folder / name, rows, *flags)

    def train(self, name: str, *flags: object, data: Path | None = None) -> Path:
        """Train two updates; returns the folder of the checkpoints, the log is in `logs`."""
        folder = self.folder / "checkpoints" / name
        words = (data or self.data_bin, *self.recipe, "--save-dir", folder, *flags)
        self.logs[name] = self.fairseq("train", *words)
        return folder

    @property
    def recipe(self) -> list[str]:
        """Flags of fairseq-train for a tiny model and two updates."""
        return [*TRAINING, *SIZES]

    def trained(self, layout: str) -> Path:
        """The checkpoint of a layout, trained when it is first asked for."""
        checkpoint = self.folder / "checkpoints" / layout / "checkpoint_last.pt"
        if layout not in self.logs:
            self.train(layout, "--target-layout", layout)
        return checkpoint

    @property
    def search(self) -> list[str]:
        """Flags of decoding."""
        return SEARCH

    def generate(self, checkpoint: Path, *flags: object, data: Path | None = None) -> str:
        """What fairseq-generate prints for the test split."""
        words = (data or self.data_bin, "--path", checkpoint, *SEARCH, *flags)
        return self.fairseq("generate", *words)

    def summaries(self, log: str, data: Path | None = None) -> list[Row]:
        """What `mclas extract` makes of a generation log."""
        file = self.folder / "generate.log"
        file.write_text(log, encoding="utf-8")
        printed = mclas("extract", "--log", file, "--data", data or self.data_bin)
        return [json.loads(line) for line in printed.splitlines()]


def prepare(folder: Path, rows: Mapping[str, Sequence[Row]], *flags: object) -> Path:
    """Make a data-bin of rows; a small sentencepiece vocabulary unless flags say otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[object] = []
    for split, content in rows.items():
        files += [f"--{split}", write_rows(folder / f"{split}.jsonl", content)]
    languages = ("--source-lang", "en", "--target-lang", "de,zh")
    vocabulary = () if "--like" in flags else ("--vocab-size", 400)
    mclas("prepare", *languages, *files, *vocabulary, "--out", folder / "bin", *flags)
    return folder / "bin"


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """40 training, 12 validation and 14 test records in English, with German and Chinese."""
    folder = tmp_path_factory.mktemp("toy")
    rows = {
        split: toy_rows(split, size) for split, size in (("train", 40), ("valid", 12), ("test", 14))
    }
    return Toy(folder, rows, prepare(folder / "corpus", rows))

"""Which settings suit few triples: the runs behind the presets, chosen on validation data.

    python -m studies.small_data run OUT --corpus news
    python -m studies.small_data run OUT --corpus xscitldr --data DATA
    python -m studies.small_data report --corpus news

Trains MCLAS with one setting changed at a time and scores the German summaries of the validation
split. Synthetic news (hard): 500, 2,000 and 20,000 triples. xscitldr: 500 and all triples, from the
monolingual summarizer of examples/xscitldr/run.sh, which is trained in OUT first (half an hour). A
finished cell is a row of studies/results/small_data.csv, which a rerun skips. There is no test
split here.

DATA is the folder with xscitldr/ and papers/. OUT gets corpora, data-bins, checkpoints and logs.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mclas_fairseq.modules.emulated_bf16 import processor_has_bf16
from studies.harness.command import main
from studies.harness.judging import interval
from studies.harness.processes import XSCITLDR, data_bin, quietly
from studies.harness.study import Study, Work
from studies.harness.summaries import Decoding, by_document
from studies.harness.table import Row, Table

SYNTHETIC_SIZE = 20000
GREEDY = "--beam 1 --no-repeat-ngram-size 3 --max-len-b 60"
_UPDATES = re.compile(r"num_updates (\d+)")


@dataclass(frozen=True)
class Cell:
    """One training: corpus, number of triples, size of the vocabulary, and flags that differ."""

    corpus: str
    triples: int
    preset: str
    vocabulary: int
    changed: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What its row is called."""
        changed = [f"{key}-{value}" for key, value in self.changed.items()]
        parts = [self.corpus, self.triples, self.preset, f"v{self.vocabulary}", *changed]
        return "_".join(map(str, parts)).replace("_mclas_", "_")


@dataclass(frozen=True)
class Material:
    """Data-bins by number of triples and pieces, validation records, and what xscitldr starts from.

    Attributes:
        data: (triples, vocabulary) -> data-bin.
        valid: records.
        start: flags of `fairseq-train`.
    """

    data: dict[tuple[int, int], Path]
    valid: Path
    start: tuple[str, ...]


class SmallData(Study[Cell, Material]):
    """One setting changed at a time around the presets."""

    name = "small_data"
    corpora = ("news", "xscitldr")
    opens_test = False

    def cells(self, corpus: str) -> Sequence[Cell]:
        """Around the preset of each size."""
        return _news_cells() if corpus == "news" else _xscitldr_cells()

    def prepare(self, corpus: str, data: Path | None, out: Path) -> Material:
        """Data-bins, and for xscitldr the monolingual summarizer."""
        if corpus == "news":
            return _news(self.cells("news"), out)
        if data is None:
            raise SystemExit("--data: xscitldr needs the folder with xscitldr/ and papers/")
        recipe = ["bash", str(XSCITLDR / "run.sh"), str(data), str(out), "1", "ms"]
        subprocess.run(recipe, check=True)
        bins = {(cell.triples, cell.vocabulary): out / "triples" for cell in self.cells(corpus)}
        size = ("--arch", "mclas_small", "--max-source-positions", "256")
        start = (*size, "--finetune-from-model", str(out / "ms" / "checkpoint_best.pt"))
        return Material(bins, data / "xscitldr" / "valid.jsonl.gz", start)

    def command(self, work: Work[Material], cell: Cell, rate: str) -> list[str]:
        """The preset, with what is changed."""
        data = work.material.data[cell.triples, cell.vocabulary]
        words = ["mclas", "train", str(data), "--preset", cell.preset]
        words += [word for key, value in cell.changed.items() for word in (f"--{key}", value)]
        words += ["--target-layout", "mclas", "--seed", "1", "--num-workers", "0", "--cpu"]
        words += ["--bf16"] if processor_has_bf16() else []
        words += ["--log-format", "simple", "--log-interval", "50", *work.material.start]
        if work.material.start and cell.triples < 1983:
            words += ["--train-subset-size", str(cell.triples)]
        return words

    def decoding(self, work: Work[Material], cell: Cell, training: str, split: str) -> Decoding:
        """Greedily."""
        data = work.material.data[cell.triples, cell.vocabulary]
        return Decoding(work.checkpoint(training), data, work.material.valid, GREEDY.split())

    def records(self, work: Work[Material], split: str) -> Path:
        """Of validation, as there is no other split here."""
        return work.material.valid

    def settings(self, cell: Cell) -> dict[str, Any]:
        """What makes the cell."""
        return asdict(cell)

    def more(self, work: Work[Material], cell: Cell, training: str) -> dict[str, Any]:
        """How many updates its log counts, and its seed."""
        text = work.log(training).read_text(encoding="utf-8", errors="replace")
        return {"updates": max(map(int, _UPDATES.findall(text)), default=0), "seed": 1}

    def report(self, table: Table, corpus: str, split: str) -> Iterator[tuple[str, Iterable[str]]]:
        """German ROUGE-1 of each cell, the table of docs/small_data.md."""
        yield f"**{corpus}, validation split**", _lines(self.cells(corpus), table.full_rows())


def _lines(cells: Sequence[Cell], rows: dict[str, Row]) -> Iterator[str]:
    yield "| triples | preset | pieces | changed | updates | R-1 |"
    yield "|---|---|---|---|---|---|"
    for cell in cells:
        if cell.name in rows:
            row = rows[cell.name]
            changed = ", ".join(f"{key} {value}" for key, value in cell.changed.items())
            setting = f"{cell.triples:,} | {cell.preset} | {cell.vocabulary:,} | {changed}"
            yield f"| {setting} | {row['updates']} | {_rouge1(row['valid'])} |"


def _rouge1(valid: dict[str, Any]) -> str:
    if "systems" in valid:  # the first cells have the report of `mclas score`
        found = valid["systems"][0]["metrics"]["rouge1"]
        low, high = found["interval"]
        return f"{found['mean']:.2f} [{low:.2f}, {high:.2f}]"
    return interval(by_document(valid["de"], "rouge1"))


def _news_cells() -> list[Cell]:
    short = {"max-update": "600"}
    heavy = {**short, "dropout": "0.3"}
    light = {**short, "dropout": "0.1"}
    tiny = [Cell("news", 500, "tiny-data", vocabulary, heavy) for vocabulary in (1000, 2000)]
    tiny += [Cell("news", 500, "tiny-data", 2000, light)]
    others = [{"lr": "1e-3"}, {"warmup-updates": "400"}, {"max-tokens": "4096"}]
    others += [{"max-update": "1200"}]
    tiny += [Cell("news", 500, "tiny-data", 2000, {**light, **other}) for other in others]
    small = [Cell("news", 2000, "small-data", 2000, dropout) for dropout in (heavy, light)]
    others = [{"arch": "mclas_tiny", "lr": "2e-3"}, {"max-tokens": "2048"}]
    small += [Cell("news", 2000, "small-data", 2000, {**light, **other}) for other in others]
    large = [Cell("news", 20000, "small-data", 2000, dropout) for dropout in (light, heavy)]
    # As much processor time as the others: an update of mclas_base takes three times as long.
    brief = {"max-update": "175", "warmup-updates": "60", "dropout": "0.1"}
    large += [Cell("news", 20000, "paper", 2000, brief)]
    return tiny + small + large


def _xscitldr_cells() -> list[Cell]:
    """From the monolingual summarizer, so that vocabulary and architecture are given."""
    common = {"lr": "4e-4", "warmup-updates": "50", "max-update": "200"}
    return [
        Cell("xscitldr", size, "small-data", 8000, {**common, "dropout": rate})
        for size in (500, 1983)
        for rate in ("0.1", "0.3")
    ]


def _news(cells: Sequence[Cell], out: Path) -> Material:
    news = out / "news"
    if not (news / "valid.jsonl").exists():
        sizes = ("--train", SYNTHETIC_SIZE, "--valid", 300, "--test", 10)
        quietly("mclas", "synthetic", "--setting", "hard", *sizes, "--out", news)
    lines = (news / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    bins = {}
    for triples, vocabulary in {(cell.triples, cell.vocabulary) for cell in cells}:
        subset = out / f"train-{triples}.jsonl"
        subset.write_text("".join(lines[:triples]), encoding="utf-8")
        files = ("--train", subset, "--valid", news / "valid.jsonl", "--vocab-size", vocabulary)
        bins[triples, vocabulary] = data_bin(out / f"bin-{triples}-{vocabulary}", *files)
    return Material(bins, news / "valid.jsonl", ())


if __name__ == "__main__":
    main(SmallData())

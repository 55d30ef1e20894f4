"""A study of two cells whose trainings and summaries cost nothing."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from studies.harness.study import Beside, Start, Study, Work
from studies.harness.summaries import Decoding
from studies.harness.table import Table

# Writes a checkpoint, and the log of a validation whose NLL is nearest to 1 at the rate 4e-3.
_TRAIN = """
import sys
from pathlib import Path
rate, folder = float(sys.argv[1]), Path(sys.argv[-1])
folder.mkdir()
(folder / "checkpoint_best.pt").write_text(str(folder.name))
nll = 1 + abs(rate - 4e-3)
print(f"| valid | nll_loss {nll:.4f} | num_updates 200")
"""


@dataclass(frozen=True)
class ToyCell:
    """A cell."""

    name: str
    seed: int = 1


class Toy(Study[ToyCell, str]):
    """Says one sentence of each of two documents."""

    name = "toy"
    corpora = ("toys",)
    rates = ("1e-3", "2e-3")
    metric = "nll_loss"

    def __init__(self, out: Path):
        self.out = out

    def cells(self, corpus: str) -> Sequence[ToyCell]:
        return [ToyCell("toys_a"), ToyCell("toys_b")]

    def cells_by_name(self, corpus: str) -> Sequence[ToyCell]:
        return [ToyCell("toys_beside")]

    def prepare(self, corpus: str, data: Path | None, out: Path) -> str:
        return "material"

    def tuned(self, cell: ToyCell) -> ToyCell:
        return ToyCell("toys_a")

    def command(self, work: Work[str], cell: ToyCell, rate: str) -> list[str]:
        return [sys.executable, "-c", _TRAIN, rate]

    def decoding(self, work: Work[str], cell: ToyCell, training: str, split: str) -> Decoding:
        return Decoding(work.checkpoint(training), Path("bin"), self.records(work, split), ())

    def records(self, work: Work[str], split: str) -> Path:
        file = self.out / f"{split}.jsonl"
        texts = [f"Ein Hund bellt am {split} {number} laut." for number in range(2)]
        rows = [
            {"id": str(number), "document": {"en": "A dog."}, "summary": {"de": [text]}}
            for number, text in enumerate(texts)
        ]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return file

    def settings(self, cell: ToyCell) -> dict[str, Any]:
        return asdict(cell)

    def report(self, table: Table, corpus: str, split: str) -> Iterator[tuple[str, Iterable[str]]]:
        yield "Toys", [f"{name} {row['rate']}" for name, row in table.rows().items()]


class FromStart(Toy):
    """The same from a shared start, with summaries of the test split kept."""

    start_name = "ms"
    keeps_test_summaries = True

    def start(self, work: Work[str]) -> Start:
        words = [sys.executable, "-c", _TRAIN, "1e-3"]
        return Start(words, (Path("bin"), ()), ("de",), {"precision": "fp32"})

    def uses_start(self, cell: ToyCell) -> bool:
        return True


@dataclass(frozen=True)
class Echo:
    """Summaries that repeat the references."""

    records: Path

    def write(self, out: Path, log: Path) -> dict[str, Any]:
        rows = [json.loads(line) for line in self.records.read_text().splitlines()]
        lines = [{"id": row["id"], "summary": {"de": row["summary"]["de"][0]}} for row in rows]
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return {"cpu_seconds": 2}


class WithBaseline(FromStart):
    """The same beside a baseline; toys_b may be given up."""

    def names_beside(self, corpus: str) -> Sequence[str]:
        return ["toys_echo"]

    def beside(self, work: Work[str], name: str) -> Beside:
        def writing(split: str) -> Echo:
            return Echo(self.records(work, split))

        return Beside({"system": name}, lambda: {"made": True}, writing, ("de",))

    def optional(self, cell: ToyCell) -> bool:
        return cell.name == "toys_b"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for `mclas summarize`; the checkpoints and splits that were summarized."""
    seen: list[str] = []

    def write(decoding: Decoding, out: Path, log: Path) -> dict[str, Any]:
        assert decoding.checkpoint.exists()
        seen.append(f"{decoding.checkpoint.parent.name} {decoding.records.stem}")
        rows = [{"id": str(n), "summary": {"de": "Ein Hund bellt."}} for n in range(2)]
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return {"cpu_seconds": 1}

    monkeypatch.setattr(Decoding, "write", write)
    return seen


def made_up(f1: str, length: str = "", **others: Any) -> dict[str, Any]:
    """Scores of a split and language."""
    values = dict.fromkeys(("rouge1", "rouge2", "rougeL"), f1)
    return {"by_document": {**values, "length": length}, **others}

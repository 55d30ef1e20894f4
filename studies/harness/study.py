"""The form that a study fills in."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from studies.harness.processes import best_validation
from studies.harness.summaries import Decoding
from studies.harness.table import Row, Table


class NamedCell(Protocol):
    """A cell of any study: one training with its summaries."""

    @property
    def name(self) -> str:
        """What its row and its training are called."""


CellT = TypeVar("CellT", bound=NamedCell)
MaterialT = TypeVar("MaterialT")


@dataclass(frozen=True)
class Work(Generic[MaterialT]):
    """Where a corpus' cells are made.

    Attributes:
        corpus: its name.
        out: folder for everything but results: OUT/CORPUS.
        table: where results go.
        material: what the study's `prepare` made.
        smoke: end every training after so many updates, to try a study; 0: train as it says.
    """

    corpus: str
    out: Path
    table: Table
    material: MaterialT
    smoke: int = 0

    def training(self, words: Sequence[str]) -> list[str]:
        """A command that trains, as it is given or shortened; of two flags fairseq takes the last.

        Shortened, it validates once, at its end.
        """
        if not self.smoke:
            return list(words)
        flags = ("--max-update", "--validate-interval-updates", "--save-interval-updates")
        return [*words, *(word for flag in flags for word in (flag, str(self.smoke)))]

    def log(self, name: str) -> Path:
        """Where a command writes."""
        return self.out / "log" / f"{name}.log"

    def checkpoint(self, training: str) -> Path:
        """The checkpoint of a training that validation chose."""
        return self.out / training / "checkpoint_best.pt"


@dataclass(frozen=True)
class Start:
    """A training that cells start from, made once: the monolingual summarizer, mostly.

    It is named by the study's `start_name`: its folder in OUT; its row is CORPUS_NAME, or, where
    that is another one's, CORPUS_NAME-HASH.

    Attributes:
        words: the command, without the folder of its checkpoints.
        decoding: data-bin and flags of its summaries.
        languages: what it is measured in.
        settings: columns of its row, beside corpus and system.
    """

    words: Sequence[str]
    decoding: tuple[Path, Sequence[str]]
    languages: Sequence[str]
    settings: dict[str, Any]


class Writing(Protocol):
    """How the summaries of a split are made: by decoding, or otherwise."""

    def write(self, out: Path, log: Path) -> dict[str, Any]:
        """Write the summaries; what it cost."""


@dataclass(frozen=True)
class Beside:
    """A row beside the cells: summaries of no cell's training, as of a baseline or a pipeline.

    Attributes:
        settings: columns of its row, beside corpus and system.
        make: what must be there before anything is written, as another training; further columns.
        writing: split -> how it is summarized.
        languages: what it is measured in.
        of_start: whether the start has part in it.
    """

    settings: dict[str, Any]
    make: Callable[[], dict[str, Any]]
    writing: Callable[[str], Writing]
    languages: Sequence[str]
    of_start: bool = False


class Study(ABC, Generic[CellT, MaterialT]):
    """A study: which cells it has, how one is trained, decoded and judged.

    Its module ends with `main(TheStudy())` of `command.py`. Its docstring is the command's help.

    Attributes:
        name: of the table.
        corpora: by which --corpus chooses.
        rates: the trials of a cell's learning rate, ascending; none where rates are settings.
        widen: how many rates may be tried beyond the grid's ends.
        metric: what fairseq-train logs at validation and decides: the lowest is the best; "" where
            nothing is decided.
        start_name: of the training that cells start from; "" where there is none.
        keeps_starts: whether a start that was trained again, as OUT was lost, gets a row of its own
            beside the first one's; see `start_group`.
        keeps_test_summaries: whether a cell's summaries of the test split are written when it is
            trained, and kept, so that the split can be opened without checkpoints.
        opens_test: whether it has a test split at all.
    """

    name: ClassVar[str]
    corpora: ClassVar[tuple[str, ...]]
    rates: ClassVar[tuple[str, ...]] = ()
    widen: ClassVar[int] = 0
    metric: ClassVar[str] = ""
    start_name: ClassVar[str] = ""
    keeps_starts: ClassVar[bool] = False
    keeps_test_summaries: ClassVar[bool] = False
    opens_test: ClassVar[bool] = True

    @abstractmethod
    def cells(self, corpus: str) -> Sequence[CellT]:
        """All cells of a corpus, in the order in which they are wanted."""

    def cells_by_name(self, corpus: str) -> Sequence[CellT]:
        """Cells outside the comparison, made only when --only names them."""
        return ()

    def names_beside(self, corpus: str) -> Sequence[str]:
        """Rows beside the cells, each CORPUS_NAME; made after the cells, tested with them."""
        return ()

    def beside(self, work: Work[MaterialT], name: str) -> Beside:
        """One of them."""
        raise NotImplementedError

    def not_ready(self, corpus: str) -> str:
        """Why the test split cannot be opened yet whatever cells there are; "" where it can."""
        return ""

    def optional(self, cell: CellT) -> bool:
        """Whether the test split may be opened without this cell, where it was given up."""
        return False

    @abstractmethod
    def prepare(self, corpus: str, data: Path | None, out: Path) -> MaterialT:
        """Make or find corpora and data-bins; raises SystemExit where DATA is missing."""

    def start(self, work: Work[MaterialT]) -> Start:
        """What cells start from; asked where the study has a `start_name`."""
        raise NotImplementedError

    @abstractmethod
    def command(self, work: Work[MaterialT], cell: CellT, rate: str) -> list[str]:
        """The training of a cell with a rate, without the folder of its checkpoints."""

    def tuned(self, cell: CellT) -> CellT:
        """The cell whose trials decide the rate of this one."""
        return cell

    def rows(self, table: Table) -> dict[str, Row]:
        """Rows in which what was decided for a cell is looked up: the table's."""
        return table.rows()

    def rate_rows(self, cell: CellT) -> Sequence[str]:
        """Rows whose trials hold for a cell, the first that is there."""
        return (self.tuned(cell).name,)

    def best(self, log: Path) -> dict[str, float]:
        """What a row keeps of a training's best validation; the first value is the judge."""
        found = best_validation(log, self.metric)
        return {self.metric: found[self.metric], "update": int(found["num_updates"])}

    @abstractmethod
    def decoding(self, work: Work[MaterialT], cell: CellT, training: str, split: str) -> Decoding:
        """How a split is summarized by a finished training of the cell."""

    @abstractmethod
    def records(self, work: Work[MaterialT], split: str) -> Path:
        """The records of a split, with all references."""

    def languages(self, cell: CellT) -> Sequence[str]:
        """What a cell is measured in, the first one first of all."""
        return ("de",)

    def uses_start(self, cell: CellT) -> bool:
        """Whether a cell is trained from the shared start."""
        return False

    def start_group(self, name: str) -> str:
        """Rows of one group that have to do with the start must share one; all do by default."""
        return ""

    @abstractmethod
    def settings(self, cell: CellT) -> dict[str, Any]:
        """The columns `cell/...` of a row."""

    def more(self, work: Work[MaterialT], cell: CellT, training: str) -> dict[str, Any]:
        """Further columns of a finished cell, as measures of its model."""
        return {}

    @abstractmethod
    def report(self, table: Table, corpus: str, split: str) -> Iterator[tuple[str, Iterable[str]]]:
        """Title and lines of each part of the report; a part without a title is a remark."""

    def plot(self, table: Table, corpus: str, split: str, path: Path) -> None:
        """Draw the figure of a corpus and split."""
        raise SystemExit(f"--plot: {self.name} has no figure; leave it out")

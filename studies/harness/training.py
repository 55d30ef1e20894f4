"""What studies share that train systems on parts of a corpus, at rates that trials decide."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from studies.harness.processes import PLUGIN, best_validation
from studies.harness.study import NamedCell, Study, Work


class Named(Protocol):
    """A corpus of a study."""

    @property
    def name(self) -> str:
        """What its cells' names begin with."""


class TunedCell(NamedCell, Protocol):
    """A cell whose rate is that of a cell that may be another; a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def corpus(self) -> Named:
        """What it is trained on."""

    @property
    def tuned(self) -> Self:
        """The cell whose trials decide the rate of this one."""


class WithRecords(Protocol):
    """Material of a study with the records of each split, all references among them."""

    @property
    def records(self) -> Mapping[str, Path]:
        """Split -> file."""


TunedT = TypeVar("TunedT", bound=TunedCell)
RecordsT = TypeVar("RecordsT", bound=WithRecords)


class TunedStudy(Study[TunedT, RecordsT], Generic[TunedT, RecordsT]):
    """A study whose cells know which trials are theirs, and whose material has the records."""

    def tuned(self, cell: TunedT) -> TunedT:
        """As the cell says."""
        return cell.tuned

    def records(self, work: Work[RecordsT], split: str) -> Path:
        """Of the same corpus."""
        return work.material.records[split]

    def settings(self, cell: TunedT) -> dict[str, Any]:
        """What makes the cell, its corpus by name."""
        return {**asdict(cell), "corpus": cell.corpus.name}


def program(data: Path) -> list[str]:
    """The beginning of a training's command: fairseq's program with the plugin."""
    return ["fairseq-train", str(data), "--user-dir", PLUGIN]


def validated_every(updates: int) -> list[str]:
    """Flags of trainings that keep a checkpoint, and validate, after so many updates each time."""
    kinds = ("save", "validate")
    return [word for kind in kinds for word in (f"--{kind}-interval-updates", str(updates))]


def part_of(corpus: str, size: int, whole: int, seed: int) -> list[str]:
    """Flags of trainings on `size` examples of a corpus ("train" or "cls"); none for all of it."""
    if size >= whole:
        return []
    return [f"--{corpus}-subset-size", str(size), "--subset-seed", str(seed)]


def best_bound(log: Path, metric: str) -> dict[str, float]:
    """What a row of the VHM family keeps of the validation with the lowest `metric`.

    Returns:
        By name what was logged then: the metric first, then all else of CLS (bound and NLL in bits
        per token, and of latent variables KL in nats per sentence and active units); the update.
    """
    found = best_validation(log, metric)
    beside = {key: value for key, value in found.items() if key.startswith("cls_")}
    judge = {metric: beside.pop(metric)}
    return {**judge, "update": int(found["num_updates"]), **beside}


def best_nll(log: Path, metric: str) -> dict[str, float]:
    """What a row of MCLAS's family keeps of it: NLL of `S^B` in bits per token, and the update."""
    found = best_validation(log, metric)
    nll, update = found["cls_nll_loss"], int(found["num_updates"])
    return {"cls_nll_bits_per_token": nll, "update": update}

"""Trains, ranks and scores the cells of the study; a finished one is a row, which a rerun skips."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mclas_fairseq.bundles.format import describe_file
from studies.harness.origin import origin, without_folders
from studies.harness.processes import PLUGIN, call, claimed, say, train_once
from studies.harness.table import Table
from studies.labelling.cells import HIGHEST, LOWEST, PARTS, SOURCE, Cell, languages
from studies.labelling.corpora import data_bin
from studies.labelling.measuring import measure

_SENTENCES_RANKED = 1000
_TENTHS = {"pos": {SOURCE: 3}}  # of a language's training sentences, in all cells
_POSITIONS = "255"


@dataclass(frozen=True)
class Place:
    """Where the study works.

    Attributes:
        out: folder for everything but results.
        data: folder of the corpora.
        encoder: folder of the pretrained encoder.
        table: where results go.
        smoke: end every training after so many updates; 0: train as the rules say.
    """

    out: Path
    data: Path
    encoder: Path
    table: Table
    smoke: int = 0


def run(place: Place, cell: Cell) -> bool:
    """Make a cell, unless it is finished; False: another process is at it, or at its ranking."""
    if place.table.row(cell.name) is not None:
        return True
    ranking = None
    if cell.k:
        if not run(place, cell.ranked):
            return False
        ranking = _ranking(place, cell.ranked)
    with claimed(place.out / "claims" / cell.name) as mine:
        if not mine or place.table.row(cell.name) is not None:
            return mine
        _make(place, cell, ranking)
    return True


def _make(place: Place, cell: Cell, ranking: Path | None) -> None:
    heads = [] if ranking is None else _heads(cell, read_ranking(ranking))
    data = data_bin(cell.task, place.data, place.encoder, place.out / "bins")
    folder = place.out / "trainings" / cell.name
    words = _command(place, cell, data, heads)
    cost = train_once(words, folder, place.out / "log" / f"{cell.name}.log")
    scores, lines = measure(cell.name, folder / "checkpoint_last.pt", data, languages(cell.task))
    report: dict[str, Any] = {
        **origin(),
        "cell": asdict(cell),
        "encoder": _encoder(place.encoder),
        "training": cost,
        "heads": heads,
        "scores": scores,
    }
    if not cell.k and cell.parts == PARTS:
        report["ranking"] = _kept(_ranking(place, cell))
    place.table.add(cell.name, without_folders(report), lines)
    for name in ("checkpoint_best.pt", "checkpoint_last.pt"):
        if cell.k or cell.parts < PARTS:  # those with all heads rank for others
            (folder / name).unlink(missing_ok=True)
    say(f"{cell.name}: {_shown(scores)}")


def _shown(scores: Mapping[str, Any]) -> str:
    return ", ".join(f"{language} {one['valid']['score']:.2f}" for language, one in scores.items())


def _command(place: Place, cell: Cell, data: Path, heads: Sequence[str]) -> list[str]:
    """The training of a cell, by the rules."""
    tenths = {k: v for k, v in _TENTHS.get(cell.task, {}).items() if k in cell.trained}
    if cell.parts < PARTS:
        tenths[cell.trained[-1]] = cell.parts
    words = ["fairseq-train", str(data), "--user-dir", PLUGIN, "--task", "sequence_labelling"]
    words += ["--train-langs", ",".join(cell.trained), "--max-source-positions", _POSITIONS]
    if tenths:
        words += ["--train-folds", ",".join(f"{code}={count}" for code, count in tenths.items())]
    words += ["--arch", "token_classifier_base", "--pretrained-encoder", str(place.encoder)]
    if heads:
        words += ["--pruned-heads", ",".join(heads)]
    words += ["--dropout", "0.1", "--criterion", "label_cross_entropy", "--clip-norm", "1.0"]
    words += ["--optimizer", "adam", "--adam-eps", "1e-8", "--lr", "5e-4", "--batch-size", "16"]
    updates = place.smoke or _updates(cell, data, tenths)
    words += ["--lr-scheduler", "polynomial_decay", "--total-num-update", str(updates)]
    words += ["--max-update", str(updates), "--seed", str(cell.seed), "--num-workers", "0"]
    words += ["--disable-validation", "--no-epoch-checkpoints", "--cpu"]
    return [*words, "--log-format", "simple", "--log-interval", "50"]


def _updates(cell: Cell, data: Path, tenths: Mapping[str, int]) -> int:
    """Updates of three epochs."""
    counts = json.loads((data / "manifest.json").read_text(encoding="utf-8"))["counts"]["train"]
    sentences: int = sum(
        round(counts[f"words-{code}"] * tenths.get(code, PARTS) / PARTS) for code in cell.trained
    )
    return 3 * -(-sentences // 16)


def _ranking(place: Place, cell: Cell) -> Path:
    """The ranking of a model with all heads, made when it is missing."""
    path = place.out / "rankings" / f"{cell.name}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        data = data_bin(cell.task, place.data, place.encoder, place.out / "bins")
        checkpoint = place.out / "trainings" / cell.name / "checkpoint_last.pt"
        words = ["mclas", "heads", "rank", "--checkpoint", str(checkpoint), "--data", str(data)]
        words += ["--documents", str(_SENTENCES_RANKED), "--csv", str(path)]
        if len(cell.trained) > 1:  # merged of the sources alone: no target has labels
            words += ["--langs", ",".join(cell.trained), "--merge"]
        call(words, place.out / "log" / f"{cell.name}.rank.log")
    return path


def read_ranking(path: Path) -> dict[str, dict[str, float]]:
    """Column -> head -> importance, of what `mclas heads rank` wrote."""
    with path.open(encoding="utf-8", newline="") as stream:
        next(stream)
        rows = list(csv.DictReader(stream))
    columns = [name for name in rows[0] if name not in ("rank", "head")]
    return {name: {row["head"]: float(row[name]) for row in rows} for name in columns}


def _heads(cell: Cell, ranking: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The k heads that go."""
    return order_of(cell, ranking)[: cell.k]


def order_of(cell: Cell, ranking: Mapping[str, Mapping[str, float]]) -> list[str]:
    """All heads in the order in which they go."""
    values = ranking[cell.order if cell.order in ranking else cell.sources[0]]
    names = sorted(values)  # layer and number of a head have one digit here
    lowest = sorted(names, key=lambda name: values[name])
    if cell.order == HIGHEST:
        return lowest[::-1]
    if cell.order.startswith("random-"):
        draw = np.random.default_rng(int(cell.order.removeprefix("random-")))
        return [names[place] for place in draw.permutation(len(names))]
    assert cell.order == LOWEST or cell.order in ranking, cell.order
    return lowest


def _kept(path: Path) -> dict[str, Any]:
    """A ranking as a row keeps it: importance by column, in the order of the heads' names."""
    columns = read_ranking(path)
    names = sorted(next(iter(columns.values())))
    return {
        "heads": names,
        **{code: [round(own[name], 6) for name in names] for code, own in columns.items()},
    }


def _encoder(folder: Path) -> dict[str, Any]:
    said = json.loads((folder / "pretraining.json").read_text(encoding="utf-8"))
    weights = describe_file(folder / "model.safetensors").sha256
    return {"updates": said["updates"], "sha256": weights}


def states(table: Table, cells: Sequence[Cell]) -> Iterator[str]:
    """Name and state of each cell."""
    rows = table.rows()
    for cell in cells:
        yield f"{cell.name}\t{'finished' if cell.name in rows else 'missing'}"
    yield f"{len(cells)} cells, {sum(cell.name in rows for cell in cells)} finished"

"""Running a study: each cell once, from trials of its rate to its row, and the test split."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from mclas_fairseq.bundles.format import describe_file
from studies.harness.origin import origin, without_folders
from studies.harness.processes import claimed, say, train_once
from studies.harness.rates import Choice, best, search
from studies.harness.study import CellT, MaterialT, Study, Work
from studies.harness.summaries import (
    Decoding,
    Summary,
    measure,
    read_summaries,
    text_hash,
)
from studies.harness.table import Table


def training_name(cell: str, rate: str) -> str:
    """The folder of a cell's training with a rate; "" where a study tries none."""
    return f"{cell}_lr{rate}" if rate else cell


def train(
    study: Study[CellT, MaterialT], work: Work[MaterialT], cell: CellT, rate: str
) -> dict[str, Any]:
    """Train a cell with a rate, or find it trained; what it cost."""
    name = training_name(cell.name, rate)
    return train_once(study.command(work, cell, rate), work.out / name, work.log(name))


def choose_rate(
    study: Study[CellT, MaterialT], work: Work[MaterialT], cell: CellT
) -> Choice | None:
    """The rate whose trial validates best; None: another process is at the trials.

    A finished cell that has the trials tells what was chosen, wherever it was trained. A study
    without rates tries none: "".
    """
    if not study.rates:
        return Choice("", {}, "")
    rows = study.rows(work.table)
    for name in study.rate_rows(cell):
        if name in rows:
            return Choice(rows[name]["rate"], rows[name]["trials"], name)
    tuned = study.tuned(cell)
    found: dict[str, dict[str, float]] = {}

    def try_one(rate: str) -> float | None:
        name = training_name(tuned.name, rate)
        with claimed(work.out / f"{name}.claim") as mine:
            if not mine:
                return None
            train(study, work, tuned, rate)
        found[rate] = study.best(work.log(name))
        return next(iter(found[rate].values()))

    values = search(study.rates, try_one, widen=study.widen)
    if values is None:
        return None
    return Choice(best(values), found, tuned.name)


@dataclass(frozen=True)
class Trained:
    """A finished training that is summarized with and measured: a cell's, or the start of all.

    Attributes:
        name: of its row.
        training: folder in OUT.
        decode: split -> how it is summarized.
        languages: what is measured.
        of_start: whether it is, or started from, the start.
    """

    name: str
    training: str
    decode: Callable[[str], Decoding]
    languages: Sequence[str]
    of_start: bool


def trained(
    study: Study[CellT, MaterialT], work: Work[MaterialT], cell: CellT, rate: str
) -> Trained:
    """A cell's training."""
    training = training_name(cell.name, rate)
    decode = partial(study.decoding, work, cell, training)
    return Trained(cell.name, training, decode, study.languages(cell), study.uses_start(cell))


def trained_start(study: Study[CellT, MaterialT], work: Work[MaterialT]) -> Trained:
    """The start's training."""
    name, start = study.start_name, study.start(work)
    data, flags = start.decoding

    def decode(split: str) -> Decoding:
        return Decoding(work.checkpoint(name), data, study.records(work, split), flags)

    return Trained(f"{work.corpus}_{name}", name, decode, start.languages, of_start=True)


def run(study: Study[CellT, MaterialT], work: Work[MaterialT], cell: CellT) -> bool:
    """Train, summarize and score a cell, unless it is finished; False: another one is at it."""
    if work.table.row(cell.name) is not None:
        return True
    choice = choose_rate(study, work, cell)
    if choice is None:
        return False
    with claimed(work.out / f"{cell.name}.cell") as mine:
        if not mine or work.table.row(cell.name) is not None:
            return mine
        cost = train(study, work, cell, choice.rate)
        one = trained(study, work, cell, choice.rate)
        report: dict[str, Any] = {"cell": study.settings(cell)}
        if study.rates:
            report |= {**asdict(choice), "rate_interior": choice.interior}
        if study.metric:
            report["best"] = study.best(work.log(one.training))
        report |= {"training": cost, **study.more(work, cell, one.training)}
        scores = _keep(study, work, one, report)
    first = one.languages[0]
    say(f"{cell.name}: ROUGE-1 ({first}) {scores[first]['means']['rouge1']['f']:.2f}")
    return True


def run_start(study: Study[CellT, MaterialT], work: Work[MaterialT]) -> None:
    """Train what cells start from and keep its row; ends the study while another process is at it.

    Ends it too where kept cells started from another training than OUT has.
    """
    if not study.start_name:
        return
    name, start = study.start_name, study.start(work)
    with claimed(work.out / f"{name}.claim") as mine:
        if not mine:
            raise SystemExit(f"{name} is being trained by another command; wait for it")
        cost = train_once(start.words, work.out / name, work.log(name))
        check_start(work, name)
        one = trained_start(study, work)
        if work.table.row(one.name) is None:
            settings = {"corpus": work.corpus, "system": name, **start.settings}
            _keep(study, work, one, {"cell": settings, "training": cost})


def check_start(work: Work[MaterialT], name: str) -> None:
    """End the study where kept cells started from another checkpoint than OUT has."""
    checkpoint = work.checkpoint(name)
    own = describe_file(checkpoint).sha256
    others = [
        cell
        for cell, row in work.table.rows().items()
        if cell.startswith(f"{work.corpus}_") and row.get("sha256", {}).get(name, own) != own
    ]
    if others:
        raise SystemExit(
            f"{checkpoint}: all cells must start from one training, but {others} started from "
            f"another; delete their rows in {work.table.path}, or take the OUT in which they were "
            "trained"
        )


def open_test(study: Study[CellT, MaterialT], work: Work[MaterialT]) -> None:
    """Score every cell's summaries of the test split, once, when all cells are finished."""
    cells, rows = list(study.cells(work.corpus)), work.table.rows()
    names = [cell.name for cell in cells]
    names += [f"{work.corpus}_{study.start_name}"] if study.start_name else []
    missing = [name for name in names if name not in rows]
    if missing:
        raise SystemExit(
            f"test split: it is opened when all cells are in {work.table.path}, missing {missing}; "
            "finish them with `run`"
        )
    kept = _kept_summaries(work.table, names) if study.keeps_test_summaries else {}
    every = [trained(study, work, cell, rows[cell.name].get("rate", "")) for cell in cells]
    every += [trained_start(study, work)] if study.start_name else []
    for one in every:
        with claimed(work.out / f"{one.name}.test") as mine:
            if mine and "test" not in (work.table.row(one.name) or {}):
                _score_test(study, work, one, kept.get(one.name))


def states(study: Study[CellT, MaterialT], work: Work[None]) -> Iterator[str]:
    """Name and state of each cell, and how many there are in each state."""
    every = [*study.cells(work.corpus), *study.cells_by_name(work.corpus)]
    rows, found = work.table.rows(), {}
    for name in (cell.name for cell in every):
        if name in rows:
            found[name] = "finished, test split scored" if "test" in rows[name] else "finished"
        else:
            found[name] = "begun" if any(work.out.glob(f"{name}_lr*/")) else "missing"
        yield f"{name}\t{found[name]}"
    counts = Counter(found.values())
    yield f"{len(found)} cells: " + ", ".join(f"{count} {state}" for state, count in counts.items())


def _keep(
    study: Study[CellT, MaterialT], work: Work[MaterialT], one: Trained, report: dict[str, Any]
) -> dict[str, Any]:
    """Summarize validation (and test, unseen), score validation, add the row; the scores."""
    valid = work.out / "summaries" / f"{one.training}.valid.jsonl"
    cost = one.decode("valid").write(valid, work.log(f"{one.training}.valid"))
    sha256, lines = {}, []
    if study.start_name and one.of_start:
        checkpoint = work.checkpoint(study.start_name)
        sha256[study.start_name] = describe_file(checkpoint).sha256
    if study.keeps_test_summaries:
        unseen, _ = _summarize_test(work, one)
        lines = [{"cell": one.name, "split": "test", "summaries": unseen}]
        sha256["test_text"] = text_hash(unseen)
    summaries, records = read_summaries(valid), study.records(work, "valid")
    scores = {language: measure(summaries, records, language) for language in one.languages}
    whole = {**origin(), **report, "decoding": cost, "sha256": sha256, "valid": scores}
    work.table.add(one.name, without_folders(whole), lines)
    return scores


def _summarize_test(work: Work[MaterialT], one: Trained) -> tuple[list[Summary], dict[str, Any]]:
    # Written anew: what lies there may be of an earlier training.
    out = work.out / "summaries" / f"{one.training}.test.jsonl"
    cost = one.decode("test").write(out, work.log(f"{one.training}.test"))
    return read_summaries(out), cost


def _kept_summaries(table: Table, names: Sequence[str]) -> dict[str, list[Summary]]:
    """The unseen summaries of all cells; ends the study where one is not what its row says."""
    kept = {
        line["cell"]: line["summaries"]
        for line in table.lines()
        if line["split"] == "test" and "summaries" in line
    }
    rows = table.rows()
    wrong = [
        name
        for name in names
        if name not in kept or text_hash(kept[name]) != rows[name]["sha256"]["test_text"]
    ]
    if wrong:
        raise SystemExit(
            f"test split: all cells and the summaries that they were kept with must be in "
            f"{table.documents_path} before any are scored, missing {wrong}; delete the rows of "
            "these cells and let `run` make them again"
        )
    return kept


def _score_test(
    study: Study[CellT, MaterialT],
    work: Work[MaterialT],
    one: Trained,
    kept: list[Summary] | None,
) -> None:
    opened: dict[str, Any] = dict(origin())
    lines = []
    if kept is None:
        kept, opened["decoding"] = _summarize_test(work, one)
        lines = [{"cell": one.name, "split": "test", "summaries": kept}]
    records = study.records(work, "test")
    scores = {language: measure(kept, records, language) for language in one.languages}
    work.table.add(one.name, without_folders({"opened": opened, "test": scores}), lines)

"""Running a study: each cell once, from trials of its rate to its row."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from mclas_fairseq.bundles.format import describe_file
from studies.harness.origin import origin, without_folders
from studies.harness.processes import claimed, say, train_once
from studies.harness.rates import Choice, best, search
from studies.harness.study import CellT, MaterialT, Study, Work, Writing
from studies.harness.summaries import (
    Decoding,
    Summary,
    measure,
    read_summaries,
    text_hash,
)


def training_name(cell: str, rate: str) -> str:
    """The folder of a cell's training with a rate; "" where a study tries none."""
    return f"{cell}_lr{rate}" if rate else cell


def train(
    study: Study[CellT, MaterialT], work: Work[MaterialT], cell: CellT, rate: str
) -> dict[str, Any]:
    """Train a cell with a rate, or find it trained; what it cost."""
    name = training_name(cell.name, rate)
    words = work.training(study.command(work, cell, rate))
    return train_once(words, work.out / name, work.log(name))


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
        result = _trial(study, work, tuned, rate)
        if result is None:
            return None
        found[rate] = result
        return next(iter(result.values()))

    values = search(study.rates, try_one, widen=study.widen)
    if values is None:
        return None
    return Choice(best(values), found, tuned.name)


def _trial(
    study: Study[CellT, MaterialT], work: Work[MaterialT], cell: CellT, rate: str
) -> dict[str, float] | None:
    """What a rate gave at the best validation; None: another process is at it.

    Each trial leaves a row as soon as it is done: OUT may be lost, and a trial takes long.
    """
    name = training_name(cell.name, rate)
    with claimed(work.out / f"{name}.claim") as mine:
        if not mine:
            return None
        row = work.table.trials.row(name)
        if row is None:
            cost = train(study, work, cell, rate)
            best = study.best(work.log(name))
            row = {**origin(), "cell": study.settings(cell), "rate": rate, "best": best}
            work.table.trials.add(name, without_folders({**row, "training": cost}))
    return dict(row["best"])


@dataclass(frozen=True)
class Trained:
    """What is summarized with and measured: a cell's training, the start of all, or a row beside.

    Attributes:
        name: of its row.
        training: folder in OUT, where there is one; its summaries are named by it.
        decode: split -> how it is summarized.
        languages: what is measured.
        of_start: whether it is, or started from, the start.
    """

    name: str
    training: str
    decode: Callable[[str], Writing]
    languages: Sequence[str]
    of_start: bool


def trained(
    study: Study[CellT, MaterialT], work: Work[MaterialT], cell: CellT, rate: str
) -> Trained:
    """A cell's training."""
    training = training_name(cell.name, rate)
    decode = partial(study.decoding, work, cell, training)
    return Trained(cell.name, training, decode, study.languages(cell), study.uses_start(cell))


def trained_start(study: Study[CellT, MaterialT], work: Work[MaterialT], row: str = "") -> Trained:
    """The start's training; `row` is the name of its row where it is not the first one's."""
    name, start = study.start_name, study.start(work)
    data, flags = start.decoding

    def decode(split: str) -> Decoding:
        return Decoding(work.checkpoint(name), data, study.records(work, split), flags)

    row = row or f"{work.corpus}_{name}"
    return Trained(row, name, decode, start.languages, of_start=True)


def trained_beside(study: Study[CellT, MaterialT], work: Work[MaterialT], name: str) -> Trained:
    """A row beside the cells."""
    one = study.beside(work, name)
    return Trained(name, name, one.writing, one.languages, one.of_start)


def run_beside(study: Study[CellT, MaterialT], work: Work[MaterialT], name: str) -> bool:
    """Make a row beside the cells, unless it is there; False: another process is at it."""
    if work.table.row(name) is not None:
        return True
    with claimed(work.out / f"{name}.beside") as mine:
        if not mine or work.table.row(name) is not None:
            return mine
        one = study.beside(work, name)
        columns = {"cell": {"corpus": work.corpus, **one.settings}, **one.make()}
        scores = _keep(study, work, trained_beside(study, work, name), columns)
    first = one.languages[0]
    say(f"{name}: ROUGE-1 ({first}) {scores[first]['means']['rouge1']['f']:.2f}")
    return True


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


def run_start(study: Study[CellT, MaterialT], work: Work[MaterialT], wanted: Sequence[str]) -> None:
    """Train what cells start from and keep its row, or wait for another process that is at it.

    A start that is not the one of the kept row gets a row of its own.

    Args:
        study: which.
        work: where things stand.
        wanted: names of the cells, and of rows beside them, that are about to be made; the study
            ends where kept cells that must share their start have another one than OUT has.
    """
    if not study.start_name:
        return
    name, start = study.start_name, study.start(work)
    with claimed(work.out / f"{name}.claim", wait_for=name):
        cost = train_once(work.training(start.words), work.out / name, work.log(name))
        own = describe_file(work.checkpoint(name)).sha256
        check_start(study, work, own, wanted)
        one = trained_start(study, work, _start_row(study, work, own))
        if work.table.row(one.name) is None:
            settings = {"corpus": work.corpus, "system": name, **start.settings}
            _keep(study, work, one, {"cell": settings, "training": cost})


def _start_row(study: Study[CellT, MaterialT], work: Work[MaterialT], own: str) -> str:
    """Name of the row of the start with the hash `own`: that of the first has none in it."""
    first = f"{work.corpus}_{study.start_name}"
    kept = (work.table.row(first) or {}).get("sha256", {}).get(study.start_name, own)
    return first if kept == own or not study.keeps_starts else f"{first}-{own[:8]}"


def check_start(
    study: Study[CellT, MaterialT], work: Work[MaterialT], own: str, wanted: Sequence[str]
) -> None:
    """End the study where kept cells do not share the start that those which are wanted will have.

    Args:
        study: says which cells must share theirs.
        work: where things stand.
        own: SHA-256 of the start's checkpoint in OUT.
        wanted: names of rows that are about to be made.
    """
    name, groups = study.start_name, {study.start_group(one) for one in wanted}
    starts = () if not study.keeps_starts else (f"{work.corpus}_{name}",)
    others = [
        cell
        for cell, row in work.table.rows().items()
        if cell.startswith(f"{work.corpus}_")
        and not cell.startswith(starts)
        and study.start_group(cell) in groups
        and row.get("sha256", {}).get(name, own) != own
    ]
    if others:
        raise SystemExit(
            f"{work.checkpoint(name)}: all cells must start from one training, but {others} started"
            f" from another; delete their rows in {work.table.path}, or take the OUT in which they "
            "were trained"
        )


def states(study: Study[CellT, MaterialT], work: Work[None]) -> Iterator[str]:
    """Name and state of each cell, and how many there are in each state."""
    every = [*study.cells(work.corpus), *study.cells_by_name(work.corpus)]
    names = [*(cell.name for cell in every), *study.names_beside(work.corpus)]
    rows, found = work.table.rows(), {}
    for name in names:
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
        unseen, _ = summarize_test(work, one)
        lines = [{"cell": one.name, "split": "test", "summaries": unseen}]
        sha256["test_text"] = text_hash(unseen)
    summaries, records = read_summaries(valid), study.records(work, "valid")
    scores = {language: measure(summaries, records, language) for language in one.languages}
    whole = {**origin(), **report, "decoding": cost, "sha256": sha256, "valid": scores}
    work.table.add(one.name, without_folders(whole), lines)
    return scores


def summarize_test(work: Work[MaterialT], one: Trained) -> tuple[list[Summary], dict[str, Any]]:
    """Summaries of the test split, unseen, and what they cost."""
    # Written anew: what lies there may be of an earlier training.
    out = work.out / "summaries" / f"{one.training}.test.jsonl"
    cost = one.decode("test").write(out, work.log(f"{one.training}.test"))
    return read_summaries(out), cost

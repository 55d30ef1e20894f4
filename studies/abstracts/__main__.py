"""What helps a summarizer of scientific abstracts to write another language.

    python -m studies.abstracts run OUT --corpus it --data DATA
    python -m studies.abstracts run OUT --corpus it --data DATA --only '_(mclas|mt)_seed1'
    python -m studies.abstracts list OUT --corpus it
    python -m studies.abstracts report --corpus it
    python -m studies.abstracts test OUT --corpus it --data DATA
    python -m studies.abstracts run TRIAL --corpus it --data DATA --smoke 4 --results TRIAL

Trains MCLAS on 1,983 triples of X-SCITLDR from a monolingual summarizer, and systems that differ
from it in one thing: what is learned first, dropout, copying, the layout. The two best get three
seeds, and are trained in German and Chinese with nothing tuned. A finished cell is a row of
studies/results/abstracts.csv, which a rerun skips; a stopped training goes on where it was. Several
of these commands may run side by side in one OUT. studies/abstracts/rules.md has the rules by which
it is judged.

DATA is the folder with xscitldr/, papers/, parallel/ and ddtp/. OUT gets corpora, data-bins,
checkpoints and logs; OUT/it/records/silver.jsonl is the corpus.jsonl of examples/en2it_roundtrip.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.evaluation.untranslated import read_titles
from studies.abstracts import report
from studies.abstracts.cells import (
    CHOSEN,
    FIRST_TRAINING,
    ITALIAN,
    LANGUAGES,
    MS_TRAINING,
    PRECISION,
    RATES,
    SEARCH,
    SYSTEMS,
    TRAINING,
    VALIDATE,
    VALIDATE_FIRST,
    WIDEN,
    Cell,
    System,
    cells,
)
from studies.abstracts.corpora import Material, build
from studies.abstracts.facts import facts
from studies.ddtp.beside import BASELINES, Baseline, write_texts
from studies.harness.command import main
from studies.harness.processes import claimed, train_once
from studies.harness.study import Beside, Start, Study, Work
from studies.harness.summaries import Decoding
from studies.harness.table import Table
from studies.harness.training import best_nll, program, validated_every


class Abstracts(Study[Cell, Material]):
    """Systems that differ from MCLAS in one thing, on abstracts."""

    name = "abstracts"
    corpora = LANGUAGES
    rates = RATES
    widen = WIDEN
    metric = "cls_nll_loss"
    start_name = "ms"
    keeps_test_summaries = True

    def cells(self, corpus: str) -> Sequence[Cell]:
        """The factors, then further seeds of the two best; of other languages these alone."""
        return list(cells(corpus))

    def not_ready(self, corpus: str) -> str:
        """The two best are chosen before the test split is opened."""
        return "" if CHOSEN else "the two best are not chosen yet; see CHOSEN in cells.py"

    def prepare(self, corpus: str, data: Path | None, out: Path) -> Material:
        """Records and data-bins that every system needs."""
        if corpus != ITALIAN and not CHOSEN:
            raise SystemExit(f"--corpus {corpus}: follows the Italian cells; finish them first")
        return build(corpus, data, out)

    def start(self, work: Work[Material]) -> Start:
        """The monolingual summarizer."""
        data = work.material.pretraining
        words = _train(data, MS_TRAINING, validated_every(VALIDATE_FIRST))
        return Start(words, (data, SEARCH.split()), ("en",), {"precision": PRECISION})

    def uses_start(self, cell: Cell) -> bool:
        """All do."""
        return True

    def tuned(self, cell: Cell) -> Cell:
        """The base in Italian, for all."""
        return cell.tuned

    def command(self, work: Work[Material], cell: Cell, rate: str) -> list[str]:
        """The training on the triples, from MS or from what was learned first."""
        system, material = SYSTEMS[cell.system], work.material
        lexicon = str(material.lexicon()) if system.translated else ""
        flags = [*system.copying(lexicon).split(), "--target-layout", system.layout]
        flags += [*system.flags.split(), "--lr", rate, "--seed", str(cell.seed)]
        flags += ["--finetune-from-model", str(self._learned_first(work, cell))]
        return _train(material.triples, TRAINING, [*flags, *validated_every(VALIDATE)])

    def _learned_first(self, work: Work[Material], cell: Cell) -> Path:
        """The checkpoint that a cell starts from, trained when it is missing."""
        system = SYSTEMS[cell.system]
        parts = system.learned_first(work.corpus)
        if not parts:
            return work.checkpoint("ms")
        name = _first(system, parts)
        flags = ["--target-layout", system.layout, *validated_every(VALIDATE_FIRST)]
        flags += ["--finetune-from-model", str(work.checkpoint("ms"))]
        with claimed(work.out / f"{name}.claim", wait_for=name):
            words = _train(work.material.first(parts), FIRST_TRAINING, flags)
            train_once(work.training(words), work.out / name, work.log(name))
        return work.checkpoint(name)

    def best(self, log: Path) -> dict[str, float]:
        """The best validation: NLL of `S^B` in bits per token, and at which update."""
        return best_nll(log, self.metric)

    def decoding(self, work: Work[Material], cell: Cell, training: str, split: str) -> Decoding:
        """In all languages that the system writes."""
        material = work.material
        records = material.records(split)
        return Decoding(work.checkpoint(training), material.triples, records, SEARCH.split())

    def records(self, work: Work[Material], split: str) -> Path:
        """With all references."""
        return work.material.records(split)

    def languages(self, cell: Cell) -> Sequence[str]:
        """NCLS writes no English."""
        ncls = SYSTEMS[cell.system].layout == "ncls"
        return (cell.corpus,) if ncls else (cell.corpus, "en")

    def settings(self, cell: Cell) -> dict[str, Any]:
        """What makes the cell."""
        first = SYSTEMS[cell.system].learned_first(cell.corpus)
        return {**asdict(cell), "first": list(first), "precision": PRECISION}

    def more(self, work: Work[Material], cell: Cell, training: str) -> dict[str, Any]:
        """What people and a trigram model reach, and what was learned first."""
        system = SYSTEMS[cell.system]
        parts, found = system.learned_first(work.corpus), facts(work.material)
        if not parts:
            return found
        name = _first(system, parts)
        return {**found, "best_first": self.best(work.log(name))}

    def names_beside(self, corpus: str) -> Sequence[str]:
        """Baselines, the title among them."""
        return [f"{corpus}_baseline-{kind}" for kind in report.BASELINES]

    def beside(self, work: Work[Material], name: str) -> Beside:
        """One of them."""
        kind = name.removeprefix(f"{work.corpus}_baseline-")
        material, language = work.material, work.corpus

        def writing(split: str) -> "Baseline | Title":
            records = material.records(split)
            if kind in BASELINES:
                return Baseline(kind, material.training, records, language)
            return Title(records, language)

        return Beside({"system": f"baseline-{kind}"}, dict, writing, (language,))

    def report(self, table: Table, corpus: str, split: str) -> Iterator[tuple[str, Iterable[str]]]:
        """Scores, the gate, factors, and the aims by studies/abstracts/rules.md."""
        yield from report.parts(report.Results(corpus, split, table))


@dataclass(frozen=True)
class Title:
    """The documents' English titles as summaries.

    Attributes:
        records: of the split, each with a title.
        language: that they are called summaries of.
    """

    records: Path
    language: str

    def write(self, out: Path, log: Path) -> dict[str, Any]:
        """Write them as `mclas summarize` would."""
        titles, records = read_titles(self.records, "en"), list(read_records(self.records))
        write_texts(out, records, [titles[record.id] for record in records], self.language)
        return {}


def _first(system: System, parts: Sequence[str]) -> str:
    """What the training is called that comes before the triples."""
    return "-".join(["first", system.layout, *parts])


def _train(data: Path, settings: str, flags: Sequence[str]) -> list[str]:
    task = ["--task", "cross_lingual_summarization"]
    return [*program(data), *task, *settings.split(), *flags]


if __name__ == "__main__":
    main(Abstracts())

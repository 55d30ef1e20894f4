"""MCLAS's claims on descriptions of Debian's packages, whose summaries people wrote.

    python -m studies.ddtp run OUT --corpus it --data DATA
    python -m studies.ddtp list OUT --corpus it
    python -m studies.ddtp report --corpus it
    python -m studies.ddtp test OUT --corpus it --data DATA

Trains NCLS, NCLS+MS and MCLAS on 17,464, 2,500 and 500 English-Italian triples from a monolingual
summarizer that knows none of them, from scratch, and three controls; then, with all settings
frozen, NCLS and MCLAS on all French and all German triples (--corpus fr, de). A finished cell is a
row of studies/results/ddtp.csv, which a rerun skips; a stopped training goes on where it was.
Several of these commands may run side by side in one OUT. studies/ddtp/rules.md has the rules by
which it is judged.

DATA is the folder of train.jsonl.gz, valid.jsonl.gz and test.jsonl.gz (preprocess/ddtp.sh). OUT
gets corpora, data-bins, checkpoints and logs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from studies.ddtp import report
from studies.ddtp.beside import BASELINES, TLTRAN, UNTRANSLATED, Baseline, Translated
from studies.ddtp.cells import (
    COMMON,
    CONTROLS,
    CORPORA,
    FINE_TUNING,
    ITALIAN,
    LAYOUTS,
    MS_TRAINING,
    PRECISION,
    RATES,
    SEARCH,
    TRANSLATOR_TRAINING,
    WIDEN,
    Cell,
    cells,
)
from studies.ddtp.corpora import Material, build
from studies.ddtp.penalty import decide, decided
from studies.ddtp.uncopied import without_copying
from studies.harness.command import main
from studies.harness.processes import train_once
from studies.harness.study import Beside, Start, Study, Work
from studies.harness.summaries import Decoding
from studies.harness.table import Table
from studies.harness.training import best_nll, program


class PackageDescriptions(Study[Cell, Material]):
    """NCLS, NCLS+MS and MCLAS by number of triples, and by language."""

    name = "ddtp"
    corpora = tuple(CORPORA)
    rates = RATES
    widen = WIDEN
    metric = "cls_nll_loss"
    start_name = "ms"
    keeps_starts = True
    keeps_test_summaries = True

    def cells(self, corpus: str) -> Sequence[Cell]:
        """Comparisons before controls, seed by seed."""
        return list(cells(CORPORA[corpus]))

    def prepare(self, corpus: str, data: Path | None, out: Path) -> Material:
        """Data-bins of the triples, of the other documents and of a control."""
        return build(CORPORA[corpus], data, out)

    def start(self, work: Work[Material]) -> Start:
        """The monolingual summarizer that all systems from "ms" share.

        Ends the study where the settings that another language takes over are not decided yet.
        """
        rows = work.table.rows()
        missing = {cell.decided_by for cell in self.cells(work.corpus)} - set(rows)
        if CORPORA[work.corpus].frozen and missing:
            raise SystemExit(
                f"--corpus {work.corpus}: takes rates and length penalties of the Italian cells, "
                f"but {', '.join(sorted(missing))} are not in {work.table.path}; finish them first"
            )
        data = work.material.pretraining
        search = (data, [*SEARCH.split(), "--lenpen", "1.0"])
        words = _train(data, MS_TRAINING.split())
        return Start(words, search, ("en",), {"precision": PRECISION})

    def uses_start(self, cell: Cell) -> bool:
        """Whether it is one of those from MS."""
        return cell.start == "ms"

    def start_group(self, name: str) -> str:
        """Cells of one size, which are compared, share one MS; TLTran has one for itself."""
        return name.split("_")[1]

    def command(self, work: Work[Material], cell: Cell, rate: str) -> list[str]:
        """One of the systems on its part of the triples."""
        layout, arch, more = LAYOUTS[cell.system]
        flags = ["--target-layout", layout, "--arch", arch, *more.split(), *FINE_TUNING.split()]
        flags += ["--lr", rate, "--seed", str(cell.seed)]
        for flag in ("--save-interval-updates", "--validate-interval-updates"):
            flags += [flag, str(cell.validate)]
        if cell.size < cell.corpus.triples:
            flags += ["--train-subset-size", str(cell.size), "--subset-seed", str(cell.seed)]
        if cell.start == "ms":
            start = work.checkpoint("ms")
            if cell.system == "mclas-uncopied":
                start = without_copying(start)
            flags += ["--finetune-from-model", str(start)]
        material = work.material
        return _train(
            material.shuffled if cell.system == "mclas-shuffled" else material.triples, flags
        )

    def tuned(self, cell: Cell) -> Cell:
        """The same system, size and start with seed 1."""
        return cell.tuned

    def rate_rows(self, cell: Cell) -> Sequence[str]:
        """That cell's, in Italian for the other languages."""
        return (cell.decided_by,)

    def best(self, log: Path) -> dict[str, float]:
        """The best validation: NLL of `S^B` in bits per token, and at which update."""
        return best_nll(log, self.metric)

    def decoding(self, work: Work[Material], cell: Cell, training: str, split: str) -> Decoding:
        """In all languages that the system writes."""
        return self.search(work, cell, training, split, decided(work, cell))

    def search(
        self, work: Work[Material], cell: Cell, training: str, split: str, penalty: str
    ) -> Decoding:
        """With a length penalty."""
        both = ["--summary-decoder", "both"] if cell.system.startswith("ncls_ms") else []
        flags = [*SEARCH.split(), "--lenpen", penalty, *both]
        material = work.material
        return Decoding(work.checkpoint(training), material.triples, material.records[split], flags)

    def records(self, work: Work[Material], split: str) -> Path:
        """Those with both summaries."""
        return work.material.records[split]

    def languages(self, cell: Cell) -> Sequence[str]:
        """NCLS writes no English."""
        own = cell.corpus.language
        return (own,) if cell.system == "ncls" else (own, "en")

    def optional(self, cell: Cell) -> bool:
        """Where time does not hold every cell, controls and the least size go, by the rules."""
        return cell.system in CONTROLS or cell.size <= min(ITALIAN.sizes)

    def names_beside(self, corpus: str) -> Sequence[str]:
        """Baselines, the untranslated synopsis, and in Italian TLTran."""
        names = [*(f"baseline-{kind}" for kind in BASELINES), UNTRANSLATED]
        return [f"{corpus}_{name}" for name in names + [TLTRAN] * (corpus == ITALIAN.language)]

    def beside(self, work: Work[Material], name: str) -> Beside:
        """One of them."""
        system, language = name.removeprefix(f"{work.corpus}_"), work.corpus
        if system == TLTRAN:
            return self._tltran(work)
        kind = system.removeprefix("baseline-")

        def writing(split: str) -> Baseline:
            material = work.material
            return Baseline(kind, material.training, material.records[split], language)

        return Beside({"system": system}, dict, writing, (language,))

    def _tltran(self, work: Work[Material]) -> Beside:
        search, pairs = [*SEARCH.split(), "--lenpen", "1.0"], work.material.pairs
        out, training = work.out / TLTRAN, "translator"

        def make() -> dict[str, Any]:
            if pairs is None:
                raise SystemExit(
                    "--data: TLTran's translator is trained on its paragraphs; give it"
                )
            words = work.training(_train(pairs, TRANSLATOR_TRAINING.split()))
            cost = train_once(words, work.out / training, work.log(training))
            return {"best": self.best(work.log(training)), "training": cost, "penalty": "1.0"}

        def writing(split: str) -> Translated:
            data, flags = self.start(work).decoding
            first = Decoding(work.checkpoint("ms"), data, work.material.records[split], flags)
            source = out / f"{split}.jsonl"
            second = Decoding(work.checkpoint(training), pairs or Path(), source, search)
            return Translated(first, work.out / "summaries" / f"ms.{split}.jsonl", second)

        settings = {"system": TLTRAN, "precision": PRECISION}
        return Beside(settings, make, writing, (work.corpus,), of_start=True)

    def settings(self, cell: Cell) -> dict[str, Any]:
        """What makes the cell."""
        return {**asdict(cell), "corpus": cell.corpus.language, "precision": PRECISION}

    def more(self, work: Work[Material], cell: Cell, training: str) -> dict[str, Any]:
        """The length penalty, and what its trials gave where they were made with this cell."""
        return decide(
            work, cell, lambda penalty: self.search(work, cell, training, "valid", penalty)
        )

    def report(self, table: Table, corpus: str, split: str) -> Iterator[tuple[str, Iterable[str]]]:
        """Scores, settings, and the verdicts by studies/ddtp/rules.md."""
        yield from report.parts(report.Results(CORPORA[corpus], split, table))

    def plot(self, table: Table, corpus: str, split: str, path: Path) -> None:
        """Content ROUGE-1 by number of triples."""
        report.plot(report.Results(CORPORA[corpus], split, table), path)


def _train(data: Path, flags: Sequence[str]) -> list[str]:
    words = program(data)
    return [*words, "--task", "cross_lingual_summarization", *COMMON.split(), *flags]


if __name__ == "__main__":
    main(PackageDescriptions())

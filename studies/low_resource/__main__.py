"""The low-resource study of Bai et al. (2021): systems x sizes x starts x seeds, as one command.

    python -m studies.low_resource run OUT --corpus news
    python -m studies.low_resource run OUT --corpus xscitldr --data DATA
    python -m studies.low_resource list OUT --corpus xscitldr
    python -m studies.low_resource report --corpus xscitldr --split test --plot figure.png
    python -m studies.low_resource test OUT --corpus xscitldr --data DATA

Trains NCLS, NCLS+MS and MCLAS on few and on all triples, from a monolingual summarizer (trained
once, shared) and from scratch, with three seeds, and two controls; has them summarize the
validation split, and scores that. Every system gets the same number of updates, the same search,
and two trials of the learning rate, chosen by validation NLL (xscitldr: those of its first run, the
rows "bf16/..."). A finished cell is a row of studies/results/low_resource.csv, which a rerun skips;
a stopped training goes on where it was. Several of these commands may run side by side in one OUT.
docs/decision_rules.md has the rules by which the claims are judged.

DATA is the folder with xscitldr/ and papers/. OUT gets corpora, data-bins, checkpoints and logs.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from studies.harness.command import main
from studies.harness.study import Start, Work
from studies.harness.summaries import Decoding
from studies.harness.table import Table
from studies.harness.training import (
    TunedStudy,
    best_nll,
    part_of,
    program,
    validated_every,
)
from studies.low_resource import report
from studies.low_resource.cells import (
    COMMON,
    CORPORA,
    FINE_TUNING,
    LAYOUTS,
    MS_TRAINING,
    PRECISION,
    RATES,
    Cell,
    cells,
)
from studies.low_resource.corpora import Material, build


class LowResource(TunedStudy[Cell, Material]):
    """NCLS, NCLS+MS and MCLAS by number of triples."""

    name = "low_resource"
    corpora = tuple(CORPORA)
    rates = RATES
    metric = "cls_nll_loss"
    start_name = "ms"
    keeps_test_summaries = True

    def cells(self, corpus: str) -> Sequence[Cell]:
        """The comparisons before the controls, seed by seed."""
        return list(cells(CORPORA[corpus]))

    def prepare(self, corpus: str, data: Path | None, out: Path) -> Material:
        """Data-bins of the triples, of the monolingual corpus and of the controls."""
        return build(CORPORA[corpus], data, out)

    def start(self, work: Work[Material]) -> Start:
        """The monolingual summarizer that all systems with the start "ms" share."""
        data, corpus = work.material.pretraining, work.material.corpus
        flags = [*MS_TRAINING[corpus.name].split(), "--target-layout", "ms", "--seed", "1"]
        flags += validated_every(500)
        search = (data, corpus.search.split())
        return Start(_train(work, data, flags), search, ("en",), {"precision": PRECISION})

    def uses_start(self, cell: Cell) -> bool:
        """Whether it is one of those from MS."""
        return cell.start == "ms"

    def command(self, work: Work[Material], cell: Cell, rate: str) -> list[str]:
        """One of the systems on its part of the triples."""
        corpus, material = cell.corpus, work.material
        layout, arch = LAYOUTS[cell.system]
        flags = ["--target-layout", layout, "--arch", arch, "--lr", rate, *FINE_TUNING.split()]
        flags += ["--max-update", str(corpus.updates), "--seed", str(cell.seed)]
        flags += validated_every(corpus.validate)
        flags += part_of("train", cell.size, corpus.sizes[-1], cell.seed)
        if cell.start == "ms":
            flags += ["--finetune-from-model", str(work.checkpoint("ms"))]
        if cell.system == "ncls_ms-half":
            flags += ["--ncls-ms-init", "cls-random"]
        data = material.shuffled if cell.system == "mclas-shuffled" else material.triples
        return _train(work, data, flags)

    def rate_rows(self, cell: Cell) -> Sequence[str]:
        """Those of this run, then of the first run of xscitldr, in bf16 on another machine."""
        return (cell.tuned.name, f"bf16/{cell.tuned.name}")

    def best(self, log: Path) -> dict[str, float]:
        """The best validation: NLL of `S^B` in bits per token, and at which update."""
        return best_nll(log, self.metric)

    def decoding(self, work: Work[Material], cell: Cell, training: str, split: str) -> Decoding:
        """In all languages that the system writes."""
        both = ["--summary-decoder", "both"] if cell.system.startswith("ncls_ms") else []
        flags = [*cell.corpus.search.split(), *both]
        material = work.material
        return Decoding(work.checkpoint(training), material.triples, material.records[split], flags)

    def languages(self, cell: Cell) -> Sequence[str]:
        """NCLS writes no English."""
        return ("de",) if cell.system == "ncls" else ("de", "en")

    def settings(self, cell: Cell) -> dict[str, Any]:
        """What makes the cell, and the precision of all."""
        return {**super().settings(cell), "precision": PRECISION}

    def more(self, work: Work[Material], cell: Cell, training: str) -> dict[str, Any]:
        """How long it was trained."""
        return {"updates": cell.corpus.updates}

    def report(self, table: Table, corpus: str, split: str) -> Iterator[tuple[str, Iterable[str]]]:
        """Tables 2, 5, 6 and 7 and Figure 3 of the paper, controls, and the verdicts."""
        yield from report.parts(report.Results(CORPORA[corpus], split, table))

    def plot(self, table: Table, corpus: str, split: str, path: Path) -> None:
        """Figure 3."""
        report.plot(report.Results(CORPORA[corpus], split, table), path)


def _train(work: Work[Material], data: Path, flags: Sequence[str]) -> list[str]:
    words = [*program(data), "--task", "cross_lingual_summarization", *COMMON.split(), *flags]
    return words + work.material.corpus.flags.split()


if __name__ == "__main__":
    main(LowResource())

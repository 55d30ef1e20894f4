"""The study of Liang et al. (2022), VHM, as one command: systems x sizes x seeds, and ablations.

    python -m studies.vhm run OUT --corpus news
    python -m studies.vhm run OUT --corpus news --only 'cyclical|per-dimension'
    python -m studies.vhm run OUT --corpus xscitldr --data DATA
    python -m studies.vhm report --corpus news --split test --plot figure.png
    python -m studies.vhm test OUT --corpus xscitldr --data DATA

Trains TNCLS, MT-MS-CLS, VHM, and VHM with free bits on a part of the CLS data and on all of it, MT
and MS whole, three seeds, and on synthetic news the five ablations of Table 5; has them summarize
the validation split, and scores that. Every system gets the same number of updates, the same
search, and two trials of the learning rate, chosen like its checkpoint by the bound of CLS on
validation data. A finished cell is a row of studies/results/vhm.csv, which a rerun skips; a stopped
training goes on where it was. Several of these commands may run side by side in the same OUT.
--only 'cyclical|per-dimension' trains the remedies, which stand outside the comparison: a REGEX
that matches no cell of the comparison is looked for among them. docs/decision_rules.md has the
rules by which the claims are judged.

DATA holds xscitldr/, papers/, tatoeba/ and multi30k/. OUT gets corpora, data-bins and checkpoints.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from studies.harness.command import main
from studies.harness.study import Work
from studies.harness.summaries import Decoding
from studies.harness.table import Table
from studies.harness.training import (
    TunedStudy,
    best_bound,
    part_of,
    program,
    validated_every,
)
from studies.vhm import report
from studies.vhm.cells import COMMON, CORPORA, RATES, SYSTEMS, Cell, cells, remedies
from studies.vhm.corpora import Material, build
from studies.vhm.health import latent_health

_LATENTS = ("--documents", "100", "--beam", "1", "--max-len-b", "40")


class Vhm(TunedStudy[Cell, Material]):
    """VHM and its baselines by the share of CLS data."""

    name = "vhm"
    corpora = tuple(CORPORA)
    rates = RATES
    metric = "cls_bound"

    def cells(self, corpus: str) -> Sequence[Cell]:
        """The comparisons before the ablations, seed by seed."""
        return list(cells(CORPORA[corpus]))

    def cells_by_name(self, corpus: str) -> Sequence[Cell]:
        """The remedies against a collapse."""
        return list(remedies(CORPORA[corpus]))

    def prepare(self, corpus: str, data: Path | None, out: Path) -> Material:
        """Data-bins of CLS, MT and MS."""
        return build(CORPORA[corpus], data, out)

    def command(self, work: Work[Material], cell: Cell, rate: str) -> list[str]:
        """One of the systems on its part of the CLS data."""
        corpus, material = cell.corpus, work.material
        words = [
            *program(material.data),
            *COMMON.split(),
            *corpus.flags.split(),
            *SYSTEMS[cell.system].flags.split(),
        ]
        words += [*material.flags, "--lr", rate, "--seed", str(cell.seed)]
        words += ["--max-update", str(corpus.updates), *validated_every(corpus.validate)]
        return words + part_of("cls", cell.size, corpus.sizes[-1], cell.seed)

    def best(self, log: Path) -> dict[str, float]:
        """The validation of the checkpoint that is kept: that with the lowest bound of CLS."""
        return best_bound(log, self.metric)

    def decoding(self, work: Work[Material], cell: Cell, training: str, split: str) -> Decoding:
        """In German."""
        material = work.material
        flags = cell.corpus.search.split()
        return Decoding(work.checkpoint(training), material.data, material.records[split], flags)

    def more(self, work: Work[Material], cell: Cell, training: str) -> dict[str, Any]:
        """How long it may take, and the health of its latent variables."""
        latent = SYSTEMS[cell.system].latent
        return {
            "updates": cell.corpus.updates,
            "health": latent_health(work, training, work.material.data, _LATENTS)
            if latent
            else None,
            "budget_seconds": cell.corpus.seconds,
        }

    def report(self, table: Table, corpus: str, split: str) -> Iterator[tuple[str, Iterable[str]]]:
        """Tables 4 and 5 and Figure 2 of the paper, latent variables, cost, and the verdicts."""
        yield from report.parts(report.Results(CORPORA[corpus], split, table))

    def plot(self, table: Table, corpus: str, split: str, path: Path) -> None:
        """Figure 2."""
        report.plot(report.Results(CORPORA[corpus], split, table), path)


if __name__ == "__main__":
    main(Vhm())

"""VHM, its baselines and a control on descriptions of Debian's packages, English to Italian.

    python -m studies.vhm_ddtp run OUT --data DATA
    python -m studies.vhm_ddtp run OUT --data DATA --only 'it_17464_(vhm|control)_seed1$'
    python -m studies.vhm_ddtp list OUT
    python -m studies.vhm_ddtp report --plot figure.png
    python -m studies.vhm_ddtp test OUT --data DATA
    python -m studies.vhm_ddtp run TRIAL --data DATA --smoke 20 --results TRIAL --only vhm_seed1

Trains MT-MS-CLS, VHM and the control (the layer of Eq. 8 without a latent variable) on 10 % and
100 % of the CLS records, MT and MS whole, five seeds; TNCLS on all; MS-CLS and MT-CLS once;
remedies of a collapse on all, three seeds. A finished cell is a row of
studies/results/vhm_ddtp.csv, which a rerun skips; a stopped training goes on where it was. Several
of these commands may run side by side in one OUT. studies/vhm_ddtp/rules.md has the rules by which
it is judged.

DATA is the folder of train.jsonl.gz, valid.jsonl.gz and test.jsonl.gz (preprocess/ddtp.sh). OUT
gets records, data-bin, checkpoints and logs.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from studies.ddtp.beside import BASELINES, UNTRANSLATED, Baseline
from studies.harness.command import main
from studies.harness.study import Beside, Study, Work
from studies.harness.summaries import Decoding
from studies.harness.table import Table
from studies.harness.training import best_bound, program
from studies.vhm.health import latent_health
from studies.vhm_ddtp import report
from studies.vhm_ddtp.cells import (
    ITALIAN,
    ONCE,
    RATES,
    REMEDIES,
    SEARCH,
    SYSTEMS,
    WIDEN,
    Cell,
    cells,
)
from studies.vhm_ddtp.corpora import Material, build

_LATENTS = ("--documents", "300", "--beam", "1", "--max-len-b", "30")


class VhmOnDescriptions(Study[Cell, Material]):
    """VHM beside its baselines and the control, by the share of CLS records."""

    name = "vhm_ddtp"
    corpora = (ITALIAN.language,)
    rates = RATES
    widen = WIDEN
    metric = "cls_bound"
    keeps_test_summaries = True

    def cells(self, corpus: str) -> Sequence[Cell]:
        """What decides first, seed by seed."""
        return list(cells())

    def optional(self, cell: Cell) -> bool:
        """Where time does not hold every cell, remedies and what is trained once go."""
        return cell.system in REMEDIES or cell.system in ONCE

    def names_beside(self, corpus: str) -> Sequence[str]:
        """Baselines and the untranslated synopsis."""
        return [*(f"it_baseline-{kind}" for kind in BASELINES), f"it_{UNTRANSLATED}"]

    def beside(self, work: Work[Material], name: str) -> Beside:
        """One of them."""
        kind = name.removeprefix("it_").removeprefix("baseline-")
        material = work.material

        def writing(split: str) -> Baseline:
            return Baseline(kind, material.training, material.records[split], ITALIAN.language)

        return Beside({"system": kind}, dict, writing, (ITALIAN.language,))

    def prepare(self, corpus: str, data: Path | None, out: Path) -> Material:
        """One data-bin of all three tasks."""
        return build(data, out)

    def command(self, work: Work[Material], cell: Cell, rate: str) -> list[str]:
        """One of the systems on its part of the CLS records."""
        return [*program(work.material.data), *cell.flags, "--lr", rate]

    def tuned(self, cell: Cell) -> Cell:
        """The system that decides the rate, at the same size, with seed 1."""
        return cell.tuned

    def best(self, log: Path) -> dict[str, float]:
        """The validation of the checkpoint that is kept: that with the lowest bound of CLS."""
        return best_bound(log, self.metric)

    def decoding(self, work: Work[Material], cell: Cell, training: str, split: str) -> Decoding:
        """In Italian, with prior means."""
        material = work.material
        records = material.records[split]
        return Decoding(work.checkpoint(training), material.data, records, SEARCH.split())

    def records(self, work: Work[Material], split: str) -> Path:
        """Those with both summaries."""
        return work.material.records[split]

    def languages(self, cell: Cell) -> Sequence[str]:
        """The target alone."""
        return (ITALIAN.language,)

    def settings(self, cell: Cell) -> dict[str, Any]:
        """What makes the cell."""
        return {"corpus": ITALIAN.language, **cell.settings}

    def more(self, work: Work[Material], cell: Cell, training: str) -> dict[str, Any]:
        """The health of its latent variables."""
        if not SYSTEMS[cell.system].latent:
            return {}
        return {"health": latent_health(work, training, work.material.data, _LATENTS)}

    def report(self, table: Table, corpus: str, split: str) -> Iterator[tuple[str, Iterable[str]]]:
        """Scores, settings, latent variables, and the verdicts by studies/vhm_ddtp/rules.md."""
        yield from report.parts(report.Results(split, table))

    def plot(self, table: Table, corpus: str, split: str, path: Path) -> None:
        """Content ROUGE-1 by the share of CLS records."""
        report.plot(report.Results(split, table), path)


if __name__ == "__main__":
    main(VhmOnDescriptions())

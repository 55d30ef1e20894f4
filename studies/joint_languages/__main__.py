"""One decoder for eight languages beside one for each, on descriptions of Debian's packages.

    python -m studies.joint_languages run OUT --data DATA
    python -m studies.joint_languages run OUT --data DATA --only seed1
    python -m studies.joint_languages list OUT
    python -m studies.joint_languages report
    python -m studies.joint_languages test OUT
    python -m studies.joint_languages run TRIAL --data DATA --smoke 20 --results TRIAL --only seed1

Trains MCLAS from one monolingual summarizer: one decoder for Italian, French, German, Portuguese,
Japanese, Russian, Spanish and Chinese, and one each for the first five, with as many updates each;
three seeds, 18 trainings of 2,000 updates. A finished cell is a row of
studies/results/joint_languages.csv, which a rerun skips; a stopped training goes on where it was.
studies/joint_languages/rules.md has the rules by which it is judged.

DATA is the folder of train.jsonl.gz, valid.jsonl.gz and test.jsonl.gz (preprocess/ddtp.sh). OUT
gets records, data-bins, checkpoints and logs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from studies.ddtp.cells import PRECISION
from studies.harness.command import main
from studies.harness.study import Start, Study, Work
from studies.harness.summaries import Decoding
from studies.harness.table import Table
from studies.harness.training import best_nll, program
from studies.joint_languages import verdicts
from studies.joint_languages.cells import (
    COMMON,
    LANGUAGES,
    MS_TRAINING,
    SEARCH,
    TRAINING,
    UPDATES,
    Cell,
    cells,
)
from studies.joint_languages.corpora import Material, build


class JointLanguages(Study[Cell, Material]):
    """One decoder for all languages beside one for each of the larger ones."""

    name = "joint_languages"
    corpora = ("descriptions",)
    metric = "cls_nll_loss"
    start_name = "ms"
    keeps_test_summaries = True

    def cells(self, corpus: str) -> Sequence[Cell]:
        """Seed by seed."""
        return list(cells())

    def prepare(self, corpus: str, data: Path | None, out: Path) -> Material:
        """One data-bin for all, and one of all English synopses."""
        return build(data, out)

    def start(self, work: Work[Material]) -> Start:
        """The monolingual summarizer."""
        data = work.material.english
        words = _train(data, [*MS_TRAINING.split(), "--target-lang", LANGUAGES[0]])
        return Start(words, (data, SEARCH.split()), ("en",), {"precision": PRECISION})

    def uses_start(self, cell: Cell) -> bool:
        """All do."""
        return True

    def command(self, work: Work[Material], cell: Cell, rate: str) -> list[str]:
        """All the same but for the languages."""
        start = ["--finetune-from-model", str(work.checkpoint("ms"))]
        flags = [*TRAINING.split(), "--seed", str(cell.seed), *start]
        return _train(work.material.data, [*flags, "--target-langs", ",".join(cell.targets)])

    def best(self, log: Path) -> dict[str, float]:
        """The best validation: NLL of `S^B` in bits per token, and at which update."""
        return best_nll(log, self.metric)

    def decoding(self, work: Work[Material], cell: Cell, training: str, split: str) -> Decoding:
        """In all languages that the decoder writes, of every document of the split."""
        material = work.material
        checkpoint, records = work.checkpoint(training), material.records[split]
        return Decoding(checkpoint, material.data, records, SEARCH.split())

    def records(self, work: Work[Material], split: str) -> Path:
        """Those with a summary in one of the languages."""
        return work.material.records[split]

    def languages(self, cell: Cell) -> Sequence[str]:
        """What the decoder writes, English last."""
        return (*cell.targets, "en")

    def settings(self, cell: Cell) -> dict[str, Any]:
        """What makes the cell."""
        settings = {"targets": list(cell.targets), "updates": UPDATES, "precision": PRECISION}
        return {"corpus": self.corpora[0], **asdict(cell), **settings}

    def report(self, table: Table, corpus: str, split: str) -> Iterator[tuple[str, Iterable[str]]]:
        """Scores by language, and the verdicts by studies/joint_languages/rules.md."""
        yield "**Scores by language**", verdicts.scores(table, split)
        yield "**Joint minus single**", verdicts.verdicts(table, split)


def _train(data: Path, flags: Sequence[str]) -> list[str]:
    task = ["--task", "cross_lingual_summarization"]
    return [*program(data), *task, *COMMON.split(), *flags]


if __name__ == "__main__":
    main(JointLanguages())

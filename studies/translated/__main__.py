"""What translated copying brings on descriptions of Debian's packages, 2,500 triples.

    python -m studies.translated run OUT --data DATA
    python -m studies.translated list OUT
    python -m studies.translated report
    python -m studies.translated test OUT
    python -m studies.translated.where OUT

Trains NCLS and MCLAS that copy translations by a lexicon (ATS of Zhu et al. 2020), and both without
copying, from the monolingual summarizer of studies/ddtp, beside whose cells with plain copying they
are judged: OUT and --results are those of `python -m studies.ddtp`, which makes those cells. A
finished cell is a row of studies/results/translated.csv. studies/translated/rules.md has the rules.

DATA is the folder of train.jsonl.gz, valid.jsonl.gz and test.jsonl.gz (preprocess/ddtp.sh).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from studies.ddtp.__main__ import PackageDescriptions
from studies.ddtp.cells import LAYOUTS, Cell
from studies.ddtp.corpora import Material
from studies.ddtp.uncopied import without_copying
from studies.harness.command import main
from studies.harness.processes import claimed, quietly, say
from studies.harness.study import Work
from studies.harness.summaries import Decoding
from studies.harness.table import Row, Table
from studies.translated import report
from studies.translated.cells import COPYING, CopyingCell, cells


class TranslatedCopying(PackageDescriptions):
    """The study on package descriptions with other ways of copying."""

    name = "translated"
    corpora = ("it",)

    def cells(self, corpus: str) -> Sequence[Cell]:
        """Comparisons of a seed first."""
        return list(cells())

    def names_beside(self, corpus: str) -> Sequence[str]:
        """None: baselines and TLTran stand in the table of studies/ddtp."""
        return ()

    def optional(self, cell: Cell) -> bool:
        """Where time does not hold every cell, all but adaptive copying go, by the rules."""
        return isinstance(cell, CopyingCell) and cell.copying != "adaptive"

    def prepare(self, corpus: str, data: Path | None, out: Path) -> Material:
        """The data-bins of studies/ddtp, and a lexicon of the training descriptions."""
        material = super().prepare(corpus, data, out)
        lexicon = _lexicon(out)
        with claimed(lexicon, wait_for="lexicon"):
            if lexicon.exists():
                return material
            if data is None:
                raise SystemExit("--data: the descriptions with translations must be given")
            say("lexicon of the paragraphs of the training descriptions")
            words = ("--data", material.triples, "--parallel", data / "train.jsonl.gz")
            quietly("mclas", "lexicon", *words, "--target-lang", corpus, "--out", lexicon)
        return material

    def rows(self, table: Table) -> dict[str, Row]:
        """Of both studies, as what plain copying decided holds for what copies nothing."""
        return {**_of_descriptions(table).rows(), **table.rows()}

    def command(self, work: Work[Material], cell: Cell, rate: str) -> list[str]:
        """A layout with its way of copying, else as the cells of studies/ddtp."""
        assert isinstance(cell, CopyingCell)
        if not cell.copying:
            raise SystemExit(
                f"{cell.name}: decides rate and length penalty, but is not in"
                f" {_of_descriptions(work.table).path}; finish it with python -m studies.ddtp run"
            )
        words = super().command(work, replace(cell, system=cell.layout), rate)
        assert LAYOUTS[cell.layout][2] == "--copy-attention"
        words.remove("--copy-attention")
        if cell.copying == "none":
            start = words.index("--finetune-from-model") + 1
            words[start] = str(without_copying(Path(words[start])))
            return words
        return [*words, *COPYING[cell.copying].split(), "--lexicon", str(_lexicon(work.out))]

    def decoding(self, work: Work[Material], cell: Cell, training: str, split: str) -> Decoding:
        """In all languages that the system writes."""
        return super().decoding(self._decided_in(work, cell), cell, training, split)

    def more(self, work: Work[Material], cell: Cell, training: str) -> dict[str, Any]:
        """The length penalty, and its trials where they were made with this cell."""
        return super().more(self._decided_in(work, cell), cell, training)

    def languages(self, cell: Cell) -> Sequence[str]:
        """NCLS writes no English."""
        assert isinstance(cell, CopyingCell)
        return super().languages(replace(cell, system=cell.layout))

    def report(self, table: Table, corpus: str, split: str) -> Iterator[tuple[str, Iterable[str]]]:
        """Scores, settings, and the verdicts by studies/translated/rules.md."""
        yield from report.parts(report.Results(split, table, _of_descriptions(table)))

    def plot(self, table: Table, corpus: str, split: str, path: Path) -> None:
        """None."""
        raise SystemExit("--plot: this study has no figure; leave it out")

    @staticmethod
    def _decided_in(work: Work[Material], cell: Cell) -> Work[Material]:
        """The work with the table that has what was decided for a cell."""
        assert isinstance(cell, CopyingCell)
        plain = cell.copying == "none"
        return replace(work, table=_of_descriptions(work.table)) if plain else work


def _lexicon(out: Path) -> Path:
    return out / "translated" / "lexicon.jsonl"


def _of_descriptions(table: Table) -> Table:
    return Table(PackageDescriptions.name, table.path.parent)


if __name__ == "__main__":
    main(TranslatedCopying())

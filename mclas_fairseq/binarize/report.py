"""What `mclas prepare` says at its end: documents by kind, pieces and unknowns, vocabularies."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mclas_fairseq.binarize.spool import KINDS
from mclas_fairseq.corpus.languages import is_unspaced


@dataclass(frozen=True)
class SplitReport:
    """One split: its documents, and how they can serve each target language."""

    split: str
    documents: int
    kinds: dict[str, Counter[str]]
    excluded: int


@dataclass(frozen=True)
class SideReport:
    """One side of the training data (or of the first split there is).

    Attributes:
        unknown: share, 0 to 1, of pieces that the dictionary does not hold.
        pieces: number of pieces.
        units: number of words, or of characters for languages written without spaces.
    """

    split: str
    side: str
    language: str
    texts: int
    pieces: int
    units: int
    unknown: float


@dataclass(frozen=True)
class VocabularyReport:
    """One language vocabulary.

    Attributes:
        entries: how many dictionary entries it holds.
        coverage: share, 0 to 1, of the pieces of validation summaries that are in it; None where
            there are no such summaries.
        source: what it was counted on.
    """

    language: str
    entries: int
    coverage: float | None
    source: str


@dataclass(frozen=True)
class PrepareReport:
    """All of it, and where the data-bin lies."""

    out: Path
    source_lang: str
    tokenizer: str
    dictionary_size: int
    splits: Sequence[SplitReport]
    sides: Sequence[SideReport]
    vocabularies: Sequence[VocabularyReport]

    def lines(self) -> Iterator[str]:
        """The report as lines of text."""
        yield "documents"
        for split in self.splits:
            for target, kinds in split.kinds.items():
                listed = ", ".join(f"{kinds[kind]:,} {kind}" for kind in KINDS)
                pair = f"{self.source_lang}->{target}"
                yield f"  {split.split:6} {split.documents:>8,}  {pair}: {listed}"
            if split.excluded:
                yield f"  {'':6} {split.excluded:>8,}  left out by --exclude-ids"
        yield f"pieces ({self.tokenizer}, dictionary of {self.dictionary_size:,})"
        for side in self.sides:
            yield "  " + _side_line(side)
        yield "language vocabularies"
        for vocabulary in self.vocabularies:
            covers = (
                "no validation summaries"
                if vocabulary.coverage is None
                else f"covers {vocabulary.coverage:.2%} of validation summary pieces"
            )
            yield (
                f"  {vocabulary.language:6} {vocabulary.entries:>8,} entries from"
                f" {vocabulary.source}, {covers}"
            )
        yield f"data-bin written to {self.out}"


def _side_line(side: SideReport) -> str:
    unit = "character" if is_unspaced(side.language) else "word"
    return (
        f"{side.split:6} {side.side:15} {side.texts:>8,} texts, {side.pieces:>10,} pieces,"
        f" {side.pieces / max(1, side.units):.2f} a {unit}, {side.unknown:.3%} unknown"
    )

"""What `mclas prepare` says at its end: documents by kind, pieces and unknowns, vocabularies."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mclas_fairseq.binarize.spool import KINDS
from mclas_fairseq.binarize.unknown import UnknownText, unknown_lines
from mclas_fairseq.corpus.languages import is_unspaced


@dataclass(frozen=True)
class SplitReport:
    """One split: its documents, and how they can serve each target language.

    Attributes:
        left_out: reason -> number of records left out.
        noted: reason -> number of records kept that would have been left out of training.
    """

    split: str
    documents: int
    kinds: dict[str, Counter[str]]
    left_out: Mapping[str, int]
    noted: Mapping[str, int]


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
class ExtensionReport:
    """What was added to an earlier dictionary.

    Attributes:
        languages: that were added.
        learned: pieces learned for them.
        added: those of them that the earlier dictionary lacked.
        earlier: its size.
    """

    languages: Sequence[str]
    learned: int
    added: int
    earlier: int

    def lines(self) -> Iterator[str]:
        """The report as lines of text."""
        yield f"dictionary extended for {', '.join(self.languages)}"
        yield (
            f"  {self.learned:,} pieces learned, {self.learned - self.added:,} of them shared with"
            f" the {self.earlier:,} earlier entries, {self.added:,} added after those"
        )


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
    extension: Optional[ExtensionReport] = None
    unknown: Sequence[UnknownText] = ()

    def lines(self) -> Iterator[str]:
        """The report as lines of text."""
        yield "documents"
        for split in self.splits:
            for target, kinds in split.kinds.items():
                listed = ", ".join(f"{kinds[kind]:,} {kind}" for kind in KINDS)
                pair = f"{self.source_lang}->{target}"
                yield f"  {split.split:6} {split.documents:>8,}  {pair}: {listed}"
            for reason, count in split.left_out.items():
                yield f"  {'':6} {count:>8,}  left out by {reason}"
            for reason, count in split.noted.items():
                yield f"  {'':6} {count:>8,}  kept in spite of {reason} (for training only)"
        yield f"pieces ({self.tokenizer}, dictionary of {self.dictionary_size:,})"
        for side in self.sides:
            yield "  " + _side_line(side)
        if self.extension is not None:
            yield from self.extension.lines()
        if self.unknown:
            yield "unknown to the dictionary that was taken over"
            for line in unknown_lines(self.unknown):
                yield "  " + line
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

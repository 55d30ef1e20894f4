"""What `mclas convert` says at its end: rows read, kept and dropped, and where they went."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mclas_fairseq.corpus.conversion.building import Outcome
from mclas_fairseq.corpus.conversion.rows import Row, Source

_NAMED = 3  # rows named as examples of each reason


@dataclass
class Tally:
    """How often something was met, and where it was met first."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, origin: str, detail: str = "") -> None:
        """Count one row."""
        self.count += 1
        if len(self.examples) < _NAMED:
            self.examples.append(f"{origin} ({detail})" if detail else origin)

    def line(self, what: str) -> str:
        """As a line of the report."""
        more = ", ..." if self.count > len(self.examples) else ""
        return f"  {self.count:>8,}  {what}: {', '.join(self.examples)}{more}"


@dataclass(frozen=True)
class GroupReport:
    """Near-duplicates: groups of more than one, the documents in them, the largest."""

    groups: int
    documents: int
    largest: int
    similarity: float


@dataclass
class ConversionReport:
    """Every row that was read is counted once: as kept, or as dropped for one reason."""

    read: dict[str, tuple[str, int]] = field(default_factory=dict)
    kept: int = 0
    dropped: dict[str, Tally] = field(default_factory=dict)
    notes: dict[str, Tally] = field(default_factory=dict)
    written: dict[Path, int] = field(default_factory=dict)
    near_duplicates: GroupReport | None = None
    dropped_file: Path | None = None

    @property
    def rows(self) -> int:
        """Rows read, of all files."""
        return sum(rows for _, rows in self.read.values())

    @property
    def rows_dropped(self) -> int:
        """Rows dropped, for whatever reason."""
        return sum(tally.count for tally in self.dropped.values())

    def count(self, source: Source, row: Row, outcome: Outcome) -> None:
        """Take down what became of a row."""
        _, rows = self.read.get(source.name, ("", 0))
        self.read[source.name] = (source.description, rows + 1)
        if outcome.record is None:
            self.dropped.setdefault(outcome.reason, Tally()).add(row.origin, outcome.detail)
            return
        self.kept += 1
        for note in outcome.notes:
            self.notes.setdefault(note, Tally()).add(row.origin)

    def lines(self) -> Iterator[str]:
        """The report as lines of text."""
        for name, (description, rows) in self.read.items():
            yield f"read {rows:,} rows of {name} ({description})"
        yield f"kept {self.kept:,} of {self.rows:,} rows"
        for what, tally in self.notes.items():
            yield tally.line(what)
        yield f"dropped {self.rows_dropped:,}"
        for what, tally in sorted(self.dropped.items(), key=lambda item: -item[1].count):
            yield tally.line(what)
        if self.dropped_file is not None and self.rows_dropped:
            yield f"  all of them, with reasons: {self.dropped_file}"
        yield from self._near_duplicate_lines()
        for path, count in self.written.items():
            yield f"wrote {count:,} records to {path}"

    def _near_duplicate_lines(self) -> Iterator[str]:
        found = self.near_duplicates
        if found is None:
            return
        yield (
            f"near-duplicates (similarity {found.similarity} or more): {found.documents:,}"
            f" documents in {found.groups:,} groups, each kept in one split"
            f" (the largest has {found.largest:,})"
        )
        if found.largest > max(10, self.kept / 20):
            yield (
                f"  note: the largest group is {found.largest / self.kept:.0%} of the documents;"
                " where they only share a template, give a higher --similarity"
            )


def count_groups(labels: list[int], similarity: float) -> GroupReport:
    """Count the groups of more than one document."""
    sizes = [size for size in Counter(labels).values() if size > 1]
    return GroupReport(len(sizes), sum(sizes), max(sizes, default=1), similarity)

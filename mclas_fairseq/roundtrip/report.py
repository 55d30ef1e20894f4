"""What a finished run says: counts with reasons, a histogram of scores, thresholds compared.

`report.json` holds the same in numbers. It depends on input, translators and options alone, never
on time or place, so that two runs can be compared byte for byte.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.roundtrip.judging import LOW_ROUGE1, LOW_ROUGE2
from mclas_fairseq.roundtrip.options import Direction, FilterOptions
from mclas_fairseq.roundtrip.statistics import EDGES, GRID, Statistics

_BAR = 40  # characters of the histogram's longest bar


@dataclass(frozen=True)
class Report:
    """A finished run.

    Attributes:
        direction: which summaries were made.
        unit: "summary" or "sentence".
        options: thresholds.
        statistics: counts.
        identity: what the numbers depend on; compared to see whether they are up to date.
    """

    direction: Direction
    unit: str
    options: FilterOptions
    statistics: Statistics
    identity: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        counts = self.statistics
        return {
            "identity": self.identity,
            "signature": self.signature(),
            "records": counts.records,
            "kept": counts.kept,
            "complete_before": counts.complete,
            "rejected": dict(sorted(counts.rejected.items())),
            "scored": counts.scored,
            "units": counts.units,
            "histogram": {
                "edges": list(EDGES),
                "rouge1": counts.histogram[0],
                "rouge2": counts.histogram[1],
                **({} if counts.copied is None else {"copied": counts.copied}),
            },
            "kept_share": {"t1": list(GRID), "t2": list(GRID), "rows_t1": counts.kept_shares()},
        }

    def signature(self) -> str:
        """What the scores are, in the form of `mclas score`'s signatures."""
        # Imported late: the package itself imports the scorer when it is imported.
        from mclas_fairseq.version import __version__

        rules = get_protocol(self.options.protocol, self.direction.given)
        return (
            f"rouge{{1,2}}.f|protocol:{rules.name}|lang:{rules.language}|tok:{rules.token_kind}"
            f"|stem:{rules.stemming}|refs:1|v:{__version__}"
        )

    def lines(self) -> Iterator[str]:
        """The report as lines of text."""
        yield from self._counts()
        if self.statistics.scored:
            yield ""
            yield from self._histogram()
            yield ""
            yield from self._grid()
        yield f"`{self.signature()}`"

    def _counts(self) -> Iterator[str]:
        counts = self.statistics
        limits = {
            LOW_ROUGE1: f"ROUGE-1 below T1 = {self.options.t1:g}",
            LOW_ROUGE2: f"ROUGE-2 below T2 = {self.options.t2:g} (ROUGE-1 is not)",
        }
        yield f"records   {counts.records:>12,}"
        yield f"kept      {counts.kept:>12,}  {_share(counts.kept, counts.records)}"
        if counts.complete:
            made = self.direction.made
            yield f"{'':10}{counts.complete:>12,}  of them had a summary in {made} before"
        total = counts.rejected.total()
        yield f"rejected  {total:>12,}  {_share(total, counts.records)}"
        for reason, count in sorted(counts.rejected.items(), key=lambda item: (-item[1], item[0])):
            yield f"{'':10}{count:>12,}  {limits.get(reason, reason)}"

    def _histogram(self) -> Iterator[str]:
        counts = self.statistics
        unit = "summaries" if self.unit == "summary" else "sentences"
        yield f"{unit} by score of the back-translation against the original"
        highest = max(max(bins) for bins in counts.histogram)
        rows: list[list[object]] = [
            [f"{low:.2f}-{high:.2f}", one, _bar(one, highest), two, _bar(two, highest)]
            for low, high, one, two in zip(EDGES, EDGES[1:], *counts.histogram, strict=False)
        ]
        headers = ["F1", "ROUGE-1", "", "ROUGE-2", ""]
        aligned = ["left", "right", "left", "right", "left"]
        if counts.copied is not None:
            yield "beside: pairs by the share of copied words, and what is kept with it as the cap"
            for row, count, kept in zip(rows, counts.copied, counts.kept_by_cap(), strict=True):
                row += [count, f"{100 * kept:.1f} %"]
            headers += ["copied", "up to"]
            aligned += ["right", "right"]
        yield from tabulate(
            rows, headers, intfmt=",", disable_numparse=[0], colalign=aligned
        ).splitlines()

    def _grid(self) -> Iterator[str]:
        yield (
            f"kept share of the {self.statistics.scored:,} scored pairs, in percent, by T1 (down)"
            " and T2 (across)"
        )
        rows = [
            [f"{t1:.1f}", *(f"{100 * share:.1f}" for share in row)]
            for t1, row in zip(GRID, self.statistics.kept_shares(), strict=True)
        ]
        headers = ["T1\\T2", *(f"{t2:.1f}" for t2 in GRID)]
        yield from tabulate(rows, headers, disable_numparse=True, stralign="right").splitlines()


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:5.1f} %" if total else ""


def _bar(count: int, highest: int) -> str:
    return "#" * round(_BAR * count / max(1, highest))

"""What the study on translated copying trains beside the cells of studies/ddtp."""

from collections.abc import Iterator
from dataclasses import replace

from studies.ddtp.cells import ITALIAN, Cell

SIZE = 2500
# What a system is: target layout, and how words are copied.
COPYING = {
    "adaptive": "--translated-copying adaptive",
    "naive": "--translated-copying naive",
    "equal": "--translated-copying equal",
    "none": "",
}
NAMES = {
    "ncls": "NCLS, plain copying",
    "ncls-adaptive": "NCLS, adaptive (ATS-A)",
    "ncls-naive": "NCLS, naive (ATS-N)",
    "ncls-equal": "NCLS, equal (ATS-E)",
    "ncls-none": "NCLS without copying",
    "mclas": "MCLAS, plain copying",
    "mclas-adaptive": "MCLAS, adaptive",
    "mclas-none": "MCLAS without copying",
}
PLAIN = ("ncls", "mclas")  # cells of studies/ddtp
_FEW = ("ncls-naive", "ncls-equal")  # three seeds


class CopyingCell(Cell):
    """A training on 2,500 triples from the monolingual summarizer."""

    @property
    def layout(self) -> str:
        """The target layout."""
        return self.system.partition("-")[0]

    @property
    def copying(self) -> str:
        """How words are copied, "" in the cells of studies/ddtp."""
        return self.system.partition("-")[2]

    @property
    def tuned(self) -> "CopyingCell":
        """The cell whose trials decide: the adaptive one for all strategies, plain copying's."""
        system = self.layout if self.copying == "none" else f"{self.layout}-adaptive"
        return replace(self, system=system, seed=1)


def cell(system: str, seed: int) -> CopyingCell:
    """One of the cells, or of those that it is compared with."""
    return CopyingCell(ITALIAN, SIZE, system, "ms", seed)


def seeds(system: str) -> range:
    """Five, but three of the lesser strategies."""
    return range(1, 4 if system in _FEW else 6)


def cells() -> Iterator[CopyingCell]:
    """All cells in the order in which they are wanted: the comparisons of a seed first."""
    for seed in seeds(PLAIN[0]):
        for system in NAMES:
            if system not in PLAIN and seed in seeds(system):
                yield cell(system, seed)

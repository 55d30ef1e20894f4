"""What the study trains: pairs of languages, starts, sizes, seeds."""

from collections.abc import Iterator
from dataclasses import dataclass

SOURCES = ("en", "de", "fr", "es", "pt", "ru", "ja", "zh")
TARGETS = ("it", "fr", "de", "en")
LANGUAGES = ("it", "fr", "de", "es", "pt", "ru", "ja", "zh")  # beside English
SIZES = (500, 2500)  # of the triples; 0: all
SEEDS = range(1, 6)


@dataclass(frozen=True)
class Cell:
    """A fine-tuning.

    Attributes:
        sources: languages of the documents.
        targets: languages of the summaries, each behind its prompt.
        start: "balanced" or "unbalanced", by the pretraining, or "scratch".
        size: training documents; 0: all that have a summary.
        seed: of the training, and of the subset.
    """

    sources: str
    targets: str
    start: str
    size: int
    seed: int

    @property
    def name(self) -> str:
        """Names its row and its folder."""
        size = self.size or "all"
        languages = f"{self.sources}2{self.targets}".replace(",", "+")
        return f"{languages}_{self.start}_{size}_seed{self.seed}"

    @property
    def system(self) -> tuple[str, str, str, int]:
        """All but the seed."""
        return self.sources, self.targets, self.start, self.size


def cells() -> Iterator[Cell]:
    """All cells in the order in which they are wanted: comparisons of a seed first."""
    for seed in SEEDS:
        yield Cell("en", "it", "balanced", 0, seed)
        yield Cell("en", "it,fr", "balanced", 0, seed)
        yield Cell("en", "it", "scratch", 0, seed)
        for size in SIZES:
            yield Cell("en", "it", "balanced", size, seed)
            yield Cell("en", "it", "scratch", size, seed)
        yield Cell("en", "it", "unbalanced", 0, seed)
    yield Cell("en,de,fr", "it,fr", "balanced", 0, 1)  # mixed

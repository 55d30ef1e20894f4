"""What a user asks of the cleaning steps, checked before anything is read."""

from dataclasses import dataclass, field
from pathlib import Path

from mclas_fairseq.corpus.conversion.near_duplicates import LEAST_SIMILARITY, SIMILARITY
from mclas_fairseq.errors import ConfigError

STEPS = (
    "normalise", "length", "ratio", "copied", "language", "duplicates", "near-duplicates",
)  # fmt: skip
DEFAULT_STEPS = ("normalise", "length", "ratio", "duplicates")


@dataclass(frozen=True)
class Range:
    """How many words a text may have: from `least` to `most`, both included."""

    least: int
    most: int

    def holds(self, count: int) -> bool:
        """Whether a text of so many words is wanted."""
        return self.least <= count <= self.most


def parse_range(text: str, flag: str) -> Range:
    """Read "3-200".

    Raises:
        ConfigError: these are not two numbers, the smaller first.
    """
    least, sign, most = text.partition("-")
    if sign and least.isdecimal() and most.isdecimal() and int(least) <= int(most):
        return Range(int(least), int(most))
    raise ConfigError(
        f"{flag} {text!r}: must be two numbers of words, the smaller first, as in 3-200;"
        " write it so"
    )


@dataclass(frozen=True)
class CleaningOptions:
    """Which steps a run has, and their limits.

    Attributes:
        steps: names, of `STEPS`; their order is always that of `STEPS`.
        document_words: of a document.
        summary_words: of a summary, the given and the made one.
        ratio: the longer of two summaries may have so many times the words of the shorter one.
        copied: the share of their words that two summaries may have in common.
        similarity: from which two documents are near-duplicates.
        held_out: records of validation and test, whose documents the corpus must not hold.
    """

    steps: tuple[str, ...] = DEFAULT_STEPS
    document_words: Range = field(default_factory=lambda: Range(1, 10_000))
    summary_words: Range = field(default_factory=lambda: Range(1, 400))
    ratio: float = 4.0
    copied: float = 0.5
    similarity: float = SIMILARITY
    held_out: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Check names, numbers, and that nothing is given in vain."""
        for name in self.steps:
            if name not in STEPS:
                raise ConfigError(
                    f"--clean: must be none, all, or some of {', '.join(STEPS)}, but holds"
                    f" {name!r}; correct it"
                )
        if not self.ratio >= 1:
            raise ConfigError(f"--max-ratio: must be at least 1, but is {self.ratio:g}; give more")
        if not 0 <= self.copied <= 1:
            raise ConfigError(
                f"--max-copied: must be a share from 0 to 1, but is {self.copied:g}; correct it"
            )
        if not LEAST_SIMILARITY <= self.similarity <= 1:
            raise ConfigError(
                f"--similarity: must be from {LEAST_SIMILARITY} to 1, but is {self.similarity:g};"
                " correct it"
            )
        if self.held_out and not {"duplicates", "near-duplicates"} & set(self.steps):
            raise ConfigError(
                "--held-out: is looked at by the steps duplicates and near-duplicates, but --clean"
                " has neither; add one"
            )


def parse_steps(text: str) -> tuple[str, ...]:
    """Read "none", "all" or names with commas between."""
    if text in ("none", "all"):
        return STEPS if text == "all" else ()
    return tuple(part.strip() for part in text.split(",") if part.strip())

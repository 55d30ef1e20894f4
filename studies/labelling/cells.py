"""The cells of the study: which model is trained on what, without which heads."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

SEEDS = (1, 2, 3)
FEW = tuple(range(1, 13))
GRID = (2, 4, 8, 12)
DRAWS = 20
PARTS = 10
WHOLE, LOWEST, HIGHEST = "whole", "lowest", "highest"
SOURCE = "en"
# Task -> languages that can be trained on beside the source, then those that are tested alone.
TARGETS = {
    "pos": (("de", "zh"), ()),
    "ner": (("da", "de", "pt", "zh"), ()),
    "partut": (("fr", "it"), ()),
    "slots": ((), tuple("ar da de id it kk nl sr tr zh".split())),
}
CONTROLLED = {"pos": "de", "ner": "da"}
MERGED = ("all", "all-sum", "all-ranks")


@dataclass(frozen=True)
class Cell:
    """One training.

    Attributes:
        task: its data.
        trained: languages of training.
        order: in which order heads go: whole (none do), lowest, highest, random-7, or, with several
            sources, the column of the ranking.
        k: how many of them.
        seed: of the training.
        sources: languages of the model whose heads were ranked.
        parts: how many tenths of the last language of training are used.
    """

    task: str
    trained: tuple[str, ...]
    order: str
    k: int
    seed: int
    sources: tuple[str, ...] = (SOURCE,)
    parts: int = PARTS

    @property
    def name(self) -> str:
        """What its row and its training are called."""
        few = f"_{self.parts}0pc" if self.parts < PARTS else ""
        heads = WHOLE if self.k == 0 else f"{self.order}-k{self.k}"
        return f"{self.task}_{'+'.join(self.trained)}{few}_{heads}_seed{self.seed}"

    @property
    def ranked(self) -> "Cell":
        """The model with all heads that ranks them."""
        return Cell(self.task, self.sources, WHOLE, 0, self.seed)


def languages(task: str) -> tuple[str, ...]:
    """All languages of a task, the source first."""
    trainable, others = TARGETS[task]
    return (SOURCE, *trainable, *others)


def orders(task: str, trained: tuple[str, ...]) -> Iterator[Cell]:
    """All heads, then the lowest first, for all seeds."""
    for k in (0, *FEW):
        for seed in SEEDS:
            yield Cell(task, trained, WHOLE if k == 0 else LOWEST, k, seed)


def controls(task: str) -> Iterator[Cell]:
    """Random and reversed orders of the cross-lingual model."""
    for order in (HIGHEST, *(f"random-{draw}" for draw in range(1, DRAWS + 1))):
        for k in GRID:
            for seed in SEEDS:
                yield Cell(task, (SOURCE,), order, k, seed)


def several_sources() -> Iterator[Cell]:
    """Parts of speech, trained on all languages but one, by merged rankings and by each."""
    every = languages("pos")
    for target in every:
        sources = tuple(language for language in every if language != target)
        for seed in SEEDS:
            yield Cell("pos", sources, WHOLE, 0, seed)
            for column in (*MERGED, *sources):
                for k in GRID:
                    yield Cell("pos", sources, column, k, seed, sources)


def low_resource(task: str, target: str) -> Iterator[Cell]:
    """Tenths of the target's training sentences; the pruned model by the k of the whole set."""
    for parts in range(1, PARTS):
        for seed in SEEDS:
            whole = Cell(task, (SOURCE, target), WHOLE, 0, seed, parts=parts)
            yield whole
            yield from (replace(whole, order=LOWEST, k=k) for k in GRID)


def all_cells() -> list[Cell]:
    """All cells, in the order in which they are wanted."""
    found: list[Cell] = []
    for task in ("pos", "ner"):
        found += orders(task, (SOURCE,))
    for task in CONTROLLED:
        found += controls(task)
    for task in ("pos", "ner", "partut"):
        for target in TARGETS[task][0]:
            found += orders(task, (SOURCE, target))
    for task in ("partut", "slots"):
        found += orders(task, (SOURCE,))
    found += several_sources()
    for task, target in CONTROLLED.items():
        found += low_resource(task, target)
    return list(dict.fromkeys(found))

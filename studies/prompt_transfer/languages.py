"""Toy languages with a known lexicon, and what is trained and asked in them.

Four languages have words of their own for the same things: word i of one is word i of all. What
things follow one another is the same everywhere, so texts of the languages are alike. A document is
twelve words. Behind the prompt of a language a text goes on in that language: in pretraining with
the first four words of the document, in fine-tuning with every third, its summary.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from fairseq.data import Dictionary
from numpy.typing import NDArray

from mclas_fairseq.mglm.corruption import Blanks, Objective, Text, corrupt, lay_out
from mclas_fairseq.mglm.infilling_dataset import as_example, collate
from mclas_fairseq.mglm.symbols import ENTRIES, Symbols, find_symbols

LANGUAGES = "ABCD"
THINGS = 24
DOCUMENT, SUMMARY = 12, 4
_FOLLOWERS = 4  # things that may come behind a thing
_ROWS = 16  # of a batch
_PROMPTED = 0.5  # share of prompted texts in pretraining

Things = NDArray[np.int64]
Batch = dict[str, Any]


@dataclass(frozen=True)
class World:
    """The dictionary, and what may follow what.

    Attributes:
        dictionary: of all languages, prompts and commands.
        symbols: ids of the commands.
        followers: things that may come behind each thing, (THINGS, 4).
    """

    dictionary: Dictionary
    symbols: Symbols
    followers: NDArray[np.int64]

    @classmethod
    def of(cls, seed: int) -> "World":
        """The world of a seed."""
        dictionary = Dictionary()
        for language in LANGUAGES:
            for thing in range(THINGS):
                dictionary.add_symbol(f"{language}{thing}")
        for entry in (*(f"to-{language}:" for language in LANGUAGES), *ENTRIES.values()):
            dictionary.add_symbol(entry)
        dictionary.pad_to_multiple_(8)
        generator = np.random.default_rng([seed, 0])
        followers = np.stack(
            [generator.choice(THINGS, _FOLLOWERS, replace=False) for _ in range(THINGS)]
        )
        return cls(dictionary, find_symbols(dictionary), followers)

    def first_word(self, language: str) -> int:
        """Id of a language's word for the first thing."""
        return int(self.dictionary.index(f"{language}0"))

    def words(self, things: Things, language: str) -> Things:
        """Ids of a language's words for things."""
        return things + self.first_word(language)

    def draw(self, generator: np.random.Generator) -> Things:
        """What a document speaks of, (12,)."""
        things = [int(generator.integers(THINGS))]
        while len(things) < DOCUMENT:
            things.append(int(self.followers[things[-1], generator.integers(_FOLLOWERS)]))
        return np.array(things, dtype=np.int64)

    def prompted(self, things: Things, source: str, target: str, written: Things) -> Text:
        """`[CLS]`, the document, the prompt of the target language, what is written."""
        prompt = self.dictionary.index(f"to-{target}:")
        document, summary = self.words(things, source), self.words(written, target)
        tokens = np.array([self.symbols.cls, *document, prompt, *summary], dtype=np.int64)
        return Text(tokens, ((1, 1 + DOCUMENT),))


def summary(things: Things) -> Things:
    """Every third thing."""
    return things[::3]


def pretraining_batch(world: World, generator: np.random.Generator, prompted: float) -> Batch:
    """Texts of all languages: raw ones with blanks, and prompted ones, a share of all."""
    examples: list[dict[str, Any]] = []
    no_ends = np.zeros(len(world.dictionary), dtype=bool)
    while len(examples) < _ROWS:
        things = world.draw(generator)
        source, target = generator.choice(list(LANGUAGES), size=2)
        if generator.random() < prompted:
            text = world.prompted(things, source, target, things[:SUMMARY])
            examples.append(_blank_at_the_end(world, text))
            continue
        ends = world.symbols.cls, world.symbols.eos
        tokens = np.array([ends[0], *world.words(things, source), ends[1]], dtype=np.int64)
        raw = Text(tokens, ((1, 1 + DOCUMENT),))
        kind = (Objective.TOKEN, Objective.DOCUMENT)[int(generator.integers(2))]
        sample = corrupt(raw, world.symbols, no_ends, generator, kind)
        if sample is not None:
            examples.append(as_example(0, 0, sample))
    return collate(examples, world.symbols.pad)


def tuning_batch(world: World, generator: np.random.Generator, source: str, targets: str) -> Batch:
    """Documents in a language, summaries in one of others."""
    examples: list[dict[str, Any]] = []
    for row in range(_ROWS):
        things = world.draw(generator)
        target = targets[row % len(targets)]
        text = world.prompted(things, source, target, summary(things))
        examples.append(_blank_at_the_end(world, text))
    return collate(examples, world.symbols.pad)


def _blank_at_the_end(world: World, text: Text) -> dict[str, Any]:
    end = len(text.tokens)
    blanks = Blanks(Objective.SENTENCE, ((end - SUMMARY, end),))
    return as_example(0, 0, lay_out(text.tokens, blanks, [0], world.symbols))


def pretraining_batches_of_raw_text(world: World, generator: np.random.Generator) -> Batch:
    """Raw texts alone."""
    return pretraining_batch(world, generator, 0.0)


def pretraining_batches(world: World, generator: np.random.Generator) -> Batch:
    """Texts as pretraining has them."""
    return pretraining_batch(world, generator, _PROMPTED)

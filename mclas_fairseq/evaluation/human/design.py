"""What is asked of the annotators, and in which order each of them sees it.

Best-Worst Scaling shows several summaries of a document at once and asks for the best and the worst
(Kiritchenko and Mohammad, "Best-Worst Scaling More Reliable than Rating Scales", ACL 2017): all of
them up to four, otherwise tuples of four. Ratings show one summary at a time. All annotators answer
the same questions; documents, questions and summaries are shuffled anew for each.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mclas_fairseq.errors import ConfigError

ASPECTS = ("informativeness", "conciseness", "fluency")
BWS, RATING = "bws", "rating"
DESIGNS = (BWS, RATING)
LARGEST_TUPLE = 4


@dataclass(frozen=True)
class Options:
    """Size and kind of an evaluation.

    Attributes:
        design: "bws" or "rating".
        documents: how many are drawn.
        annotators: how many sheets there are.
        seed: of documents, tuples and shuffling.
    """

    design: str = BWS
    documents: int = 60
    annotators: int = 3
    seed: int = 1


@dataclass(frozen=True)
class Question:
    """One document's id and the systems whose summaries are judged (a single one when rating)."""

    document: str
    systems: tuple[str, ...]


def ask(documents: Sequence[str], systems: Sequence[str], options: Options) -> list[Question]:
    """The questions about the documents, the same for every annotator.

    Raises:
        ConfigError: there are too few systems for the design.
    """
    fewest = 2 if options.design == BWS else 1
    if len(systems) < fewest:
        raise ConfigError(
            f"--system: --design {options.design} needs {fewest} systems or more, but there are"
            f" {len(systems)}; add systems, or let the reference take part with --ref"
        )
    if options.design == RATING:
        return [Question(document, (system,)) for document in documents for system in systems]
    draw = random.Random(f"{options.seed}:tuples")
    overall: Counter[str] = Counter()
    return [
        Question(document, chosen)
        for document in documents
        for chosen in _tuples(systems, overall, draw)
    ]


def arrange(questions: Sequence[Question], annotator: int, seed: int) -> list[Question]:
    """One annotator's order: the questions about a document stay together, to read it once."""
    draw = random.Random(f"{seed}:annotator {annotator}")
    by_document: dict[str, list[Question]] = {}
    for question in questions:
        by_document.setdefault(question.document, []).append(question)
    groups = list(by_document.values())
    draw.shuffle(groups)
    arranged = []
    for group in groups:
        for question in draw.sample(group, len(group)):
            systems = tuple(draw.sample(question.systems, len(question.systems)))
            arranged.append(Question(question.document, systems))
    return arranged


def _tuples(
    systems: Sequence[str], overall: Counter[str], draw: random.Random
) -> list[tuple[str, ...]]:
    """The fewest tuples that show every system of one document.

    Places left over go to the systems shown least so far, which balances them over the documents.
    """
    size = min(LARGEST_TUPLE, len(systems))
    here: Counter[str] = Counter()
    tuples = []
    for _ in range(-(-len(systems) // size)):
        shuffled = draw.sample(list(systems), len(systems))
        chosen = sorted(shuffled, key=lambda system: (here[system], overall[system]))[:size]
        here.update(chosen)
        overall.update(chosen)
        tuples.append(tuple(sorted(chosen, key=systems.index)))
    return tuples

"""What a dictionary does not know of a text: how much, what, and whether it is too much.

Two shares are told: of the pieces, which is what a model meets as `<unk>`, and of the characters,
which says whether the script is foreign or only some words are.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fairseq.data import Dictionary

from mclas_fairseq.binarize.encode import SideStatistics
from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.corpus.tokenizers.extended import split_mark
from mclas_fairseq.data.indexed_dictionary import special_indices
from mclas_fairseq.errors import DataError

_SHOWN = 5  # of the most frequent unknown pieces
_WORD_START = "▁"


@dataclass(frozen=True)
class UnknownText:
    """What is unknown of the texts of one side.

    Attributes:
        side: its name.
        language: of the side.
        pieces: share, 0 to 1, of its pieces that the dictionary does not hold.
        characters: share, 0 to 1, of its characters that no entry for the language holds.
        most_frequent: unknown pieces with their counts, most frequent first.
    """

    side: str
    language: str
    pieces: float
    characters: float
    most_frequent: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        text = f"{self.pieces:.2%} of pieces, {self.characters:.2%} of characters"
        if self.most_frequent:
            text += "; most often " + ", ".join(f"{p} ({n:,})" for p, n in self.most_frequent)
        return text


def measure_unknown(
    side: str, language: str, pieces: Counter[str], dictionary: Dictionary
) -> UnknownText:
    """Measure what is unknown of counted pieces (piece -> occurrences)."""
    unknown = Counter({piece: n for piece, n in pieces.items() if piece not in dictionary})
    letters = _alphabet(dictionary, language) if unknown else frozenset()
    foreign = sum(n * sum(c not in letters for c in piece) for piece, n in unknown.items())
    total = sum(n * len(split_mark(p)[1].replace(_WORD_START, "")) for p, n in pieces.items())
    ranked = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))
    return UnknownText(
        side,
        language,
        unknown.total() / pieces.total() if pieces else 0.0,
        foreign / total if total else 0.0,
        tuple(ranked[:_SHOWN]),
    )


def unknown_of_sides(
    statistics: Mapping[tuple[str, str], SideStatistics],
    sides: Mapping[str, str],
    dictionary: Dictionary,
) -> list[UnknownText]:
    """Measure every side (side -> language) over all splits together."""
    measured = []
    for side, language in sides.items():
        pieces: Counter[str] = Counter()
        for (_, name), counted in statistics.items():
            if name == side:
                pieces.update(counted.pieces)
        measured.append(measure_unknown(side, language, pieces, dictionary))
    return measured


def check_learned(
    texts: Sequence[UnknownText], dictionary: Dictionary, max_unknown: float, remedy: str
) -> None:
    """Refuse a dictionary that cannot spell the training texts it was made for.

    Args:
        texts: what is unknown of each side.
        dictionary: that was made.
        max_unknown: largest share, 0 to 1, of the pieces of a side that may be unknown.
        remedy: what would make a dictionary that knows more.

    Raises:
        DataError: too large a share of some side is unknown to it.
    """
    for text in texts:
        if text.pieces > max_unknown:
            raise DataError(
                f"training texts of {text.side}: at most {max_unknown:.1%} of their pieces"
                f" may be unknown to the dictionary ({len(dictionary)} entries), but"
                f" {text.pieces:.2%} are ({_details(text)}); {remedy}, or allow more with"
                " --max-unknown"
            )


def check_taken_over(
    texts: Sequence[UnknownText], options: PrepareOptions, earlier: Collection[str]
) -> None:
    """Refuse texts that the tokenizer of an earlier data-bin does not know well enough.

    Args:
        texts: what is unknown of each side.
        options: with the largest share allowed.
        earlier: languages that the earlier data-bin was made for, and those added here.

    Raises:
        DataError: too large a share of some side is unknown.
    """
    bad = [text for text in texts if text.pieces > options.max_unknown]
    if not bad:
        return
    listed = "; ".join(
        f"of {text.language!r} ({text.side}) {text.pieces:.2%} ({_details(text)})" for text in bad
    )
    new = sorted({text.language for text in bad} - set(earlier))
    remedies = [f"add the pieces of a new language with --extend {','.join(new)}"] if new else []
    if len(new) < len({text.language for text in bad}):
        remedies.append("prepare both corpora together")
    raise DataError(
        f"--like {options.like}: at most {options.max_unknown:.2%} of the pieces of each language"
        f" may be unknown to its dictionary, but {listed} are; {', or '.join(remedies)}, or"
        " allow more with --max-unknown"
    )


def unknown_lines(texts: Sequence[UnknownText]) -> Iterator[str]:
    """The lines of a report."""
    for text in texts:
        yield f"{text.language:6} {text.side:15} {text}"


def _details(text: UnknownText) -> str:
    frequent = ", ".join(f"{piece} {count:,} times" for piece, count in text.most_frequent)
    return f"{text.characters:.2%} of the characters; most often {frequent}"


def _alphabet(dictionary: Dictionary, language: str) -> frozenset[str]:
    """Characters that the entries hold which text of a language can be cut into."""
    letters: set[str] = set()
    special = special_indices(dictionary)
    for index, symbol in enumerate(dictionary.symbols):
        if index in special:
            continue
        languages, text = split_mark(symbol)
        if not languages or language in languages:
            letters.update(text)
    return frozenset(letters)

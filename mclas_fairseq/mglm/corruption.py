"""What is taken out of a text, and how text and blanks are laid out (GLM's blank infilling).

Du et al. (2022), GLM, section 2.1, with the settings of the released mGLM: half of the samples lose
short spans of words (`[MASK]`), three in ten whole sentences (`[sMASK]`), two in ten a large part
(`[gMASK]`). The spans are then written in a random order, each behind `<sop>`.

All of it is functions of a text and a random generator. `generator_of` makes one of seed, epoch
and number of the sample: which process builds it, and when, changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Optional

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.mglm.symbols import Symbols

Ids = NDArray[np.int64]
Span = tuple[int, int]  # half open

_SHARE = 0.15  # of a text that words or sentences are taken from
_LEAST_PART = 0.25  # of a text that a large part is
_MEAN_LENGTH, _LONGEST = 3, 39
_SUFFIX = 0.5
_BLOCKED = 0.1


class Objective(StrEnum):
    """What is taken out of a sample."""

    TOKEN = "token"
    SENTENCE = "sentence"
    DOCUMENT = "document"


OBJECTIVE_SHARES = {Objective.TOKEN: 0.5, Objective.SENTENCE: 0.3, Objective.DOCUMENT: 0.2}


@dataclass(frozen=True)
class Text:
    """One document or several, one behind another.

    Attributes:
        tokens: `[CLS]`, a document, the mark of its end if it is whole; and again.
        documents: where the documents are, commands and marks left out; half open.
    """

    tokens: Ids
    documents: tuple[Span, ...]


@dataclass(frozen=True)
class Blanks:
    """What is taken out of a text.

    Attributes:
        objective: of which kind it is.
        spans: what is taken out, in the order of the text; they do not overlap.
        ends: whether a span is written with `<eop>` behind it.
    """

    objective: Objective
    spans: tuple[Span, ...]
    ends: bool = True


@dataclass(frozen=True)
class Sample:
    """A text with blanks (part A), and what they stand for (part B, T tokens).

    Attributes:
        source: part A, (S,).
        read: what is read while part B is written, (T,).
        target: what is to be written then, (T,).
        blank: place of the token's blank in part A, (T,).
        inside: place of the token in its span, `<sop>` being 1, (T,).
        objective: of which kind the blanks are.
    """

    source: Ids
    read: Ids
    target: Ids
    blank: Ids
    inside: Ids
    objective: Objective


def generator_of(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random generator of a sample of an epoch."""
    return np.random.default_rng([seed, epoch, index])


def corrupt(
    text: Text,
    symbols: Symbols,
    sentence_ends: NDArray[np.bool_],
    generator: np.random.Generator,
    objective: Optional[Objective] = None,
) -> Optional[Sample]:
    """Choose an objective, take out what it says, and lay the sample out.

    Args:
        text: what it is taken from.
        symbols: ids of commands.
        sentence_ends: for each dictionary entry whether a sentence may end with it, (V,).
        generator: of this sample.
        objective: what is taken out; None: chosen by chance.

    Returns:
        None where nothing can be taken out by this objective: such samples are left out.
    """
    kinds = list(OBJECTIVE_SHARES)
    drawn = kinds[int(generator.choice(len(kinds), p=list(OBJECTIVE_SHARES.values())))]
    kind = drawn if objective is None else objective
    if kind is Objective.TOKEN:
        blanks = choose_words(text, generator)
    elif kind is Objective.SENTENCE:
        blanks = choose_sentences(text, sentence_ends, generator)
    else:
        blanks = choose_part(text, generator)
    if blanks is None or not blanks.spans:
        return None
    order = generator.permutation(len(blanks.spans))
    sample = lay_out(text.tokens, blanks, [int(number) for number in order], symbols)
    return block_some(sample, symbols, generator) if kind is Objective.TOKEN else sample


# -- what is taken out ------------------------------------------------------------------------


def draw_lengths(least: int, generator: np.random.Generator) -> list[int]:
    """Lengths of spans, Poisson(3) restricted to 1..39, until they are `least` tokens together."""
    lengths: list[int] = []
    while sum(lengths) < least:
        length = int(generator.poisson(_MEAN_LENGTH))
        if 1 <= length <= _LONGEST:
            lengths.append(length)
    return lengths


def place_spans(
    lengths: Sequence[int], room: Span, generator: np.random.Generator
) -> Optional[list[Span]]:
    """Places for spans of these lengths in a part of a text, at least one token apart.

    Returns:
        None where they do not fit.
    """
    slack = room[1] - room[0] - sum(lengths) - (len(lengths) - 1)
    if slack < 0:
        return None
    places = np.sort(generator.integers(0, slack + 1, size=len(lengths)))
    spans: list[Span] = []
    used = 0  # by spans before, and the token that stands behind each
    for place, length in zip(places.tolist(), lengths, strict=True):
        start = room[0] + place + used
        spans.append((start, start + length))
        used += length + 1
    return spans


def choose_words(text: Text, generator: np.random.Generator) -> Optional[Blanks]:
    """Take short spans out, 15 % of the tokens.

    Of several documents each takes spans up to 15 % of itself, the longest one all others.

    Returns:
        None where not all spans fit.
    """
    lengths = draw_lengths(int(_SHARE * len(text.tokens)), generator)
    longest = max(text.documents, key=_size)
    spans: list[Span] = []
    for document in text.documents:
        if document is longest:
            continue
        own: list[int] = []
        while lengths and sum(own) + lengths[-1] <= _SHARE * _size(document):
            own.append(lengths.pop())
        placed = place_spans(own, document, generator) if own else []
        if placed is None:
            return None
        spans += placed
    placed = place_spans(lengths, longest, generator) if lengths else []
    return None if placed is None else Blanks(Objective.TOKEN, tuple(sorted(spans + placed)))


def choose_sentences(
    text: Text, sentence_ends: NDArray[np.bool_], generator: np.random.Generator
) -> Blanks:
    """Take whole sentences out, in a random order until they are 15 % of the tokens."""
    sentences = split_sentences(text, sentence_ends)
    chosen: list[Span] = []
    for number in generator.permutation(len(sentences)):
        chosen.append(sentences[number])
        if sum(map(_size, chosen)) >= _SHARE * len(text.tokens):
            break
    return Blanks(Objective.SENTENCE, tuple(sorted(chosen)))


def split_sentences(text: Text, sentence_ends: NDArray[np.bool_]) -> list[Span]:
    """The sentences of all documents; the last of each ends where it ends."""
    sentences: list[Span] = []
    for start, end in text.documents:
        behind = start + 1 + np.flatnonzero(sentence_ends[text.tokens[start:end]])
        cuts = [start, *behind.tolist(), end]
        sentences += [(a, b) for a, b in zip(cuts, cuts[1:], strict=False) if a < b]
    return sentences


def choose_part(text: Text, generator: np.random.Generator) -> Optional[Blanks]:
    """Take out one large part: 25 % of the tokens up to all but two.

    In half of the samples, and wherever documents were put together, it is the end of the text,
    with the mark that ends it; then nothing is written behind it.

    Returns:
        None where a text is too short.
    """
    total = len(text.tokens)
    least, most = max(1, int(np.ceil(_LEAST_PART * total))), total - 2
    if least > most:
        return None
    length = int(generator.integers(least, most + 1))
    if len(text.documents) > 1 or generator.random() < _SUFFIX:
        return Blanks(Objective.DOCUMENT, ((total - length, total),), ends=False)
    start, end = text.documents[0]
    length = min(length, end - start)
    first = int(generator.integers(start, end - length + 1))
    return Blanks(Objective.DOCUMENT, ((first, first + length),))


# -- how it is laid out -----------------------------------------------------------------------


def lay_out(tokens: Ids, blanks: Blanks, order: Sequence[int], symbols: Symbols) -> Sample:
    """Put one command in place of each span, and the spans behind one another.

    Args:
        tokens: of the text.
        blanks: what is taken out of it.
        order: in which the spans are written, numbers of `blanks.spans`.
        symbols: ids of commands.
    """
    mask = {
        Objective.TOKEN: symbols.mask,
        Objective.SENTENCE: symbols.sentence_mask,
        Objective.DOCUMENT: symbols.document_mask,
    }[blanks.objective]
    source: list[Ids] = []
    places: list[int] = []
    done = length = 0
    for start, end in blanks.spans:
        source += [tokens[done:start], _ids(mask)]
        length += start - done + 1
        places.append(length - 1)
        done = end
    source.append(tokens[done:])
    read, target, blank, inside = [], [], [], []
    for number in order:
        start, end = blanks.spans[number]
        span = tokens[start:end]
        target.append(np.concatenate([span, _ids(symbols.eop)]) if blanks.ends else span)
        # What is read is the target, one later.
        read.append(np.concatenate([_ids(symbols.sop), target[-1][:-1]]))
        blank.append(np.full(len(target[-1]), places[number], dtype=np.int64))
        inside.append(np.arange(1, len(target[-1]) + 1, dtype=np.int64))
    return Sample(
        source=np.concatenate(source),
        read=np.concatenate(read),
        target=np.concatenate(target),
        blank=np.concatenate(blank),
        inside=np.concatenate(inside),
        objective=blanks.objective,
    )


def block_some(sample: Sample, symbols: Symbols, generator: np.random.Generator) -> Sample:
    """Read `[dBLOCK]` in place of a tenth of what is read; not of `<sop>`, and not in targets."""
    blocked = (generator.random(len(sample.read)) < _BLOCKED) & (sample.inside > 1)
    return replace(sample, read=np.where(blocked, symbols.block, sample.read))


def _size(span: Span) -> int:
    return span[1] - span[0]


def _ids(token: int) -> Ids:
    return np.array([token], dtype=np.int64)

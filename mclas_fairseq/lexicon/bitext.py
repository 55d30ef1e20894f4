"""Sentence pairs as arrays: every pair of tokens that may be linked, numbered once.

The models of `ibm1.py` and `hmm.py` ask of a sentence pair nothing but the probability of each of
its token pairs. So all token pairs that occur together anywhere get a number, a model's table is
one vector over these numbers, and a group of sentence pairs is an array of numbers. Sentence pairs
of one source length stand together, since they share the transitions of the HMM.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

Ints = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]
Tokens = Sequence[Hashable]

# Token pairs of a group, which bounds what an E-step holds: some ten arrays of this size.
_CELLS = 1 << 18


@dataclass(frozen=True)
class Group:
    """N sentence pairs of I source tokens each and at most J target tokens.

    Attributes:
        rows: their numbers, shape (N,).
        pairs: numbers of the token pairs that occur here, ascending, shape (U,).
        cells: place in `pairs` of target token j with source token i, U in padding, (J, N, I).
        null: place in `pairs` of target token j with the empty word, U in padding, (J, N).
        mask: which target tokens are there; the rest is padding, shape (J, N).
    """

    rows: Ints
    pairs: Ints
    cells: NDArray[np.signedinteger[Any]]
    null: NDArray[np.signedinteger[Any]]
    mask: NDArray[np.bool_]

    def of_table(self, table: Floats) -> NDArray[np.float32]:
        """What a table (P,) says of the token pairs here, and 1 for padding, shape (U + 1,)."""
        return np.append(table[self.pairs], 1.0).astype(np.float32)


@dataclass(frozen=True)
class Bitext:
    """Sentence pairs of one direction: the source explains the target, token by token.

    Attributes:
        groups: all sentence pairs.
        pair_source: source word of each token pair, P of them; the empty word is the last one.
        pair_target: target word of each token pair.
        source_words: number of source words, the empty word included.
    """

    groups: tuple[Group, ...]
    pair_source: Ints
    pair_target: Ints
    source_words: int

    def normalise(self, counts: Floats) -> Floats:
        """Counts of token pairs as P(target word | source word), shape (P,) as the counts."""
        totals = np.bincount(self.pair_source, counts, minlength=self.source_words)
        shares: Floats = counts / np.maximum(totals[self.pair_source], np.finfo(float).tiny)
        return shares

    def bayes(self, counts: Floats, prior: float) -> Floats:
        """As `normalise`, under a Dirichlet prior, by variational Bayes.

        Riley and Gildea (2012), "Improving the IBM Alignment Models Using Variational Bayes" (ACL
        2012): exp(digamma(count + prior)) in the place of a count takes most from small counts, so
        that a rare source word does not come to explain whatever stands beside it.

        Args:
            counts: of the token pairs, shape (P,).
            prior: weight of each target word that a source word occurs with.
        """
        totals = np.bincount(self.pair_source, counts + prior, minlength=self.source_words)
        found: Floats = np.exp(digamma(counts + prior) - digamma(totals)[self.pair_source])
        return found

    def uniform(self) -> Floats:
        """Each source word spread evenly over what it occurs with, shape (P,)."""
        return self.normalise(np.ones(len(self.pair_source)))


def number_words(sentences: Sequence[Tokens]) -> tuple[list[Ints], list[Hashable]]:
    """Number the words of sentences, in order of appearance.

    Returns:
        Each sentence's numbers, shape (T,), and the words.
    """
    numbers: dict[Hashable, int] = {}
    rows = [
        np.array([numbers.setdefault(word, len(numbers)) for word in sentence], dtype=np.int64)
        for sentence in sentences
    ]
    return rows, list(numbers)


def build_bitext(
    sources: Sequence[Ints], targets: Sequence[Ints], *, source_words: int, target_words: int
) -> Bitext:
    """Make the bitext in which sources explain targets; none of either may be empty."""
    groups = []
    for rows in _chunks(sources, targets):
        keys, mask = _keys(sources, targets, rows, source_words, target_words)
        own, places = np.unique(keys, return_inverse=True)
        places = np.where(mask[:, :, None], places.reshape(keys.shape), len(own)).astype(np.int32)
        cells, null = np.ascontiguousarray(places[:, :, :-1]), places[:, :, -1].copy()
        groups.append(Group(rows, own, cells, null, mask))
    known = np.unique(np.concatenate([group.pairs for group in groups] or [np.zeros(0, int)]))
    groups = [replace(group, pairs=np.searchsorted(known, group.pairs)) for group in groups]
    return Bitext(tuple(groups), known // target_words, known % target_words, source_words + 1)


def _chunks(sources: Sequence[Ints], targets: Sequence[Ints]) -> Iterator[Ints]:
    """Numbers of sentence pairs of one source length, few enough for one group."""
    lengths = np.array([[len(s), len(t)] for s, t in zip(sources, targets, strict=True)])
    if not len(lengths):
        return
    order = np.lexsort((lengths[:, 1], lengths[:, 0]))
    start = 0
    for stop in range(1, len(order) + 1):
        if stop < len(order):
            source, target = lengths[order[stop]]
            same = source == lengths[order[start], 0]
            if same and (stop - start + 1) * source * target <= _CELLS:
                continue
        yield order[start:stop]
        start = stop


def _keys(
    sources: Sequence[Ints],
    targets: Sequence[Ints],
    rows: Ints,
    source_words: int,
    target_words: int,
) -> tuple[Ints, NDArray[np.bool_]]:
    """The token pairs of a group as one number each (J, N, I + 1), the empty word last; mask."""
    source = np.stack([sources[row] for row in rows])
    source = np.pad(source, ((0, 0), (0, 1)), constant_values=source_words)  # the empty word
    lengths = np.array([len(targets[row]) for row in rows])
    mask = np.arange(lengths.max()) < lengths[:, None]
    target = np.zeros(mask.shape, dtype=np.int64)
    target[mask] = np.concatenate([targets[row] for row in rows])
    # Padding takes the sentence's first token: its token pairs occur anyhow.
    target = np.where(mask, target, target[:, :1]).T
    return source[None, :, :] * target_words + target[:, :, None], np.ascontiguousarray(mask.T)

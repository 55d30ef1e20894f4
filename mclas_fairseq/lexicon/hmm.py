"""The alignment HMM: a target token's source token depends on where the one before it was linked.

Vogel, Ney and Tillmann (1996), "HMM-Based Word Alignment in Statistical Translation" (COLING 1996),
with the empty word of Och and Ney (2003), "A Systematic Comparison of Various Statistical Alignment
Models" (Computational Linguistics 29:1), section 2.1.2: a target token without a source token
remembers the position of the last one that had one. Transitions depend on the distance alone.

All sentence pairs of one source length are gone through together, so that a step of the forward and
of the backward pass is one product of matrices.
"""

from dataclasses import dataclass

import numpy as np

from mclas_fairseq.lexicon.bitext import Bitext, Floats, Group, Ints
from mclas_fairseq.lexicon.ibm1 import SMALLEST, expected_counts

_FARTHEST = 20  # longer jumps, rare as they are, share one count
_PRIOR = 0.01  # of each jump, so that none is impossible


@dataclass(frozen=True)
class Hmm:
    """Parameters.

    Attributes:
        table: P(target word | source word) of every token pair, shape (P,).
        jumps: weight of each distance from -20 to 20, shape (41,).
        null: probability that a target token has no source token.
    """

    table: Floats
    jumps: Floats
    null: float

    @classmethod
    def start(cls, table: Floats, null: float) -> "Hmm":
        """All jumps alike."""
        return cls(table, np.ones(2 * _FARTHEST + 1), null)

    def transitions(self, length: int) -> tuple[Floats, Floats]:
        """P(position | position before), shape (I, I), and of the first position, (I,)."""
        weights = self.jumps[_distances(length)]
        shares = weights / weights.sum(1, keepdims=True)
        return shares[1:], shares[0]


@dataclass(frozen=True)
class Passes:
    """What forward and backward pass tell of a group.

    Attributes:
        links: posterior of target token j with source token i; in padding anything, (J, N, I).
        null: posterior of target token j with the empty word, shape (J, N).
        jumps: expected transitions by position before (the first row: none) and position,
            shape (I + 1, I).
    """

    links: Floats
    null: Floats
    jumps: Floats


def _distances(length: int) -> Ints:
    """Place in `Hmm.jumps` of each jump; the first row is from before the sentence, (I + 1, I)."""
    places = np.arange(length)
    distances = places - np.arange(-1, length)[:, None]
    found: Ints = np.clip(distances, -_FARTHEST, _FARTHEST) + _FARTHEST
    return found


def forward_backward(group: Group, hmm: Hmm) -> Passes:
    """Posteriors of a group of sentence pairs, in single precision."""
    own = group.of_table(hmm.table)
    emitted, empty = own[group.cells], own[group.null][:, :, None] * np.float32(hmm.null)
    between, first = (
        x.astype(np.float32) * (1 - hmm.null) for x in hmm.transitions(emitted.shape[2])
    )
    there = group.mask[:, :, None].astype(np.float32)
    links, remembered = np.empty_like(emitted), np.empty_like(emitted)
    scale = np.empty_like(empty)
    position, before = first / (1 - hmm.null), np.broadcast_to(first, emitted.shape[1:])
    for j in range(len(emitted)):
        np.multiply(before, emitted[j], out=links[j])
        np.multiply(position, empty[j], out=remembered[j])
        remembered[j] += links[j]
        np.divide(1.0, remembered[j].sum(1, keepdims=True), out=scale[j])
        remembered[j] *= scale[j]
        position = remembered[j]
        before = position @ between
    scale *= there
    behind = np.ones_like(links[0])
    jumps = np.zeros((emitted.shape[2],) * 2)
    for j in range(len(emitted) - 1, -1, -1):
        behind *= scale[j]
        links[j] *= behind
        emitted[j] *= behind
        if j:
            jumps += remembered[j - 1].T @ emitted[j]
            behind *= empty[j]
            behind += emitted[j] @ between.T
            # Behind the end of a target nothing is to be explained.
            behind += 1.0 - there[j]
    # Of a target token they sum to 1; of padding the sum is 0.
    null = np.maximum(group.mask - links.sum(2), 0.0)
    counted = np.concatenate([links[0].sum(0)[None], jumps * between])
    return Passes(links, null, counted)


def estimate(bitext: Bitext, hmm: Hmm, iterations: int, prior: float = 0.0) -> Hmm:
    """Estimate table and jumps by EM (Baum-Welch); the probability of the empty word stays.

    Args:
        bitext: the sentence pairs.
        hmm: where to start.
        iterations: how often.
        prior: of `Bitext.bayes`, by which the table is estimated; 0: plain EM.
    """
    for _ in range(iterations):
        counts, jumps = np.zeros(len(hmm.table)), np.full(len(hmm.jumps), _PRIOR)
        for group in bitext.groups:
            found = forward_backward(group, hmm)
            counts[group.pairs] += expected_counts(group, found.links, found.null)
            distances = _distances(found.links.shape[2])
            jumps += np.bincount(distances.ravel(), found.jumps.ravel(), len(jumps))
        table = bitext.bayes(counts, prior) if prior else bitext.normalise(counts)
        hmm = Hmm(np.maximum(table, SMALLEST), jumps, hmm.null)
    return hmm

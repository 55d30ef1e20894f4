"""Word alignment of sentence pairs: IBM model 1, then the HMM, in both directions.

    links = align([["the", "dog"], ["the", "cat"]], [["der", "Hund"], ["die", "Katze"]])

gives for each pair the links (i, j), source token i with target token j. Nothing is drawn at
random: the same sentence pairs give the same links. Tokens are whatever can be a key: words,
pieces, numbers. The aligner learns from the sentence pairs that it aligns; it needs some hundreds.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.lexicon import hmm, ibm1
from mclas_fairseq.lexicon.bitext import (
    Bitext,
    Floats,
    Group,
    Ints,
    Tokens,
    build_bitext,
    number_words,
)
from mclas_fairseq.lexicon.symmetry import SYMMETRISATIONS, Links, symmetrise


@dataclass(frozen=True)
class AlignerOptions:
    """How to align.

    Attributes:
        ibm1_iterations: of EM with model 1, at least 1.
        hmm_iterations: of EM with the HMM behind it; 0: model 1 alone.
        null: probability that a token has no counterpart, of the HMM.
        prior: of the HMM's table, see `Bitext.bayes`; 0: none.
    """

    ibm1_iterations: int = 5
    hmm_iterations: int = 5
    null: float = 0.2
    prior: float = 0.01

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: one is out of its range.
        """
        counts = self.ibm1_iterations >= 1 and self.hmm_iterations >= 0
        if not counts or not 0 < self.null < 1 or not 0 <= self.prior < np.inf:
            raise ConfigError(
                "alignment: it takes at least 1 iteration of model 1, 0 or more of the HMM, a"
                " probability of the empty word between 0 and 1, and a prior of 0 or more, found"
                f" {self.ibm1_iterations}, {self.hmm_iterations}, {self.null} and {self.prior};"
                " correct them"
            )


@dataclass(frozen=True)
class WordPairs:
    """Words that occur in one another's translation.

    Attributes:
        sources: the source words.
        targets: the target words.
        source: number of the source word of each pair, ascending, shape (P,).
        target: number of its target word, shape (P,).
        probability: P(target word | source word), shape (P,); of a source word that has been
            linked at all they sum to 1.
    """

    sources: list[Hashable]
    targets: list[Hashable]
    source: Ints
    target: Ints
    probability: Floats


_DEFAULT = AlignerOptions()


def align(
    sources: Sequence[Tokens],
    targets: Sequence[Tokens],
    options: AlignerOptions = _DEFAULT,
    symmetrisation: str = "grow-diag",
) -> list[Links]:
    """Align sentence pairs.

    Args:
        sources: tokens of each sentence.
        targets: tokens of its translation.
        options: of the models.
        symmetrisation: how the links of both directions become one set, see `symmetry.py`.

    Returns:
        Links (i, j) of each pair, sorted; none where a sentence is empty.

    Raises:
        DataError: there are not equally many sources and targets.
        ConfigError: there is no such symmetrisation.
    """
    if symmetrisation not in SYMMETRISATIONS:
        raise ConfigError(
            f"symmetrisation: must be one of {', '.join(SYMMETRISATIONS)}, found"
            f" {symmetrisation!r}; choose one"
        )
    kept = _nonempty(sources, targets)
    (source, source_words), (target, target_words) = _numbered(sources, targets, kept)
    sizes = {"source_words": len(source_words), "target_words": len(target_words)}
    there = _best_links(build_bitext(source, target, **sizes), options)
    back = _best_links(
        build_bitext(
            target, source, source_words=len(target_words), target_words=len(source_words)
        ),
        options,
    )
    found: list[Links] = [[] for _ in sources]
    for place, row in enumerate(kept):
        turned = {(i, j) for j, i in back[place]}
        found[row] = symmetrise(there[place], turned, symmetrisation)
    return found


def word_pairs(
    sources: Sequence[Tokens], targets: Sequence[Tokens], options: AlignerOptions = _DEFAULT
) -> WordPairs:
    """P(target word | source word), from the expected links of both directions, averaged.

    Zhu, Zhou, Zhang and Zong (2020), "Attend, Translate and Summarize" (ACL 2020), section 3.1. A
    source word that only one direction ever links has the probabilities of that direction.

    Raises:
        DataError: there are not equally many sources and targets.
    """
    kept = _nonempty(sources, targets)
    (source, source_words), (target, target_words) = _numbered(sources, targets, kept)
    words = len(source_words), len(target_words)
    there = build_bitext(source, target, source_words=words[0], target_words=words[1])
    counts = _link_counts(there, options)
    linked = there.pair_source < words[0]
    keys = there.pair_source[linked] * words[1] + there.pair_target[linked]
    first = counts[linked]
    del there
    back = build_bitext(target, source, source_words=words[1], target_words=words[0])
    counts = _link_counts(back, options)
    linked = back.pair_source < words[1]
    turned = back.pair_target[linked] * words[1] + back.pair_source[linked]
    order = np.argsort(turned)
    assert np.array_equal(turned[order], keys)  # the same words meet in both directions
    of_source = keys // words[1]
    shares = [_shares(of_source, one, words[0]) for one in (first, counts[linked][order])]
    both = shares[0] + shares[1]
    return WordPairs(
        source_words, target_words, of_source, keys % words[1], _shares(of_source, both, words[0])
    )


def _nonempty(sources: Sequence[Tokens], targets: Sequence[Tokens]) -> list[int]:
    if len(sources) != len(targets):
        raise DataError(
            "alignment: there must be as many sources as targets, but there are"
            f" {len(sources):,} and {len(targets):,}; give each sentence its translation"
        )
    pairs = zip(sources, targets, strict=True)
    return [row for row, (source, target) in enumerate(pairs) if len(source) and len(target)]


def _numbered(
    sources: Sequence[Tokens], targets: Sequence[Tokens], kept: list[int]
) -> tuple[tuple[list[Ints], list[Hashable]], tuple[list[Ints], list[Hashable]]]:
    return number_words([sources[row] for row in kept]), number_words(
        [targets[row] for row in kept]
    )


def _posteriors(bitext: Bitext, options: AlignerOptions) -> Iterator[tuple[Group, Floats, Floats]]:
    """Estimate a model, then go through the groups with links (J, N, I) and empty word (J, N)."""
    table = ibm1.estimate(bitext, bitext.uniform(), options.ibm1_iterations)
    model = None
    if options.hmm_iterations:
        start = hmm.Hmm.start(table, options.null)
        model = hmm.estimate(bitext, start, options.hmm_iterations, options.prior)
    for group in bitext.groups:
        if model is None:
            yield group, *ibm1.posteriors(group, table)
        else:
            found = hmm.forward_backward(group, model)
            yield group, found.links, found.null


def _best_links(bitext: Bitext, options: AlignerOptions) -> dict[int, set[tuple[int, int]]]:
    """For each sentence pair, each target token with its likeliest source token, if any."""
    found: dict[int, set[tuple[int, int]]] = {}
    for group, links, null in _posteriors(bitext, options):
        best = links.argmax(2).T
        chosen = (group.mask & (links.max(2) > null)).T
        for row, places, there in zip(group.rows, best, chosen, strict=True):
            found[int(row)] = {(int(places[j]), int(j)) for j in np.flatnonzero(there)}
    return found


def _link_counts(bitext: Bitext, options: AlignerOptions) -> Floats:
    """Expected links of each token pair, shape (P,)."""
    counts = np.zeros(len(bitext.pair_source))
    for group, links, null in _posteriors(bitext, options):
        counts[group.pairs] += ibm1.expected_counts(group, links, null)
    return counts


def _shares(of: Ints, weights: Floats, words: int) -> Floats:
    """Weights as shares of what their word has in all."""
    totals = np.bincount(of, weights, minlength=words)[of]
    shares: Floats = weights / np.maximum(totals, np.finfo(float).tiny)
    return shares

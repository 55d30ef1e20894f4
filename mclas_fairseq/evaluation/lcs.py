"""Longest common subsequences for ROUGE-L and ROUGE-Lsum, on whole rows of bits at a time.

Hyyrö, "Bit-parallel LCS-length computation revisited" (2004). `rouge-score` fills its table cell by
cell in Python; here one addition of long integers fills a column, and what `rouge-score` reads
off its table to find the words of one longest subsequence is read off those integers. The results
are its results, its choices among equally long subsequences included: ROUGE-Lsum depends on them.

In the table t, t[i][j] is the length for the first i tokens of the reference and the first j of
the hypothesis. Bit i-1 of column j is set where t[i][j] = t[i-1][j] + 1.
"""

from collections import Counter
from collections.abc import Sequence


def lcs_length(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Number of tokens of a longest common subsequence."""
    columns = _columns(_places(reference), len(reference), hypothesis)
    return columns[-1].bit_count() if columns else 0


def union_hits(reference: Sequence[Sequence[str]], hypothesis: Sequence[Sequence[str]]) -> int:
    """Hits of ROUGE-Lsum: tokens in the union of subsequences, sentence by sentence.

    For every sentence of the reference, the tokens that some sentence of the hypothesis shares with
    it in order; a token counts no more often than it occurs in the whole hypothesis.
    """
    found: Counter[str] = Counter()
    for sentence in reference:
        places = _places(sentence)
        union = 0
        for other in hypothesis:
            union |= _subsequence(places, len(sentence), other)
        found.update(token for i, token in enumerate(sentence) if union >> i & 1)
    available = Counter(token for sentence in hypothesis for token in sentence)
    return sum(min(count, available[token]) for token, count in found.items())


def _places(tokens: Sequence[str]) -> dict[str, int]:
    """Token -> an integer whose bit i is set where the token stands at i."""
    places: dict[str, int] = {}
    for i, token in enumerate(tokens):
        places[token] = places.get(token, 0) | 1 << i
    return places


def _columns(places: dict[str, int], size: int, hypothesis: Sequence[str]) -> list[int]:
    """The columns of the table, one for each token of the hypothesis."""
    every = (1 << size) - 1
    level = every  # Hyyrö's V: the bits where the length does not grow
    columns = []
    for token in hypothesis:
        matched = level & places.get(token, 0)
        level = ((level + matched) | (level - matched)) & every
        columns.append(level ^ every)
    return columns


def _subsequence(places: dict[str, int], size: int, hypothesis: Sequence[str]) -> int:
    """The places in the reference that `rouge-score` finds, as bits.

    From the table's last corner, where the tokens agree, it takes them; otherwise it goes left if
    t[i][j-1] > t[i-1][j], else up. Without agreement t[i][j] is the larger of the two, and
    neighbours differ by at most 1: so it goes left exactly where bit i-1 of column j is set.
    """
    columns = _columns(places, size, hypothesis)
    found = 0
    above = (1 << size) - 1  # the rows up to the current one
    for token, column in zip(reversed(hypothesis), reversed(columns), strict=True):
        agreeing = places.get(token, 0)
        # Going up ends at the first row that agrees or has its bit set.
        row = (agreeing | column) & above
        if not row:
            break
        top = 1 << (row.bit_length() - 1)
        if agreeing & top:
            found |= top
            above = top - 1
        else:
            above = 2 * top - 1
    return found

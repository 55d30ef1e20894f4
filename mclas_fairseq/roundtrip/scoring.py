"""ROUGE-1 and ROUGE-2 F1 of a back-translation against the original, tens of thousands a second.

The filter of Zhu et al., "NCLS: Neural Cross-Lingual Summarization" (2019), as MCLAS (Bai et al.,
2021, section 5.1) used it for En2DeSum with T1 = 0.6 and T2 = 0.2. MCLAS does not say which of
ROUGE's values is compared with the thresholds, nor by which rules texts are cut into tokens. Here
it is F1, the only value that the paper reports of ROUGE (section 5.4), under a named protocol.

The values are those of `evaluation.rouge.score_rouge`, which does more work for each pair than a
filter over millions of them can afford. Tokens are those of the same protocol; for text in ASCII
they are found without its regular expressions, and stems are remembered.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, Optional

from mclas_fairseq.evaluation.protocols import RougeProtocol, get_protocol
from mclas_fairseq.evaluation.protocols.default import DefaultProtocol
from mclas_fairseq.evaluation.protocols.ncls import NclsProtocol

# Words whose stems are remembered; forgotten all at once, so that memory does not grow.
_MOST_STEMS = 200_000

# What both protocols do to ASCII: lower-case it and cut it at whatever is no letter or digit.
_CUT_ASCII = {code: " " for code in range(128) if not chr(code).isalnum()}


class PairScores(NamedTuple):
    """F1 of ROUGE-1 and ROUGE-2, each in [0, 1]."""

    rouge1: float
    rouge2: float


class PairScorer:
    """Scores back-translations in one language under a protocol.

    Args:
        protocol: its name.
        language: code of the language of originals and back-translations.

    Raises:
        ConfigError: no such protocol for the language.
        DataError: unknown language.
    """

    def __init__(self, protocol: str, language: str) -> None:
        self._protocol = protocol
        self._language = language
        self._stems: dict[str, str] = {}
        self._rules = get_protocol(protocol, language)
        self._cuts_ascii = _is_plain_on_ascii(self._rules)
        self._stem: Optional[Callable[[str], str]] = (
            self._rules.stem if self._rules.stemming != "no" else None
        )

    def score(self, back: str, original: str) -> Optional[PairScores]:
        """Score a back-translation; None where the original has no tokens under the protocol."""
        wanted = self.tokens(original)
        if not wanted:
            return None
        found = wanted if back == original else self.tokens(back)
        return PairScores(
            _f1(found, wanted),
            _f1(list(zip(found, found[1:])), list(zip(wanted, wanted[1:]))),  # noqa: B905
        )

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text, of all its sentences."""
        if not (self._cuts_ascii and text.isascii()):
            return [token for sentence in self._rules.tokenise(text) for token in sentence]
        words = text.lower().translate(_CUT_ASCII).split()
        if self._stem is None:
            return words
        stems = self._stems
        try:
            return [stems[word] for word in words]
        except KeyError:
            return self._learn_stems(words)

    def _learn_stems(self, words: Sequence[str]) -> list[str]:
        if len(self._stems) > _MOST_STEMS:
            # A protocol remembers stems as well: with a new one both are forgotten.
            self._stems = {}
            self._rules = get_protocol(self._protocol, self._language)
            self._stem = self._rules.stem
        assert self._stem is not None
        for word in words:
            if word not in self._stems:
                self._stems[word] = self._stem(word)
        return [self._stems[word] for word in words]


def _is_plain_on_ascii(rules: RougeProtocol) -> bool:
    """Whether the protocol cuts ASCII text as `_CUT_ASCII` does."""
    if isinstance(rules, DefaultProtocol):
        # Turkish has another lower-case I.
        return rules.token_kind == "word" and rules.words("I") == ["i"]
    return isinstance(rules, NclsProtocol) and rules.token_kind == "a-z0-9"


def _f1(found: Sequence[Hashable], wanted: Sequence[Hashable]) -> float:
    """F1 of n-grams, each of which counts as often as it occurs in both texts."""
    overlap = _overlap(found, wanted)
    if not overlap:
        return 0.0
    precision, recall = overlap / len(found), overlap / len(wanted)
    return 2 * precision * recall / (precision + recall)


def _overlap(found: Sequence[Hashable], wanted: Sequence[Hashable]) -> int:
    distinct_found, distinct_wanted = set(found), set(wanted)
    if len(distinct_found) == len(found) or len(distinct_wanted) == len(wanted):
        return len(distinct_found & distinct_wanted)  # each counts once on one side at least
    counts: dict[Hashable, int] = {}
    for gram in wanted:
        counts[gram] = counts.get(gram, 0) + 1
    overlap = 0
    for gram in found:
        left = counts.get(gram, 0)
        if left:
            overlap += 1
            counts[gram] = left - 1
    return overlap

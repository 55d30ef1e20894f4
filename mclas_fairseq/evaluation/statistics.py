"""What summaries are like, whatever their words mean: length, repetition, emptiness, novelty.

Lengths and their distance from the references' are Table 5 of MCLAS (Bai et al., 2021). Repeated
trigrams are what n-gram blocking is for. Novelty, the share of a summary's n-grams that its
document does not have, tells copying from rewriting (See et al., "Get To The Point", 2017, figure
6); it says something only where document and summary are in one language. Beside ROUGE in `mclas
score`; all of it is counted in the tokens of the ROUGE protocol, stemming included, so a figure
belongs to a protocol as a score does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.protocols import RougeProtocol

NOVELTY_ORDERS = (1, 2, 3, 4)

_Values = NDArray[np.float64]


@dataclass(frozen=True)
class TextStatistics:
    """Statistics of N summaries.

    Attributes:
        protocol: the rules by which tokens are counted.
        lengths: tokens of each summary, shape (N,).
        reference_lengths: tokens of each document's references, their mean, shape (N,).
        empty: whether a summary has no token, shape (N,).
        repeated_trigrams: share of a summary's trigrams that stood in it before, in [0, 1], shape
            (N,); 0 where it has none.
        novelty: n -> share of a summary's different n-grams that are not in its document, in
            [0, 1], shape (N,), nan where the summary has no n-gram; None: no documents were given.
    """

    protocol: RougeProtocol
    lengths: _Values
    reference_lengths: _Values
    empty: NDArray[np.bool_]
    repeated_trigrams: _Values
    novelty: Optional[Mapping[int, _Values]]

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def differences(self) -> _Values:
        """Tokens that a summary has more than its references (less, if negative), shape (N,)."""
        return self.lengths - self.reference_lengths

    def signature(self) -> str:
        """What a token is: protocol, language, tokens, stemming, version."""
        # Imported late: the package itself imports its scorer when it registers it.
        from mclas_fairseq.version import __version__

        rules = self.protocol
        return (
            f"statistics|protocol:{rules.name}|lang:{rules.language}|tok:{rules.token_kind}"
            f"|stem:{rules.stemming}|v:{__version__}"
        )

    def means(self) -> dict[str, Optional[float]]:
        """Means over the documents, by name.

        `empty` is the share of empty summaries. `novelty1` to `novelty4` are there if documents
        were given; each is a mean over the summaries that have such n-grams, None if none has.
        """
        result: dict[str, Optional[float]] = {
            "length": float(self.lengths.mean()),
            "reference_length": float(self.reference_lengths.mean()),
            "difference": float(self.differences.mean()),
            "empty": float(self.empty.mean()),
            "repeated_trigrams": float(self.repeated_trigrams.mean()),
        }
        for order, shares in (self.novelty or {}).items():
            known = shares[~np.isnan(shares)]
            result[f"novelty{order}"] = float(known.mean()) if len(known) else None
        return result


def text_statistics(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    rules: RougeProtocol,
    documents: Optional[Sequence[str]] = None,
) -> TextStatistics:
    """Count what `TextStatistics` holds.

    Args:
        hypotheses: N summaries.
        references: for each document at least one reference.
        rules: what a token is, bound to the summaries' language.
        documents: the N documents, in the same language; None: no novelty.

    Raises:
        DataError: the numbers of summaries, references and documents differ, there are none, or a
            document has no reference.
    """
    _check_counts(hypotheses, references, documents)
    tokens = [_tokens(text, rules) for text in hypotheses]
    wanted = [float(np.mean([len(_tokens(text, rules)) for text in texts])) for texts in references]
    novelty = None
    if documents is not None:
        novelty = _novelty(tokens, [_tokens(text, rules) for text in documents])
    return TextStatistics(
        protocol=rules,
        lengths=np.array([len(text) for text in tokens], dtype=np.float64),
        reference_lengths=np.array(wanted),
        empty=np.array([not text for text in tokens]),
        repeated_trigrams=np.array([_repeated_share(text, 3) for text in tokens]),
        novelty=novelty,
    )


def _tokens(text: str, rules: RougeProtocol) -> list[str]:
    """All tokens of a text in a row: as in ROUGE, n-grams run across sentences."""
    return [token for sentence in rules.tokenise(text) for token in sentence]


def _n_grams(tokens: Sequence[str], order: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[at : at + order]) for at in range(len(tokens) - order + 1)]


def _repeated_share(tokens: Sequence[str], order: int) -> float:
    found = _n_grams(tokens, order)
    return 1.0 - len(set(found)) / len(found) if found else 0.0


def _novelty(
    summaries: Sequence[Sequence[str]], documents: Sequence[Sequence[str]]
) -> dict[int, _Values]:
    result = {order: np.full(len(summaries), np.nan) for order in NOVELTY_ORDERS}
    for row, (summary, document) in enumerate(zip(summaries, documents, strict=True)):
        for order, shares in result.items():
            own = set(_n_grams(summary, order))
            if own:
                shares[row] = len(own - set(_n_grams(document, order))) / len(own)
    return result


def _check_counts(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    documents: Optional[Sequence[str]],
) -> None:
    counts = [len(hypotheses), len(references)]
    if documents is not None:
        counts.append(len(documents))
    if len(set(counts)) > 1 or not hypotheses:
        raise DataError(
            "text statistics: there must be one summary for each document, and one document or"
            f" more, but there are {len(hypotheses)} summaries, {len(references)} lists of"
            f" references and {'no' if documents is None else len(documents)} documents' texts;"
            " give the same documents"
        )
    for number, texts in enumerate(references, 1):
        if not texts:
            raise DataError(
                f"document {number}: must have at least one reference, but has none; add one or"
                " leave the document out"
            )

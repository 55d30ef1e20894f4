"""ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum F1 under a named protocol.

Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004). The library `rouge-score`
counts n-grams and subsequences; what a token is, is decided by our protocols, because its own
tokenizer deletes everything but `a-z0-9`. Used by `mclas score`, by validation and by
`fairseq-generate --scoring rouge`.

`rougeL` takes a summary as one sequence of tokens (sentence level), `rougeLsum` takes the union
over its sentences (summary level); they can differ by ten points, so both are always given. With
several references a document's score is the highest over its references, for each metric by itself.
Two identical texts score 1, except that a single token has no bigram: its `rouge2` is 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.intervals import RESAMPLES, SEED, bootstrap_interval
from mclas_fairseq.evaluation.protocols import RougeProtocol, get_protocol

METRICS = ("rouge1", "rouge2", "rougeL", "rougeLsum")

_Scores = NDArray[np.float64]
_Sentences = list[list[str]]


@dataclass(frozen=True)
class RougeScores:
    """Scores of N documents.

    Attributes:
        protocol: the rules the texts were tokenised by, bound to their language.
        f1: metric -> F1 of each document, shape (N,), in [0, 1].
        lengths: tokens of each hypothesis, shape (N,).
        reference_lengths: tokens of each document's references, their mean, shape (N,).
        references: the signature's `refs`: "1" where every document has one, else "max".
    """

    protocol: RougeProtocol
    f1: Mapping[str, _Scores]
    lengths: _Scores
    reference_lengths: _Scores
    references: str

    def __len__(self) -> int:
        return len(self.lengths)

    def signature(self, metric: Optional[str] = None) -> str:
        """What a number is: metric, protocol, language, tokens, stemming, references, version.

        Args:
            metric: one of `METRICS`; None: one signature for all four together.
        """
        # Imported late: the package itself imports this module when it registers the scorer.
        from mclas_fairseq import __version__

        fields = [
            f"protocol:{self.protocol.name}",
            f"lang:{self.protocol.language}",
            f"tok:{self.protocol.token_kind}",
            f"stem:{self.protocol.stemming}",
            f"refs:{self.references}",
            f"v:{__version__}",
        ]
        if metric in (None, "rougeLsum"):  # no other metric looks at sentences
            fields.insert(4, f"split:{self.protocol.splitting}")
        name = metric or "rouge{1,2,L,Lsum}"
        return "|".join([f"{name}.f", *fields])

    def mean(self, metric: str) -> float:
        """Mean F1 over the documents, in points from 0 to 100."""
        return 100.0 * float(self.f1[metric].mean())

    def interval(
        self, metric: str, *, resamples: int = RESAMPLES, seed: int = SEED
    ) -> tuple[float, float]:
        """Bootstrap 95 % interval of the mean over the documents, in points."""
        low, high = bootstrap_interval(self.f1[metric], resamples=resamples, seed=seed)
        return 100.0 * low, 100.0 * high


def score_rouge(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    language: str,
    protocol: str = "default",
) -> RougeScores:
    """Score one hypothesis per document against its references.

    Args:
        hypotheses: N texts; an empty one scores 0.
        references: for each document at least one text; the best one counts.
        language: code of the language of all texts.
        protocol: name of a protocol that is defined for the language.

    Raises:
        ConfigError: no such protocol for the language.
        DataError: unknown language, different numbers of hypotheses and documents, nothing to
            score, or a document without references or with one that has no tokens.
    """
    # Imported here because nltk, below it, takes a second, and every fairseq command imports us.
    from rouge_score.rouge_scorer import RougeScorer

    rules = get_protocol(protocol, language)
    if len(hypotheses) != len(references) or not hypotheses:
        raise DataError(
            f"ROUGE in {language!r}: there must be one hypothesis for each document, and one"
            f" document or more, but there are {len(hypotheses)} hypotheses and {len(references)}"
            " documents; score the same documents"
        )
    predicted = [rules.tokenise(text) for text in hypotheses]
    wanted = [
        _tokenise_references(rules, texts, number) for number, texts in enumerate(references, 1)
    ]
    engine = RougeScorer(list(METRICS), tokenizer=_Pretokenised())
    rows = [
        engine.score_multi([_joined(text) for text in texts], _joined(hypothesis))
        for texts, hypothesis in zip(wanted, predicted, strict=True)
    ]
    return RougeScores(
        protocol=rules,
        f1={metric: np.array([row[metric].fmeasure for row in rows]) for metric in METRICS},
        lengths=np.array([_length(text) for text in predicted], dtype=np.float64),
        reference_lengths=np.array(
            [np.mean([_length(text) for text in texts]) for texts in wanted]
        ),
        references="1" if all(len(texts) == 1 for texts in wanted) else "max",
    )


class _Pretokenised:
    """Hands `rouge-score` our tokens: each text is tokenised once, and only cut at spaces there."""

    def tokenize(self, text: str) -> list[str]:
        return text.split()


def _tokenise_references(
    rules: RougeProtocol, texts: Sequence[str], number: int
) -> list[_Sentences]:
    if not texts:
        raise DataError(
            f"document {number}: must have at least one reference in {rules.language!r}, but has"
            " none; add one or leave the document out"
        )
    tokenised = [rules.tokenise(text) for text in texts]
    for text, sentences in zip(texts, tokenised, strict=True):
        if not sentences:
            raise DataError(
                f"document {number}: a reference must hold at least one token under protocol"
                f" {rules.name!r} in {rules.language!r}, but is {text[:60]!r}; mend or remove it"
            )
    return tokenised


def _joined(sentences: _Sentences) -> str:
    return "\n".join(" ".join(tokens) for tokens in sentences)


def _length(sentences: _Sentences) -> int:
    return sum(len(tokens) for tokens in sentences)

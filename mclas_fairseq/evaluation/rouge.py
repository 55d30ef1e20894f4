"""ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum under a named protocol.

Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004). Tokens are counted as the
library `rouge-score` counts them (`evaluation/rouge_engine.py`); what a token is, is decided by our
protocols, because its own tokenizer deletes everything but `a-z0-9`. Used by `mclas score`, by
validation and by `fairseq-generate --scoring rouge`.

`rougeL` takes a summary as one sequence of tokens (sentence level), `rougeLsum` takes the union
over its sentences (summary level); they can differ by ten points, so both are always given. With
several references a document's score is, for each metric by itself, that of the reference with the
highest F1, or the mean over its references. Two identical texts score 1, except that a single token
has no bigram: its `rouge2` is 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.corpus.languages import normal_code
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.intervals import RESAMPLES, SEED, bootstrap_interval
from mclas_fairseq.evaluation.protocols import RougeProtocol, get_protocol
from mclas_fairseq.evaluation.rouge_engine import KINDS, METRICS, Documents, score_documents

MULTI_REFERENCE = ("max", "mean")

_Scores = NDArray[np.float64]
_LETTERS = {"precision": "p", "recall": "r", "f1": "f"}


@dataclass(frozen=True)
class RougeScores:
    """Scores of N documents.

    Attributes:
        protocol: the rules the texts were tokenised by, bound to their language.
        precision: metric -> share of the hypothesis that is found in the reference, for each
            document, shape (N,), in [0, 1].
        recall: metric -> share of the reference that is found in the hypothesis, likewise.
        f1: metric -> their harmonic mean, likewise.
        lengths: tokens of each hypothesis, shape (N,).
        reference_lengths: tokens of each document's references, their mean, shape (N,).
        references: the signature's `refs`: "1" where every document has one, else the rule for
            several: "max" or "mean".
    """

    protocol: RougeProtocol
    precision: Mapping[str, _Scores]
    recall: Mapping[str, _Scores]
    f1: Mapping[str, _Scores]
    lengths: _Scores
    reference_lengths: _Scores
    references: str

    def __len__(self) -> int:
        return len(self.lengths)

    def values(self, metric: str, kind: str = "f1") -> _Scores:
        """Scores of each document, shape (N,), in [0, 1].

        Args:
            metric: one of `METRICS`.
            kind: one of `KINDS`.
        """
        by_kind = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return by_kind[kind][metric]

    def signature(self, metric: Optional[str] = None, kind: str = "f1") -> str:
        """What a number is: metric, protocol, language, tokens, stemming, references, version.

        `lsum` says which ROUGE-L those who publish under the protocol print: "yes": `rougeLsum`,
        "no": `rougeL`, "both": there is no such habit, always say which.

        Args:
            metric: one of `METRICS`; None: one signature for all four together.
            kind: one of `KINDS`.
        """
        # Imported late: the package itself imports this module when it registers the scorer.
        from mclas_fairseq.version import __version__

        fields = [
            f"{metric or 'rouge{1,2,L,Lsum}'}.{_LETTERS[kind]}",
            f"protocol:{self.protocol.name}",
            f"lang:{self.protocol.language}",
            f"tok:{self.protocol.token_kind}",
            f"stem:{self.protocol.stemming}",
            f"lsum:{self.protocol.summary_level}",
        ]
        if metric in (None, "rougeLsum"):  # no other metric looks at sentences
            fields.append(f"split:{self.protocol.splitting}")
        return "|".join([*fields, f"refs:{self.references}", f"v:{__version__}"])

    def mean(self, metric: str, kind: str = "f1") -> float:
        """Mean over the documents, in points from 0 to 100."""
        return 100.0 * float(self.values(metric, kind).mean())

    def interval(
        self, metric: str, kind: str = "f1", *, resamples: int = RESAMPLES, seed: int = SEED
    ) -> tuple[float, float]:
        """Bootstrap 95 % interval of the mean over the documents, in points."""
        values = self.values(metric, kind)
        low, high = bootstrap_interval(values, resamples=resamples, seed=seed)
        return 100.0 * low, 100.0 * high


def score_rouge(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    language: str,
    protocol: str | RougeProtocol = "default",
    multi_reference: str = "max",
    workers: int = 1,
) -> RougeScores:
    """Score one hypothesis per document against its references.

    Args:
        hypotheses: N texts; an empty one scores 0.
        references: for each document at least one text.
        language: code of the language of all texts.
        protocol: name of a protocol that is defined for the language and needs no tokenizer, or
            what `get_protocol` returned for the language.
        multi_reference: "max": for each metric the reference with the highest F1 counts, with its
            precision and recall; "mean": the mean over the references.
        workers: processes at most; results do not depend on it.

    Raises:
        ConfigError: no such protocol for the language, no such rule for references, or fewer than
            one worker.
        DataError: unknown language, different numbers of hypotheses and documents, nothing to
            score, or a document without references or with one that has no tokens.
    """
    rules = _rules(protocol, language)
    _check_options(multi_reference, workers)
    if len(hypotheses) != len(references) or not hypotheses:
        raise DataError(
            f"ROUGE in {language!r}: there must be one hypothesis for each document, and one"
            f" document or more, but there are {len(hypotheses)} hypotheses and {len(references)}"
            " documents; score the same documents"
        )
    table = score_documents(
        rules, Documents(hypotheses, references), multi_reference=multi_reference, workers=workers
    )
    by_kind = {
        kind: {metric: table.scores[:, m, k] for m, metric in enumerate(METRICS)}
        for k, kind in enumerate(KINDS)
    }
    return RougeScores(
        protocol=rules,
        precision=by_kind["precision"],
        recall=by_kind["recall"],
        f1=by_kind["f1"],
        lengths=table.lengths,
        reference_lengths=table.reference_lengths,
        references="1" if all(len(texts) == 1 for texts in references) else multi_reference,
    )


def _rules(protocol: str | RougeProtocol, language: str) -> RougeProtocol:
    if isinstance(protocol, str):
        return get_protocol(protocol, language)
    if protocol.language != normal_code(language):
        raise ConfigError(
            f"ROUGE in {language!r}: the protocol must be made for the language of the texts, but"
            f" {protocol.name!r} was made for {protocol.language!r}; call get_protocol with"
            f" {language!r}"
        )
    return protocol


def _check_options(multi_reference: str, workers: int) -> None:
    if multi_reference not in MULTI_REFERENCE:
        raise ConfigError(
            f"--multi-reference: must be one of {', '.join(MULTI_REFERENCE)}, but is"
            f" {multi_reference!r}; change it"
        )
    if workers < 1:
        raise ConfigError(f"--workers: must be 1 or more, but is {workers}; change it")


__all__ = ["KINDS", "METRICS", "MULTI_REFERENCE", "RougeScores", "score_rouge"]

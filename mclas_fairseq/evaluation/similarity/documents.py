"""Score documents with something that compares one hypothesis with one reference by their vectors.

What BERTScore and MoverScore have in common: each different text is tokenised once and encoded once
for some documents at a time (so memory does not grow with the corpus), texts without a piece are
never passed on, several references become one value, and what was cut is counted and logged.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.similarity.encoder import Encoder, LayerCombination, Pieces

logger = logging.getLogger(__name__)

MULTI_REFERENCE = ("max", "mean")
# Documents whose vectors are held at once: about 100 MB for a base model and short summaries.
_CHUNK = 256


@dataclass(frozen=True)
class Embedded:
    """A text's T pieces and their vectors (T, C)."""

    pieces: Pieces
    vectors: Tensor


@dataclass(frozen=True)
class Job:
    """What to do with each pair of hypothesis and reference.

    Attributes:
        metric: its name, for messages.
        values: how many numbers `match` gives.
        match: maps hypothesis and reference to these numbers.
        usable: whether anything of a text is left to compare; never false for all its texts.
        multi_reference: "max" or "mean" over a document's references, for each number by itself.
        batch_size: texts encoded at once.
        combine: makes vectors of the encoder's states; None: those of its layer.
    """

    metric: str
    values: int
    match: Callable[[Embedded, Embedded], Sequence[float]]
    usable: Callable[[Pieces], bool]
    multi_reference: str
    batch_size: int
    combine: Optional[LayerCombination] = None


@dataclass(frozen=True)
class Tokenised:
    """The texts of N documents, each different text tokenised once.

    Attributes:
        hypotheses: N texts.
        references: for each document its references.
        pieces: text -> its pieces.
    """

    hypotheses: Sequence[str]
    references: Sequence[Sequence[str]]
    pieces: Mapping[str, Pieces]

    @property
    def all_references(self) -> list[str]:
        """The references of all documents, one after the other."""
        return [text for texts in self.references for text in texts]

    @property
    def truncated(self) -> int:
        """How many different texts were cut."""
        return sum(pieces.cut for pieces in self.pieces.values())

    def refs(self, multi_reference: str) -> str:
        """The signature's `refs`: "1" where every document has one, else the rule."""
        return "1" if all(len(texts) == 1 for texts in self.references) else multi_reference


def has_content(pieces: Pieces) -> bool:
    """Whether a text has a piece of its own."""
    return not all(pieces.special)


def tokenise_documents(
    metric: str,
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    encoder: Encoder,
) -> Tokenised:
    """Tokenise all texts, and log how many had to be cut.

    Raises:
        DataError: there is nothing to score, or not one hypothesis for each document.
    """
    if len(hypotheses) != len(references) or not hypotheses:
        raise DataError(
            f"{metric}: there must be one hypothesis for each document, and one document or more,"
            f" but there are {len(hypotheses)} hypotheses and {len(references)} documents; score"
            " the same documents"
        )
    different = dict.fromkeys([*hypotheses, *(text for texts in references for text in texts)])
    texts = Tokenised(hypotheses, references, {text: encoder.pieces(text) for text in different})
    if texts.truncated:
        logger.warning(
            "%s: %d of %d different texts are longer than the %s pieces that encoder %s reads, and"
            " were cut; what stands behind is not scored",
            metric,
            texts.truncated,
            len(different),
            encoder.max_tokens,
            encoder.name,
        )
    return texts


def score_documents(texts: Tokenised, encoder: Encoder, job: Job) -> NDArray[np.float64]:
    """Values of each document, (N, job.values); 0 for a hypothesis with nothing to compare.

    Raises:
        ConfigError: the rule for several references or the batch size is none.
        DataError: a document has no reference, or one with nothing to compare.
    """
    if job.multi_reference not in MULTI_REFERENCE or job.batch_size < 1:
        raise ConfigError(
            f"{job.metric}: the rule for several references must be max or mean and the batch size"
            f" 1 or more, but they are {job.multi_reference!r} and {job.batch_size}; change"
            " --multi-reference or --batch-size"
        )
    _check_references(texts, job)
    result = np.zeros((len(texts.hypotheses), job.values))
    for start in range(0, len(result), _CHUNK):
        rows = [
            row
            for row in range(start, min(start + _CHUNK, len(result)))
            if job.usable(texts.pieces[texts.hypotheses[row]])
        ]
        embedded = _embed(texts, rows, encoder, job)
        for row in rows:
            hypothesis = embedded[texts.hypotheses[row]]
            values = np.array(
                [job.match(hypothesis, embedded[text]) for text in texts.references[row]]
            )  # (references, values)
            result[row] = (
                values.max(axis=0) if job.multi_reference == "max" else values.mean(axis=0)
            )
    return result


def count_unusable(texts: Tokenised, usable: Callable[[Pieces], bool]) -> int:
    """How many hypotheses have nothing to compare."""
    return sum(not usable(texts.pieces[text]) for text in texts.hypotheses)


def _check_references(texts: Tokenised, job: Job) -> None:
    for number, wanted in enumerate(texts.references, 1):
        if not wanted:
            raise DataError(
                f"document {number}: must have at least one reference, but has none; add one or"
                " leave the document out"
            )
        for text in wanted:
            if not job.usable(texts.pieces[text]):
                raise DataError(
                    f"document {number}: a reference must hold at least one piece that"
                    f" {job.metric} compares, but is {text[:60]!r}; mend or remove it"
                )


def _embed(
    texts: Tokenised, rows: Sequence[int], encoder: Encoder, job: Job
) -> dict[str, Embedded]:
    """Each different text of these documents with its vectors."""
    needed = list(
        dict.fromkeys(
            text for row in rows for text in (texts.hypotheses[row], *texts.references[row])
        )
    )
    pieces = [texts.pieces[text] for text in needed]
    vectors = encoder.vectors(pieces, job.batch_size, job.combine)
    return {
        text: Embedded(parts, states)
        for text, parts, states in zip(needed, pieces, vectors, strict=True)
    }

"""BERTScore: how well the pieces of a summary and of its reference find each other.

Zhang et al., "BERTScore: Evaluating Text Generation with BERT" (2020), equations 1 to 3 (greedy
matching) and the weights of section 3. The matching and the table of layers are those of the
package `bert-score`; encoding is ours, since in the package an empty hypothesis and a tokenizer
without a length limit end in an exception (0.3.13 with transformers 5.23). Scores are not rescaled
by a baseline. Part of `mclas score`, beside ROUGE.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Optional

import torch
from torch import Tensor

from mclas_fairseq.evaluation.similarity.documents import (
    Embedded,
    Job,
    count_unusable,
    has_content,
    score_documents,
    tokenise_documents,
)
from mclas_fairseq.evaluation.similarity.encoder import Encoder
from mclas_fairseq.evaluation.similarity.scores import SimilarityScores
from mclas_fairseq.evaluation.similarity.weights import (
    InverseDocumentFrequency,
    Weights,
    warn_unweighted,
)
from mclas_fairseq.extras import require


def bert_scores(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    encoder: Encoder,
    *,
    multi_reference: str = "max",
    batch_size: int = 32,
    idf: bool = False,
) -> SimilarityScores:
    """BERTScore of one hypothesis per document against its references.

    Args:
        hypotheses: N texts; an empty one scores 0.
        references: for each document at least one text.
        encoder: from `load_encoder`.
        multi_reference: "max" or "mean" of a document's values over its references, for precision,
            recall and F1 each by itself.
        batch_size: texts encoded at once; the scores do not depend on it.
        idf: weigh pieces by their inverse document frequency in the references.

    Raises:
        SetupError: the package `bert-score` is not installed.
        DataError: different numbers of hypotheses and documents, nothing to score, or a document
            without references or with an empty one.
    """
    package = require("bert_score", extra="metrics", purpose="BERTScore")
    texts = tokenise_documents("BERTScore", hypotheses, references, encoder)
    weights: Weights = _UnlessBoundary.of(encoder)
    if idf:
        weights = InverseDocumentFrequency.count(
            texts.pieces[text] for text in texts.all_references
        )
        scored = [text.ids for text in texts.pieces.values() if has_content(text)]
        warn_unweighted("BERTScore", scored, weights)
    match = partial(_match, greedy=package.utils.greedy_cos_idf, weights=weights)
    job = Job("BERTScore", 3, match, has_content, multi_reference, batch_size)
    values = score_documents(texts, encoder, job).clip(-1.0, 1.0)  # cosines, but for rounding
    fields = [
        "bertscore.f",
        f"model:{encoder.name}",
        f"layer:{encoder.layer}",
        f"idf:{'yes' if idf else 'no'}",
        f"refs:{texts.refs(multi_reference)}",
        f"v:{version('bert-score')}",  # its `__version__` is not kept up to date
    ]
    return SimilarityScores(
        precision=values[:, 0],
        recall=values[:, 1],
        f1=values[:, 2],
        signature="|".join(fields),
        empty=count_unusable(texts, has_content),
        truncated=texts.truncated,
    )


@dataclass(frozen=True)
class _UnlessBoundary:
    """Weight 0 for the two pieces that stand at the ends of a text, 1 for all others.

    Attributes:
        ids: the tokenizer's [CLS] and [SEP], by whatever name; None where it has none.
    """

    ids: tuple[Optional[int], ...]

    @classmethod
    def of(cls, encoder: Encoder) -> "_UnlessBoundary":
        """Those of an encoder's tokenizer."""
        return cls((encoder.tokenizer.cls_token_id, encoder.tokenizer.sep_token_id))

    def weight(self, piece: int) -> float:
        return 0.0 if piece in self.ids else 1.0


def _match(
    hypothesis: Embedded,
    reference: Embedded,
    *,
    greedy: Callable[..., tuple[Tensor, Tensor, Tensor]],
    weights: Weights,
) -> tuple[float, float, float]:
    """Precision, recall and F1 of one pair, by the package's matching.

    Pairs go in one at a time. The package fills shorter texts of a batch up with similarity 0,
    which a piece without any positive similarity would then match: its score would depend on the
    batch.
    """
    found = greedy(*_side(reference, weights), *_side(hypothesis, weights))
    precision, recall, f1 = (float(value) for value in found)
    return precision, recall, f1


def _side(text: Embedded, weights: Weights) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors (1, T, C), mask (1, T) and weights (1, T) of a text; new, as they are changed."""
    vectors = text.vectors.unsqueeze(0).clone()
    values = [weights.weight(piece) for piece in text.pieces.ids]
    if not any(values):
        values = [0.0 if special else 1.0 for special in text.pieces.special]
    if len(values) == 2:
        # The package takes two pieces for [CLS] and [SEP], and so for an empty text. But some
        # tokenizers add only one piece or none. The first piece once more, with weight 0, changes
        # no value.
        vectors = torch.cat([vectors, vectors[:, :1]], dim=1)
        values.append(0.0)
    mask = torch.ones(1, len(values), dtype=torch.bool)
    return vectors, mask, torch.tensor([values], dtype=torch.float32)

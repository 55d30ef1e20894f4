"""Similarity of summaries by an encoder's vectors: BERTScore and MoverScore.

Both say how near a summary's meaning is to its reference's, where ROUGE counts shared words only.
Beside ROUGE in `mclas score`; the packages are the extra `metrics`, imported when used.
"""

from mclas_fairseq.evaluation.similarity.bertscore import bert_scores
from mclas_fairseq.evaluation.similarity.encoder import Encoder
from mclas_fairseq.evaluation.similarity.loading import load_encoder
from mclas_fairseq.evaluation.similarity.moverscore import mover_scores
from mclas_fairseq.evaluation.similarity.scores import MoverScores, SimilarityScores

__all__ = [
    "Encoder",
    "MoverScores",
    "SimilarityScores",
    "bert_scores",
    "load_encoder",
    "mover_scores",
]

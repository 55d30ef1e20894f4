"""Registers the plugin with fairseq; importing the modules below is what does it."""

from mclas_fairseq.checkpoints.install import install
from mclas_fairseq.criterions import summary_cross_entropy
from mclas_fairseq.evaluation import fairseq_scorer
from mclas_fairseq.models import mclas
from mclas_fairseq.tasks import cross_lingual_summarization

REGISTERED = (summary_cross_entropy, fairseq_scorer, mclas, cross_lingual_summarization)


def register() -> None:
    """Make fairseq read and write checkpoints safely; the imports above did the rest."""
    install()

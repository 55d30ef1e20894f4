"""What the plugin adds to fairseq: the modules below register names when they are imported."""

from mclas_fairseq.host.changes import make_changes
from mclas_fairseq.labelling import cross_entropy as label_cross_entropy
from mclas_fairseq.labelling import model as label_models
from mclas_fairseq.labelling import task as label_task
from mclas_fairseq.mglm import cross_entropy as glm_cross_entropy
from mclas_fairseq.mglm import model as glm_models
from mclas_fairseq.mglm import pretraining as glm_pretraining
from mclas_fairseq.mglm import seq2seq as glm_seq2seq
from mclas_fairseq.optim import grouped_adam, grouped_inverse_sqrt
from mclas_fairseq.scoring import rouge
from mclas_fairseq.summarization import cross_entropy, two_decoders
from mclas_fairseq.summarization import model as summarization_models
from mclas_fairseq.summarization import task as summarization_task
from mclas_fairseq.vhm import elbo
from mclas_fairseq.vhm import model as vhm_models
from mclas_fairseq.vhm import task as vhm_task

REGISTERED = (
    summarization_task,
    summarization_models,
    two_decoders,
    cross_entropy,
    glm_models,
    glm_pretraining,
    glm_seq2seq,
    glm_cross_entropy,
    label_task,
    label_models,
    label_cross_entropy,
    vhm_task,
    vhm_models,
    elbo,
    grouped_adam,
    grouped_inverse_sqrt,
    rouge,
)


def register() -> None:
    """Make the changes to fairseq that we need; the imports above did the rest."""
    make_changes()

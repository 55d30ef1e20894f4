"""What the plugin adds to fairseq: the modules below register names when they are imported."""

from fairseq.optim import FP16Optimizer

from mclas_fairseq.host.foreign_tasks import refuse_foreign_tasks
from mclas_fairseq.host.install import install
from mclas_fairseq.host.root_logger import let_generate_log_where_it_prints
from mclas_fairseq.host.scorer_feed import hand_over_dictionary
from mclas_fairseq.host.wrapping import wrap_once
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
    vhm_task,
    vhm_models,
    elbo,
    grouped_adam,
    grouped_inverse_sqrt,
    rouge,
)


def register() -> None:
    """Make fairseq handle checkpoints and tasks as we need; the imports above did the rest."""
    install()
    refuse_foreign_tasks()
    hand_over_dictionary()
    wrap_once(FP16Optimizer, "build_fp32_params", grouped_adam.refuse_flat_parameters)
    let_generate_log_where_it_prints()

"""Registers the plugin with fairseq; importing the modules below is what does it."""

import logging
import sys
from pathlib import Path

from fairseq.optim import FP16Optimizer

from mclas_fairseq.host.install import install
from mclas_fairseq.host.one_line_errors import is_fairseq_command
from mclas_fairseq.host.wrapping import wrap_once
from mclas_fairseq.summarization import cross_entropy as summary_cross_entropy
from mclas_fairseq.vhm import elbo as vhm_elbo
from mclas_fairseq.scoring import rouge as fairseq_scorer
from mclas_fairseq.summarization import model as mclas
from mclas_fairseq.summarization import two_decoders as ncls_ms
from mclas_fairseq.vhm import model as vhm
from mclas_fairseq.optim import grouped_adam, grouped_inverse_sqrt
from mclas_fairseq.summarization import task as cross_lingual_summarization
from mclas_fairseq.vhm import task as multitask_summarization
from mclas_fairseq.host.foreign_tasks import refuse_foreign_tasks

REGISTERED = (
    summary_cross_entropy,
    vhm_elbo,
    fairseq_scorer,
    mclas,
    ncls_ms,
    vhm,
    cross_lingual_summarization,
    multitask_summarization,
    grouped_adam,
    grouped_inverse_sqrt,
)


def register() -> None:
    """Make fairseq handle checkpoints and tasks as we need; the imports above did the rest."""
    install()
    refuse_foreign_tasks()
    wrap_once(FP16Optimizer, "build_fp32_params", grouped_adam.refuse_flat_parameters)
    _let_generate_log_where_it_prints()


def _let_generate_log_where_it_prints() -> None:
    """Free the root logger for `fairseq-generate`.

    It means to log to where its hypotheses go, standard output or the file of `--results-path`,
    and `mclas extract` reads both there. But parts of fairseq for speech configure the root logger
    for standard error while they are imported, and what is configured later has no effect.
    """
    program = sys.argv[0] if sys.argv else ""
    if not is_fairseq_command(program) or "generate" not in Path(program).stem:
        return
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler and handler.stream is sys.stderr:
            root.removeHandler(handler)

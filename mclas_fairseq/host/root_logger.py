"""The root logger, which fairseq's parts for speech configure while they are imported."""

import logging
import sys
from pathlib import Path

from mclas_fairseq.host.one_line_errors import is_fairseq_command


def let_generate_log_where_it_prints() -> None:
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

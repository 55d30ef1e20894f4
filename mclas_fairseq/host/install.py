"""What the plugin's import does to fairseq's handling of checkpoints, in one place.

fairseq's functions that read a checkpoint, hand it to other processes and copy it are wrapped (none
is rewritten), and so are the last words of a command that fails. Calling `install` twice changes
nothing more.
"""

import logging

from mclas_fairseq.checkpoints.safe_loading import allow_fairseq_types
from mclas_fairseq.host.atomic_copies import make_copies_atomic
from mclas_fairseq.host.broadcast import make_broadcast_safe
from mclas_fairseq.host.clear_errors import wrap_fairseq_loaders
from mclas_fairseq.host.missing_files import refuse_missing_checkpoints
from mclas_fairseq.host.one_line_errors import print_errors_in_one_line

logger = logging.getLogger(__name__)


def install() -> None:
    """Make fairseq read, send and copy checkpoints safely in this process. Idempotent."""
    allow_fairseq_types()
    wrap_fairseq_loaders()
    refuse_missing_checkpoints()
    make_broadcast_safe()
    make_copies_atomic()
    print_errors_in_one_line()
    logger.debug("fairseq's checkpoints are read, sent and copied safely")

"""mclas-fairseq: cross-lingual summarization for fairseq.

Given to fairseq's commands as `--user-dir mclas_fairseq`, it adds tasks, models, criterions and a
scorer to them; the `mclas` command does what fairseq has no command for.

Importing the package registers everything, because fairseq looks for a plugin's tasks and models
only when it imports the plugin itself, and never for its criterions and scorers.
"""

import logging
import sys
from typing import Optional

__version__ = "0.1.0"

registration_error: Optional[ImportError] = None

_loaded_by_fairseq = "fairseq.tasks" in sys.modules

# Parts of fairseq for speech configure the root logger, at debug level, when they are imported; a
# handler that stands there meanwhile keeps them from it.
_root = logging.getLogger()
_placeholder = logging.NullHandler()
_root.addHandler(_placeholder)
try:
    from mclas_fairseq import _registration
except ImportError as error:
    # fairseq must not go on without a plugin that it was told to load.
    if _loaded_by_fairseq:
        raise
    # `mclas doctor` must be able to say what is missing; every other command raises this.
    registration_error = error
else:
    _registration.register()
finally:
    _root.removeHandler(_placeholder)

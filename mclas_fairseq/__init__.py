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

# fairseq announces while it is imported that a part for speech lacks a package; text needs none.
logging.getLogger("fairseq.tasks.text_to_speech").setLevel(logging.WARNING)

registration_error: Optional[ImportError] = None

try:
    from mclas_fairseq import _registration
except ImportError as error:
    # fairseq itself is loading the plugin: it must not go on without it.
    if "fairseq.tasks" in sys.modules:
        raise
    # `mclas doctor` must be able to say what is missing; every other command raises this.
    registration_error = error
else:
    _registration.register()

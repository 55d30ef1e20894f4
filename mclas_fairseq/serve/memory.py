"""Keeping the memory of a server that runs for weeks to what it uses.

Batches and requests differ in size, so that glibc keeps holes between the blocks in use
(`modules/heap.py`). And what Python frees by its collector alone, such as the frames of a refused
request, waits for it: it looks at everything only when a quarter as much was made anew as there is,
and torch and fairseq alone are some hundred thousand objects.
"""

import gc
import time
from collections.abc import Callable

from mclas_fairseq.modules.heap import give_back

# Between two times that memory is given back. That takes milliseconds; within ten seconds of full
# load the holes would grow by a tenth of the process.
SECONDS = 1.0


def set_imports_apart() -> None:
    """Let the collector pass over all that was imported, so that it soon looks at what was not.

    To be called before models are loaded: those that are replaced must be collected.
    """
    gc.collect()
    gc.freeze()


class GivingBack:
    """Gives memory back now and then; belongs to one thread.

    Args:
        clock: in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._last = clock()

    def after_batch(self) -> None:
        """Give memory back, if it was not given back in the last second."""
        now = self._clock()
        if now - self._last >= SECONDS:
            self._last = now
            give_back()

"""Keeping the memory of a server that runs for weeks to what it uses.

What a batch frees the next one asks for again, so that it is kept while documents come
(`modules/heap.py`), and given back when none came for a while. And what Python frees by its
collector alone, such as the frames of a refused request, waits for it: it looks at everything only
when a quarter as much was made anew as there is, and torch and fairseq alone are some hundred
thousand objects.
"""

import gc

from mclas_fairseq.modules.heap import keep_freed

# Without a document, until memory is given back. That takes milliseconds, and the next batch a
# fifth longer.
IDLE_SECONDS = 2.0


def prepare_memory() -> None:
    """Keep what batches free, and let the collector look soon at what was not imported.

    To be called before models are loaded: those that are replaced must be collected.
    """
    keep_freed()
    gc.collect()
    gc.freeze()

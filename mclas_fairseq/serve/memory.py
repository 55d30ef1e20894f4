"""Keeping the memory of a server that runs for weeks to what it uses.

What a batch frees the next one asks for again, so that it is kept while documents come
(`modules/heap.py`), and given back when none came for a while. And what Python frees by its
collector alone waits for it: it looks at everything only when a quarter as much was made anew as
there is, and torch and fairseq alone are some hundred thousand objects.
"""

import gc
import os
from pathlib import Path

# Without a document, until memory is given back. That takes milliseconds, and the next batch a
# fifth longer.
IDLE_SECONDS = 2.0


def prepare_memory() -> None:
    """Keep what batches free, and let the collector look soon at what was not imported.

    To be called where models are, before they are loaded: those that are replaced must be
    collected.
    """
    from mclas_fairseq.modules.heap import keep_freed

    keep_freed()
    set_imports_apart()


def set_imports_apart() -> None:
    """Let the collector look no more at what there is now."""
    gc.collect()
    gc.freeze()


def resident_bytes(process: int) -> float:
    """Memory of a process; 0 where it has ended, or the system has no /proc."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return float(pages * os.sysconf("SC_PAGE_SIZE"))

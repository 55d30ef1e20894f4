"""`train_subset.txt`: the ids that a low-resource run was trained on, beside its checkpoints."""

from collections.abc import Iterable
from pathlib import Path

from fairseq.distributed import utils as distributed_utils

SUBSET_FILE = "train_subset.txt"


def write_train_subset(folder: Path, ids: Iterable[str]) -> None:
    """Write the ids, one a line, into a folder, which is made if need be.

    Of several processes of a training the first writes: all draw the same ids, and would rename
    one another's unfinished file away.
    """
    if distributed_utils.get_global_rank() != 0:
        return
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{SUBSET_FILE}.tmp"
    temporary.write_text("".join(f"{identifier}\n" for identifier in ids), encoding="utf-8")
    temporary.replace(folder / SUBSET_FILE)

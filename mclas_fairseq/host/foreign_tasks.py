"""A data-bin of ours given to a task that is not: refused, naming the flag.

fairseq's commands take the task from their flags, and without one `translation`; that looks for
dictionaries named after languages and would die of a missing `dict.document.txt`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairseq import tasks

from mclas_fairseq.data.data_bin import TOKENIZER_FOLDER
from mclas_fairseq.data.manifest import MANIFEST_FILE
from mclas_fairseq.errors import ConfigError


def refusing_our_data_bins(setup: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fairseq.tasks.setup_task`."""

    def setup_task(cfg: Any, **kwargs: Any) -> Any:
        name = str(getattr(cfg, "_name", None) or getattr(cfg, "task", None))
        task = tasks.TASK_REGISTRY.get(name)
        data = getattr(cfg, "data", None)
        ours = task is None or task.__module__.partition(".")[0] == "mclas_fairseq"
        if not ours and isinstance(data, str) and _is_data_bin(Path(data)):
            raise ConfigError(
                f"--task {name}: it cannot read {data}, which mclas prepare made; give "
                "--task cross_lingual_summarization"
            )
        return setup(cfg, **kwargs)

    return setup_task


def _is_data_bin(folder: Path) -> bool:
    return (folder / MANIFEST_FILE).is_file() and (folder / TOKENIZER_FOLDER).is_dir()

"""Validations in a log of fairseq-train, as `--log-format simple` writes them."""

import re
from pathlib import Path

from mclas_fairseq.errors import DataError

_VALUE = re.compile(r"\| (\w+) (-?[\d.]+(?:e[-+]?\d+)?)(?= |$)")


def read_validations(log: Path) -> list[dict[str, float]]:
    """All numbers of each validation, by update: `num_updates`, `nll_loss`, `cls_nll_loss`, ...

    Where a log holds several trainings, of an update the last one's count.

    Raises:
        DataError: the log is missing or cannot be read.
    """
    found: dict[float, dict[str, float]] = {}
    for line in _read(log).splitlines():
        if "| valid |" in line:
            values = {name: float(value) for name, value in _VALUE.findall(line)}
            if "num_updates" in values:
                found[values["num_updates"]] = values
    return [found[update] for update in sorted(found)]


def _read(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")  # one that is cut is still read
    except OSError as error:
        raise DataError(
            f"{log}: must be the log of a training, but cannot be read ({error.strerror}); check"
            " the name"
        ) from error

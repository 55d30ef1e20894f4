"""What a log of fairseq-train says of its validations."""

import re
from pathlib import Path

_VALUE = re.compile(r"\| (\w+) (-?[\d.]+(?:e-?\d+)?)")


def read_validations(log: Path) -> list[dict[str, float]]:
    """All numbers of each validation, in order: `num_updates`, `nll_loss`, ...

    Where a log holds several trainings, of an update the last one's count.
    """
    found: dict[float, dict[str, float]] = {}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if "| valid |" in line:
            values = {name: float(value) for name, value in _VALUE.findall(line)}
            if "num_updates" in values:
                found[values["num_updates"]] = values
    return [found[update] for update in sorted(found)]

"""What criterions of several processes log, as plain numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor


def plain_logs(logging_outputs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Logging outputs of workers, one each, with a number in place of every tensor of one.

    fairseq's meters keep what they are given; a tensor would be kept on its device.
    """
    return [{key: _number(value) for key, value in log.items()} for log in logging_outputs]


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value

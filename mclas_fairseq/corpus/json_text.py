"""JSON that users hand in, of which nothing is known: whatever is wrong with it is a ValueError."""

import json
from typing import Any


def parse_json(text: str) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is none, or nested deeper than Python goes.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None

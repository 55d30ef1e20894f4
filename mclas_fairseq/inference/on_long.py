"""What is done with a document that is longer than the model reads."""

from enum import StrEnum

from mclas_fairseq.errors import ConfigError


class OnLong(StrEnum):
    """Cut it off, read it in windows (`windows.py`), or refuse it."""

    TRUNCATE = "truncate"
    WINDOWS = "windows"
    REFUSE = "refuse"


def choose_on_long(name: str) -> OnLong:
    """The choice of this name.

    Raises:
        ConfigError: there is none.
    """
    try:
        return OnLong(name)
    except ValueError:
        raise ConfigError(
            f"on_long {name!r}: must be one of {', '.join(OnLong)}; choose one of them"
        ) from None

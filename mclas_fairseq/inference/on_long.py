"""What is done with a document that is longer than the model reads."""

from collections.abc import Sequence
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


def check_windows(source_lang: str, summary_langs: Sequence[str]) -> None:
    """Refuse windows of a model whose summaries it cannot read itself.

    Raises:
        ConfigError: it writes none in the language of the documents.
    """
    if source_lang not in summary_langs:
        raise ConfigError(
            f"--on-long windows: needs a model that also writes summaries in {source_lang!r}, the"
            f" language of its documents, to read them again, but this one writes"
            f" {', '.join(summary_langs)}; take a model of layout mclas or ms, with two decoders"
            " --summary-decoder both, or --on-long truncate"
        )

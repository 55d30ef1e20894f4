"""How a request wants its documents searched: its options over those of the model's card.

The process that answers over HTTP checks them by the card alone; the one that decodes is told them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.inference.options import DecodingOptions
from mclas_fairseq.serve.schema import ModelCard


@dataclass(frozen=True)
class Search:
    """How a document is to be searched; documents of the same search share batches.

    Attributes:
        options: of the search, all of them.
        target_langs: to be written, in order.
    """

    options: DecodingOptions
    target_langs: tuple[str, ...]


def choose_search(
    card: ModelCard, changes: dict[str, Any], target_langs: Optional[Sequence[str]]
) -> Search:
    """The search that a request asks for.

    Args:
        card: of the model.
        changes: options that differ from the model's own.
        target_langs: to be written; None: all.

    Raises:
        ConfigError: an option is out of range or does not go with others, or the model has not
            learned a language.
    """
    chosen = tuple(target_langs or card.target_langs)
    foreign = [code for code in chosen if code not in card.target_langs]
    if foreign or len(set(chosen)) < len(chosen):
        raise ConfigError(
            f"target_langs: must be some of {', '.join(card.target_langs)}, each once;"
            " leave them out to get all"
        )
    options = DecodingOptions(**{**card.search, **changes})
    if options.max_len_a == 0 and options.max_len_b < options.min_len:
        raise ConfigError(
            f"max_len_b {options.max_len_b}: must be at least min_len, which is"
            f" {options.min_len}; raise it, or lower min_len"
        )
    return Search(options, chosen)

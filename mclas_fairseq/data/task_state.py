"""What travels with a checkpoint: the target layout and all that decoding needs to know of it.

fairseq keeps it under `task_state` and hands it back when a checkpoint is loaded for generation or
validation; it wins over the flags given there.
"""

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mclas_fairseq.errors import CheckpointError

logger = logging.getLogger(__name__)

_OPTIONAL = "target_langs"
_MAX_POSITIONS = 1_000_000  # a table of so many rows may be made


@dataclass(frozen=True)
class TaskState:
    """Plain values only, so that the safe loader reads them.

    Attributes:
        target_layout: ms, ncls, ncls_ms or mclas.
        source_lang: language of the documents.
        target_lang: language of the cross-lingual summaries.
        max_source_positions: documents were cut to so many tokens.
        max_target_positions: training targets were cut to so many tokens.
        dictionary_sha256: fingerprint of the dictionary.
        subset_ids: ids of the training subset, empty for all.
        vocabularies: language -> dictionary ids that its summaries may hold.
        target_langs: all target languages, in the order of their numbers, where the decoder writes
            several; else empty, and not stored.
    """

    target_layout: str
    source_lang: str
    target_lang: str
    max_source_positions: int
    max_target_positions: int
    dictionary_sha256: str
    subset_ids: list[str]
    vocabularies: dict[str, list[int]]
    target_langs: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As fairseq stores it."""
        state = dataclasses.asdict(self)
        if not self.target_langs:
            del state["target_langs"]
        return state

    @classmethod
    def from_dict(
        cls, state: Mapping[str, Any], *, dictionary_sha256: str, folder: object
    ) -> "TaskState":
        """Read what a checkpoint carries.

        Args:
            state: the checkpoint's task state.
            dictionary_sha256: fingerprint of the dictionary in use.
            folder: the data-bin in use, for messages.

        Raises:
            CheckpointError: the checkpoint has none of it, or another dictionary.
        """
        if "target_layout" not in state:
            raise CheckpointError(
                "checkpoint: it must carry its target layout and language vocabularies, it has "
                "none; was it trained with --task cross_lingual_summarization?"
            )
        if state["dictionary_sha256"] != dictionary_sha256:
            raise CheckpointError(
                f"checkpoint: it was trained with another dictionary "
                f"({state['dictionary_sha256'][:12]}) than that of {folder} "
                f"({dictionary_sha256[:12]}); give the data-bin that it was trained on, or one "
                "made with mclas prepare --like"
            )
        for name in ("max_source_positions", "max_target_positions"):
            if type(state.get(name)) is not int or not 1 <= state[name] <= _MAX_POSITIONS:
                raise CheckpointError(
                    f"checkpoint: its {name} must be a number from 1 to {_MAX_POSITIONS:,}, but is"
                    f" {state.get(name)!r:.40}; get it again from its maker"
                )
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: state[name] for name in names if name in state or name != _OPTIONAL})

"""Documents that no batch can hold: named, instead of dropped or met as fairseq's traceback.

fairseq leaves out of training, with a warning, what is longer than `--max-tokens`, and ends
validation and generation with a bare exception. Here a run ends before it starts: a training that
silently had other documents than its log and its `train_subset.txt` say would be worse.
"""

import logging
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from mclas_fairseq.errors import ConfigError

logger = logging.getLogger(__name__)

_SHOWN = 5  # of the documents that are left out


class Batched(Protocol):
    """A dataset that can name its examples.

    Attributes:
        cut_by: flags that make its examples shorter.
    """

    cut_by: str

    def describe(self, index: int) -> str:
        """Split and id of an example."""

    def size(self, index: int) -> tuple[int, int]:
        """Tokens of its source and its target."""

    def filter_indices_by_size(
        self, indices: np.ndarray, max_sizes: Any
    ) -> tuple[np.ndarray, Sequence[int]]:
        """Those that fit, and those that do not."""


def within_limits(
    dataset: Batched, indices: np.ndarray, limits: Any, *, leave_out: bool
) -> np.ndarray:
    """Indices of the examples that a batch can hold.

    Args:
        dataset: whose examples they are.
        indices: shape (N,).
        limits: longest source and target in tokens, as fairseq resolves them: the smallest of what
            task, model and --max-tokens allow.
        leave_out: whether the user wants longer ones left out
            (--skip-invalid-size-inputs-valid-test).

    Raises:
        ConfigError: an example is longer and may not be left out, or none is left.
    """
    kept, ignored = dataset.filter_indices_by_size(indices, limits)
    if not len(ignored):
        return kept
    longest = max(ignored, key=lambda index: max(dataset.size(int(index))))
    source, target = dataset.size(int(longest))
    told = (
        f"{len(ignored):,} of {len(indices):,} are longer, the longest being"
        f" {dataset.describe(int(longest))}: {source:,} tokens, its target {target:,}"
    )
    bound = _bound(limits)
    if not leave_out or not len(kept):
        raise ConfigError(
            f"--max-tokens: a batch must hold every document, but at most {bound} tokens fit into"
            f" one and {told}; give --max-tokens {max(source, target)} or more (--batch-size for"
            f" fewer documents a batch), or let {dataset.cut_by} cut at {bound}"
        )
    names = ", ".join(dataset.describe(int(index)) for index in ignored[:_SHOWN])
    logger.warning(
        "--skip-invalid-size-inputs-valid-test: %s; they are left out (%s%s)",
        *(told, names, ", ..." if len(ignored) > _SHOWN else ""),
    )
    return kept


def _bound(limits: Any) -> str:
    values = limits if isinstance(limits, list | tuple) else (limits,)
    return f"{min(int(value) for value in values):,}"


def with_the_rest(batches: Sequence[np.ndarray], indices: np.ndarray) -> list[np.ndarray]:
    """Batches and, as one more, the examples at the end that fairseq left out.

    fairseq-fixed drops the last batch when its size is no multiple of
    `required_batch_size_multiple` (8 on the command line).

    Args:
        batches: of the first of `indices`, in their order.
        indices: of all examples, (N,).
    """
    batched = sum(len(batch) for batch in batches)
    return list(batches) if batched == len(indices) else [*batches, indices[batched:]]

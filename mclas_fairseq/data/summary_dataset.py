"""The dataset of a split: documents with the target that a layout makes of their summaries."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data import (
    ConcatDataset,
    Dictionary,
    FairseqDataset,
    LanguagePairDataset,
    data_utils,
)
from torch import Tensor

from mclas_fairseq.data.batch_limits import with_the_rest, within_limits
from mclas_fairseq.data.layouts import build_target, summary_limit

logger = logging.getLogger(__name__)

Rows = Sequence[int] | npt.NDArray[np.int64]

# The order in which batches are built must not depend on the epoch in which a run was started:
# fairseq seeds it with seed + epoch and then keeps the batches, so that a resumed run would see
# others (fairseq/tasks/fairseq_task.py). Shuffling of the batches themselves stays fairseq's.
_ORDER_SEED = 20210801


@dataclass(frozen=True)
class TargetSpec:
    """What a target is made with: ids of the symbols and the longest target, EOS included."""

    eos: int
    separator: int
    max_positions: int


class RowsDataset(FairseqDataset):
    """Chosen rows of a binarised side, cut to `max_tokens` tokens with EOS kept at the end.

    With `language_id` that id follows EOS, within `max_tokens`. `unread`, shape (N,), says how many
    tokens of each row are cut off.
    """

    def __init__(
        self,
        side: FairseqDataset,
        rows: Rows,
        max_tokens: int,
        eos: int,
        language_id: int | None = None,
    ):
        super().__init__()
        self.side = side
        self.rows = np.asarray(rows, dtype=np.int64)
        self.max_tokens = max_tokens
        self.eos = eos
        self.ending = [eos] if language_id is None else [eos, language_id]
        full = np.asarray(side.sizes)[self.rows] + len(self.ending) - 1
        self.sizes = np.minimum(full, max_tokens)
        self.unread = full - self.sizes
        self.truncated = int((self.unread > 0).sum())
        self.truncated_tokens = int(self.unread.sum())

    def __getitem__(self, index: int) -> Tensor:
        """Token ids of one row, shape (T,), T <= max_tokens, closed by EOS and a language id."""
        tokens: Tensor = self.side[int(self.rows[index])].long()
        room = self.max_tokens - len(self.ending)
        if len(tokens) - 1 > room or len(self.ending) > 1:
            content = tokens[: min(room, len(tokens) - 1)]
            tokens = torch.cat([content, tokens.new_tensor(self.ending)])
        return tokens

    def __len__(self) -> int:
        return len(self.rows)


class LayoutDataset(FairseqDataset):
    """Targets put together from the chosen rows of one or two summary sides."""

    def __init__(self, sides: Sequence[FairseqDataset], rows: Rows, spec: TargetSpec):
        super().__init__()
        self.sides = sides
        self.rows = np.asarray(rows, dtype=np.int64)
        self.spec = spec
        # Sizes of a side count its EOS; in a target that place is the separator's or the EOS's.
        lengths = [np.asarray(side.sizes)[self.rows] - 1 for side in sides]
        share = summary_limit(spec.max_positions, len(sides))
        self.sizes = np.sum([np.minimum(length, share) + 1 for length in lengths], axis=0)
        self.truncated = int(np.any([length > share for length in lengths], axis=0).sum())

    def __getitem__(self, index: int) -> Tensor:
        """Token ids of one target, shape (T_tgt,), see `layouts.build_target`."""
        row = int(self.rows[index])
        return build_target(
            [side[row].long()[:-1] for side in self.sides],
            separator=self.spec.separator,
            eos=self.spec.eos,
            limit=self.spec.max_positions,
        )

    def __len__(self) -> int:
        return len(self.rows)


class SummaryDataset(LanguagePairDataset):
    """Documents and targets. `id` of a sample is its row in the data-bin's split.

    With `ms_targets` a document has a second target, `S^A`, for a decoder of its own. `starts` is
    what the decoders of target and second target read first; BOS when None. `names` are the ids of
    all records of the split, for messages, as `cut_by` is: the flags that make examples shorter.
    """

    cut_by = "--max-source-positions and --max-target-positions"

    def __init__(
        self,
        documents: RowsDataset,
        targets: LayoutDataset | None,
        dictionary: Dictionary,
        *,
        shuffle: bool,
        split: str | None = None,
        ms_targets: LayoutDataset | None = None,
        starts: tuple[int, int] | None = None,
        names: Sequence[str] | None = None,
    ):
        sizes = None if targets is None else targets.sizes
        if targets is not None and ms_targets is not None:
            # A batch is as wide as the longest of what its documents have.
            sizes = np.maximum(targets.sizes, ms_targets.sizes)
        super().__init__(
            documents,
            documents.sizes,
            dictionary,
            tgt=targets,
            tgt_sizes=sizes,
            tgt_dict=None if targets is None else dictionary,
            shuffle=shuffle,
        )
        self.rows = documents.rows
        self.split = split
        self.names = names
        self.ms_targets = ms_targets
        bos = int(dictionary.bos())
        self.start, self.ms_start = starts or (bos, bos)

    def __getitem__(self, index: int) -> dict[str, Any]:
        example: dict[str, Any] = super().__getitem__(index)
        example["id"] = int(self.rows[index])
        if self.ms_targets is not None:
            example["ms_target"] = self.ms_targets[index]
        return example

    def describe(self, index: int) -> str:
        """Split and id of an example, for messages."""
        row = int(self.rows[index])
        known = f"document {self.names[row]!r}" if self.names is not None else f"row {row + 1}"
        return f"{self.split} {known}" if self.split is not None else known

    def collater(
        self, samples: list[dict[str, Any]], pad_to_length: dict[str, int] | None = None
    ) -> dict[str, Any]:
        """Merge samples to a batch; decoder input starts with BOS (Eq. 3), not with fairseq's EOS.

        Returns:
            fairseq's batch: `id` (B,), `net_input.src_tokens` (B, T_src) padded on the left,
            `net_input.src_lengths` (B,), `net_input.prev_output_tokens` and `target` (B, T_tgt);
            and `split`, the name of the split that the rows `id` belong to. With a second target
            also `net_input.ms_prev_output_tokens` and `ms_target` (B, T_ms); `ntokens` counts
            both targets then.
        """
        batch: dict[str, Any] = super().collater(samples, pad_to_length)
        if batch and self.split is not None:
            batch["split"] = self.split
        if batch and "prev_output_tokens" in batch["net_input"]:
            batch["net_input"]["prev_output_tokens"][:, 0] = self.start
        if batch and self.ms_targets is not None:
            self._add_ms_targets(batch, samples)
        return batch

    def _add_ms_targets(self, batch: dict[str, Any], samples: list[dict[str, Any]]) -> None:
        by_id = {sample["id"]: sample["ms_target"] for sample in samples}
        # fairseq has put the rows in an order of its own.
        rows = [by_id[row] for row in batch["id"].tolist()]
        pad, eos = self.tgt_dict.pad(), self.tgt_dict.eos()
        prev = data_utils.collate_tokens(rows, pad, eos, move_eos_to_beginning=True)
        prev[:, 0] = self.ms_start
        batch["net_input"]["ms_prev_output_tokens"] = prev
        batch["ms_target"] = data_utils.collate_tokens(rows, pad)
        batch["ntokens"] += sum(len(row) for row in rows)

    def batch_by_size(
        self,
        indices: np.ndarray,
        max_tokens: int | None = None,
        max_sentences: int | None = None,
        required_batch_size_multiple: int = 1,
    ) -> list[np.ndarray]:
        """Batch the rows as fairseq does, but all of them.

        Else documents would be neither trained on, nor validated, nor summarized, see
        `batch_limits.with_the_rest`.

        Raises:
            ConfigError: a document is longer than a batch. In training and validation fairseq asks
                for those before; in generation it does not.
        """
        if max_tokens is not None:
            within_limits(self, indices, (max_tokens, max_tokens), leave_out=False)
        batches: list[np.ndarray] = super().batch_by_size(
            indices, max_tokens, max_sentences, required_batch_size_multiple
        )
        return with_the_rest(batches, indices)

    def ordered_indices(self) -> np.ndarray:
        """Indices sorted by length, ties in an order that is the same in every epoch and run."""
        with data_utils.numpy_seed(_ORDER_SEED):
            indices: np.ndarray = super().ordered_indices()
        return indices


def joined(parts: Sequence[FairseqDataset]) -> FairseqDataset:
    """Rows of one data set or several, one behind another."""
    return parts[0] if len(parts) == 1 else ConcatDataset(list(parts))

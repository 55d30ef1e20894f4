"""Batches of several corpora at once: one of each task for every update.

Liang et al. (2022), "A Variational Hierarchical Model for Neural Cross-Lingual Summarization"
(ACL 2022), train translation (MT), monolingual (MS) and cross-lingual summarization (CLS) together.
An item of `MultitaskDataset` is a sample of one task, a batch holds one batch of each; fairseq's
iterators shuffle, share out and resume them as any others. A document begins with its task's tag.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Optional

import numpy as np
import torch
from fairseq.data import Dictionary, FairseqDataset, data_utils
from torch import Tensor

from mclas_fairseq.data.summary_dataset import LayoutDataset, Rows, RowsDataset, SummaryDataset

Batches = Sequence[np.ndarray]


class TrainTask(StrEnum):
    """What is learned from a corpus; an update has a batch of each, in this order."""

    MT = "mt"
    MS = "ms"
    CLS = "cls"


class TaggedRows(RowsDataset):
    """Rows of a side with a tag in front of each, which counts as one of `max_tokens`."""

    def __init__(
        self,
        side: FairseqDataset,
        rows: Rows,
        max_tokens: int,
        eos: int,
        tag: int,
        language_id: Optional[int] = None,
    ):
        super().__init__(side, rows, max_tokens - 1, eos, language_id)
        self.tag = tag
        self.sizes = self.sizes + 1

    def __getitem__(self, index: int) -> Tensor:
        """Token ids of one row, shape (T,), the tag first."""
        tokens = super().__getitem__(index)
        return torch.cat([tokens.new_tensor([self.tag]), tokens])


class TaskDataset(SummaryDataset):
    """Samples of one task, and their targets also as what an encoder reads.

    Args:
        documents: with tags.
        targets: translations or summaries.
        dictionary: of all sides.
        split: name of the split.
        shuffle: whether documents of equal length are shuffled.
        ms_targets: `S^A` of the same documents, for a posterior of `z_ms`; of CLS alone.
        max_encoder_positions: longest target that the encoder reads, in tokens.
        start: what the decoder reads first; BOS when None.
        language_ids: what follows EOS where the encoder reads a target, and `S^A`.
        names: ids of all records of the split.
    """

    def __init__(
        self,
        documents: RowsDataset,
        targets: LayoutDataset,
        dictionary: Dictionary,
        *,
        split: str,
        shuffle: bool,
        max_encoder_positions: int,
        ms_targets: Optional[LayoutDataset] = None,
        start: Optional[int] = None,
        language_ids: tuple[Optional[int], Optional[int]] = (None, None),
        names: Optional[Sequence[str]] = None,
    ):
        starts = None if start is None else (start, start)
        super().__init__(
            documents, targets, dictionary, shuffle=shuffle, split=split, starts=starts, names=names
        )
        self.language_ids = language_ids
        self.max_encoder_positions = max_encoder_positions
        self.summaries_of_documents = ms_targets

    def __getitem__(self, index: int) -> dict[str, Any]:
        example = super().__getitem__(index)
        if self.summaries_of_documents is not None:
            example["document_summary"] = self.summaries_of_documents[index]
        return example

    def collater(
        self, samples: list[dict[str, Any]], pad_to_length: dict[str, int] | None = None
    ) -> dict[str, Any]:
        """Merge samples to a batch.

        Returns:
            The batch of `SummaryDataset`, and beside its parts `tgt_src_tokens` (B, T_y): the
            targets closed by EOS, padded on the left like `src_tokens`. Where `S^A` is at hand
            also `ms_tgt_src_tokens` (B, T_ms).
        """
        batch = super().collater(samples, pad_to_length)
        if not batch:
            return batch
        # fairseq has put the rows in an order of its own.
        order = {sample["id"]: sample for sample in samples}
        ordered = [order[row] for row in batch["id"].tolist()]
        own, of_document = self.language_ids
        texts = [sample["target"] for sample in ordered]
        batch["tgt_src_tokens"] = self._as_source(texts, own)
        if self.summaries_of_documents is not None:
            texts = [sample["document_summary"] for sample in ordered]
            batch["ms_tgt_src_tokens"] = self._as_source(texts, of_document)
        return batch

    def _as_source(self, targets: Sequence[Tensor], language_id: Optional[int]) -> Tensor:
        added = [] if language_id is None else [language_id]
        room = self.max_encoder_positions - 1 - len(added)
        cut = [
            torch.cat([row[: min(room, len(row) - 1)], row[-1:], row.new_tensor(added)])
            for row in targets
        ]
        padded: Tensor = data_utils.collate_tokens(
            cut, self.src_dict.pad(), left_pad=self.left_pad_source
        )
        return padded


class MultitaskDataset(FairseqDataset):
    """Corpora of several tasks; an epoch ends when each sample of the largest has been seen once.

    The batches of a corpus are made once and do not change. Those of the largest keep fairseq's
    order; those of a smaller one are repeated, shuffled anew in each pass. The passes run on over
    the ends of epochs, so that no sample is seen twice more often than another. All of it depends
    on seed and epoch alone: a resumed run sees the batches of an uninterrupted one.

    Args:
        parts: task -> its samples; the order is that of the tasks in a batch.
        seed: of the order in which batches of smaller corpora are repeated.
    """

    # fairseq would keep the batches of the epoch in which a run was started.
    can_reuse_epoch_itr_across_epochs = False
    cut_by = SummaryDataset.cut_by

    def __init__(self, parts: Mapping[str, SummaryDataset], seed: int):
        super().__init__()
        assert parts
        self.parts = dict(parts)
        self.seed = seed
        self.epoch = 1
        ends = np.cumsum([len(part) for part in self.parts.values()])
        self._starts = dict(zip(self.parts, [0, *ends[:-1].tolist()], strict=True))
        self._length = int(ends[-1])

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[str, dict[str, Any]]:
        """One sample with the name of its task."""
        name = self._task_of(index)
        return name, self.parts[name][index - self._starts[name]]

    def collater(self, samples: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
        """Merge samples of several tasks: task -> its batch; nothing of a task without samples."""
        chosen: dict[str, list[dict[str, Any]]] = {name: [] for name in self.parts}
        for name, example in samples:
            chosen[name].append(example)
        return {
            name: self.parts[name].collater(examples)
            for name, examples in chosen.items()
            if examples
        }

    def size(self, index: int) -> tuple[int, int]:
        """Tokens of a sample's source and target."""
        name = self._task_of(index)
        source, target = self.parts[name].size(index - self._starts[name])
        return source, target

    def describe(self, index: int) -> str:
        """Task, split and id of a sample, for messages."""
        name = self._task_of(index)
        return f"{name} {self.parts[name].describe(index - self._starts[name])}"

    def num_tokens(self, index: int) -> int:
        """Tokens of the longer of a sample's source and target."""
        return max(self.size(index))

    def set_epoch(self, epoch: int) -> None:
        """Tell which epoch the next batches are for; fairseq counts from 1."""
        self.epoch = epoch

    def ordered_indices(self) -> np.ndarray:
        """Samples task by task, each in the order of its dataset."""
        return np.concatenate(
            [part.ordered_indices() + self._starts[name] for name, part in self.parts.items()]
        )

    def filter_indices_by_size(
        self, indices: np.ndarray, max_sizes: Any
    ) -> tuple[np.ndarray, list[int]]:
        """Leave out samples over `max_sizes` (source, target); returns them as well."""
        kept, ignored = [], []
        for name, own in self._by_task(indices).items():
            start = self._starts[name]
            found, left_out = self.parts[name].filter_indices_by_size(own, max_sizes)
            kept.append(found + start)
            ignored += [int(index) + start for index in left_out]
        return np.concatenate(kept), ignored

    def batch_by_size(
        self,
        indices: np.ndarray,
        max_tokens: int | None = None,
        max_sentences: int | None = None,
        required_batch_size_multiple: int = 1,
    ) -> list[np.ndarray]:
        """Batch each task's samples by themselves, and put a batch of each together.

        Args:
            indices: samples, those of a task in the order in which to batch them.
            max_tokens: most tokens of a task's batch, padding counted; an update has as many of
                each task.
            max_sentences: most samples of a task's batch.
            required_batch_size_multiple: see fairseq.
        """
        batches = {
            name: [
                batch + self._starts[name]
                for batch in self.parts[name].batch_by_size(
                    own, max_tokens, max_sentences, required_batch_size_multiple
                )
            ]
            for name, own in self._by_task(indices).items()
        }
        updates = max(len(own) for own in batches.values())
        repeated = [
            self._repeat(own, updates, number) for number, own in enumerate(batches.values())
        ]
        return [np.concatenate(chosen) for chosen in zip(*repeated, strict=True)]

    def _repeat(self, batches: Batches, updates: int, number: int) -> Batches:
        """The batches of one task for this epoch: `updates` of an endless row of passes."""
        if not batches or len(batches) == updates:
            return batches
        first = (self.epoch - 1) * updates
        passes: dict[int, np.ndarray] = {}
        chosen = []
        for place in range(first, first + updates):
            turn, slot = divmod(place, len(batches))
            if turn not in passes:
                generator = np.random.default_rng([self.seed, number, turn])
                passes[turn] = generator.permutation(len(batches))
            chosen.append(batches[passes[turn][slot]])
        return chosen

    def _task_of(self, index: int) -> str:
        name = next(iter(self._starts))
        for other, start in self._starts.items():
            if index >= start:
                name = other
        return name

    def _by_task(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Samples of each task by their numbers in its dataset, order kept."""
        found = {}
        for name, part in self.parts.items():
            start = self._starts[name]
            chosen = indices[(indices >= start) & (indices < start + len(part))]
            found[name] = chosen - start
        return found

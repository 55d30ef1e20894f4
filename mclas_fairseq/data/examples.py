"""Batches with several target languages: an example is a document with one of them.

A record with summaries in several target languages gives one example for each. `id` of a sample is
the record's row in the split, `target_lang` the number of the language, so that the two together
name the example.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data import ConcatDataset, Dictionary, FairseqDataset
from torch import Tensor

from mclas_fairseq.data.data_bin import DOCUMENT_SIDE, DataBin, summary_side
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.data.split_loading import (
    LoadedSplit,
    TrainSubset,
    log_cut_targets,
    log_truncation,
    served_rows,
    subset_rows,
)
from mclas_fairseq.data.summary_dataset import (
    LayoutDataset,
    RowsDataset,
    SummaryDataset,
    TargetSpec,
)
from mclas_fairseq.data.target_languages import TargetLanguages
from mclas_fairseq.errors import DataError

Numbers = npt.NDArray[np.int64]


class ManyTargetsDataset(SummaryDataset):
    """Documents, each with a target in one of several languages.

    Args:
        documents: one row for each example, so that a document can occur several times.
        targets: their targets; None where documents are only to be summarized.
        dictionary: of both.
        numbers: of the examples' languages, shape (N,).
        starts: for each language what the decoder reads first; None for BOS.
        shuffle: whether batches come in random order.
        split: name of the split that rows belong to.
    """

    def __init__(
        self,
        documents: RowsDataset,
        targets: Optional[FairseqDataset],
        dictionary: Dictionary,
        *,
        numbers: Numbers,
        starts: Optional[Sequence[int]],
        shuffle: bool,
        split: Optional[str] = None,
    ):
        super().__init__(documents, targets, dictionary, shuffle=shuffle, split=split)
        assert len(numbers) == len(documents)
        self.numbers = numbers
        self.starts = None if starts is None else torch.tensor(list(starts))

    def __getitem__(self, index: int) -> dict[str, Any]:
        example = super().__getitem__(index)
        example["target_lang"] = int(self.numbers[index])
        return example

    def collater(
        self, samples: list[dict[str, Any]], pad_to_length: dict[str, int] | None = None
    ) -> dict[str, Any]:
        """Merge samples to a batch, see `SummaryDataset`.

        Returns:
            Also `target_lang` (B,): the number of each row's target language.
        """
        # fairseq puts the rows in an order of its own; their places show it.
        placed = [{**sample, "id": place} for place, sample in enumerate(samples)]
        batch = super().collater(placed, pad_to_length)
        if not batch:
            return batch
        order: Tensor = batch["id"]
        batch["id"] = torch.tensor([sample["id"] for sample in samples])[order]
        batch["target_lang"] = torch.tensor([sample["target_lang"] for sample in samples])[order]
        if self.starts is not None and "prev_output_tokens" in batch["net_input"]:
            starts = self.starts[batch["target_lang"]]
            batch["net_input"]["prev_output_tokens"][:, 0] = starts
        return batch


@dataclass(frozen=True)
class ManyTargets:
    """What turns rows of a data-bin into examples in several target languages.

    Attributes:
        data_bin: where from.
        layout: ncls or mclas.
        source_lang: language of the documents.
        targets: the languages, with their separators.
        max_source_positions: longest document in tokens, EOS included.
        max_target_positions: longest target in tokens, EOS included.
    """

    data_bin: DataBin
    layout: Layout
    source_lang: str
    targets: TargetLanguages
    max_source_positions: int
    max_target_positions: int

    @property
    def starts(self) -> list[int]:
        """What the decoder reads first for each language, by number."""
        if self.layout is Layout.MCLAS:
            return [self.data_bin.start(self.source_lang)] * len(self.targets.trained)
        return [self.targets.symbols[language] for language in self.targets.trained]

    def for_inference(self, documents: FairseqDataset, count: int) -> ManyTargetsDataset:
        """Encoded documents as examples without targets, one for each language to write."""
        written = self.targets.numbers
        rows = np.repeat(np.arange(count), len(written))
        dictionary = self.data_bin.dictionary
        sources = self._sources(documents, rows)
        numbers = np.tile(np.asarray(written, dtype=np.int64), count)
        return ManyTargetsDataset(
            sources, None, dictionary, numbers=numbers, starts=self.starts, shuffle=False
        )

    def load(
        self, split: str, subset: Optional[TrainSubset] = None, *, every_document: bool = False
    ) -> LoadedSplit:
        """Load a split; see `load_split`, whose rules hold for each language.

        A subset is drawn from records with summaries in all languages. With `every_document` each
        document comes once in each language to write, else in each that was trained.

        Raises:
            DataError: the split is missing, or has no record that serves one of the languages.
            ConfigError: the subset is larger than what there is.
        """
        data_bin = self.data_bin
        documents = data_bin.side(split, DOCUMENT_SIDE)
        ids = data_bin.ids(split)
        if documents is None:
            raise DataError(f"data-bin {data_bin.folder}: split {split!r} has no documents")
        languages = self.targets.written if every_document else self.targets.trained
        rows = [self._rows(split, language, subset, every_document) for language in languages]
        sources = self._sources(documents, np.concatenate(rows))
        log_truncation(split, sources)
        numbers = [self.targets.trained.index(language) for language in languages]
        dataset = ManyTargetsDataset(
            sources,
            self._join(split, languages, rows),
            data_bin.dictionary,
            numbers=np.repeat(np.asarray(numbers, dtype=np.int64), [len(part) for part in rows]),
            starts=self.starts,
            shuffle=split == "train",
            split=split,
        )
        return LoadedSplit(dataset, [ids[row] for row in np.unique(np.concatenate(rows))])

    def _sources(self, documents: FairseqDataset, rows: Numbers) -> RowsDataset:
        eos = self.data_bin.dictionary.eos()
        language_id = self.data_bin.language_id(self.source_lang)
        return RowsDataset(documents, rows, self.max_source_positions, eos, language_id)

    def _rows(
        self, split: str, language: str, subset: Optional[TrainSubset], every_document: bool
    ) -> Numbers:
        if subset is not None:
            every = (self.source_lang, *self.targets.trained)
            return subset_rows(self.data_bin, split, every, subset)
        summaries = self.layout.languages(self.source_lang, language)
        return served_rows(self.data_bin, split, summaries, every_document)

    def _join(
        self, split: str, languages: Sequence[str], rows: Sequence[Numbers]
    ) -> Optional[FairseqDataset]:
        """Targets of all examples; None where a language has no summaries to make any of."""
        parts = []
        for language, chosen in zip(languages, rows, strict=True):
            spec = TargetSpec(
                eos=self.data_bin.dictionary.eos(),
                separator=self.targets.symbols[language],
                max_positions=self.max_target_positions,
            )
            summaries = self.layout.languages(self.source_lang, language)
            sides = [self.data_bin.side(split, summary_side(code)) for code in summaries]
            there = [side for side in sides if side is not None and (side.sizes > 1).any()]
            if not there:
                return None
            parts.append(LayoutDataset(there, chosen, spec))
            log_cut_targets(split, parts[-1], spec)
        return ConcatDataset(parts)

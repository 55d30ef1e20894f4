"""Examples of a split: a document with a target in one of the target languages, one or several.

A record with summaries in several target languages gives one example for each. `id` of a sample is
the record's row in the split. Where there are several languages, samples and batches also have
`target_lang`, the number of the language, so that the two together name the example.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data import Dictionary, FairseqDataset
from torch import Tensor

from mclas_fairseq.data.data_bin import DOCUMENT_SIDE, DataBin, summary_side
from mclas_fairseq.data.layouts import DecoderChoice, Layout
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
    joined,
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
        starts: for each language what the decoder reads first.
        options: further arguments of `SummaryDataset`.
    """

    def __init__(
        self,
        documents: RowsDataset,
        targets: Optional[FairseqDataset],
        dictionary: Dictionary,
        *,
        numbers: Numbers,
        starts: Sequence[int],
        **options: Any,
    ):
        super().__init__(documents, targets, dictionary, **options)
        assert len(numbers) == len(documents)
        self.numbers = numbers
        self.starts = torch.tensor(list(starts))

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
        if "prev_output_tokens" in batch["net_input"]:
            starts = self.starts[batch["target_lang"]]
            batch["net_input"]["prev_output_tokens"][:, 0] = starts
        return batch


@dataclass(frozen=True)
class Examples:
    """What turns rows of a data-bin into examples, in each target language.

    Attributes:
        data_bin: where from.
        layout: which summaries a target holds.
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
        """What the decoder of the target reads first for each language, by number."""
        if self.targets.opens(self.layout):
            return [self.targets.symbols[language] for language in self.targets.trained]
        # Of two decoders the second one, else the one that writes all.
        place = -1 if self.layout is Layout.NCLS_MS else 0
        first = (self._summaries(language, None)[place] for language in self.targets.trained)
        return [self.data_bin.start(language) for language in first]

    def for_inference(self, documents: FairseqDataset, count: int) -> SummaryDataset:
        """Encoded documents as examples without targets, one for each language to write."""
        written = self.targets.numbers
        rows = np.repeat(np.arange(count), len(written))
        numbers = np.tile(np.asarray(written, dtype=np.int64), count)
        return self._dataset(self._sources(documents, rows), None, numbers, shuffle=False)

    def load(
        self,
        split: str,
        subset: Optional[TrainSubset] = None,
        *,
        decoder: Optional[DecoderChoice] = None,
    ) -> LoadedSplit:
        """Load a split.

        To train or validate on: records without one of the summaries of the layout are left out
        and counted, for each target language; a record gives an example in each that was trained.
        To be summarized: each document comes once in each language to write, its targets hold the
        summaries that are there, and a split without any is loaded without targets.

        Args:
            split: train, valid or test.
            subset: the low-resource sample to train on, drawn from records with summaries in all
                languages.
            decoder: which decoder is to summarize the split; None: it is to train or validate on.

        Raises:
            DataError: the split is missing, or has no record that serves one of the languages.
            ConfigError: the subset is larger than what there is.
        """
        data_bin, targets = self.data_bin, self.targets
        ids = data_bin.ids(split)
        languages = targets.trained if decoder is None else targets.written
        rows = [self._rows(split, language, subset, decoder) for language in languages]
        documents = data_bin.side(split, DOCUMENT_SIDE)
        if documents is None:
            raise DataError(f"data-bin {data_bin.folder}: split {split!r} has no documents")
        sources = self._sources(documents, np.concatenate(rows))
        log_truncation(split, sources)
        parts = [
            self._targets(split, language, chosen, decoder)
            for language, chosen in zip(languages, rows, strict=True)
        ]
        apart = self.layout is Layout.NCLS_MS and decoder is None
        numbers = [targets.trained.index(language) for language in languages]
        dataset = self._dataset(
            sources,
            join_targets([part[-1:] for part in parts]),
            np.repeat(np.asarray(numbers, dtype=np.int64), [len(part) for part in rows]),
            shuffle=split == "train",
            split=split,
            names=ids,
            ms_targets=join_targets([part[:1] for part in parts]) if apart else None,
        )
        return LoadedSplit(dataset, [ids[row] for row in np.unique(np.concatenate(rows))])

    def _dataset(
        self,
        sources: RowsDataset,
        targets: Optional[FairseqDataset],
        numbers: Numbers,
        **options: Any,
    ) -> SummaryDataset:
        dictionary, starts = self.data_bin.dictionary, self.starts
        if self.targets.several:
            return ManyTargetsDataset(
                sources, targets, dictionary, numbers=numbers, starts=starts, **options
            )
        both = (starts[0], self.data_bin.start(self.source_lang))
        return SummaryDataset(sources, targets, dictionary, starts=both, **options)

    def _summaries(self, language: str, decoder: Optional[DecoderChoice]) -> tuple[str, ...]:
        """Languages of the summaries of an example in a target language, in order."""
        if decoder is None:
            return self.layout.languages(self.source_lang, language)
        return self.layout.written(self.source_lang, language, decoder)

    def _sources(self, documents: FairseqDataset, rows: Numbers) -> RowsDataset:
        eos = self.data_bin.dictionary.eos()
        language_id = self.data_bin.language_id(self.source_lang)
        return RowsDataset(documents, rows, self.max_source_positions, eos, language_id)

    def _rows(
        self,
        split: str,
        language: str,
        subset: Optional[TrainSubset],
        decoder: Optional[DecoderChoice],
    ) -> Numbers:
        if subset is not None:
            every = (self.source_lang, *self.targets.trained)
            return subset_rows(self.data_bin, split, every, subset)
        summaries = self._summaries(language, decoder)
        return served_rows(self.data_bin, split, summaries, every_document=decoder is not None)

    def _targets(
        self, split: str, language: str, rows: Numbers, decoder: Optional[DecoderChoice]
    ) -> list[LayoutDataset]:
        """Targets of the examples in a language: none, one, or for two decoders one each."""
        spec = TargetSpec(
            eos=self.data_bin.dictionary.eos(),
            separator=self.targets.symbols[language],
            max_positions=self.max_target_positions,
        )
        summaries = self._summaries(language, decoder)
        sides = [self.data_bin.side(split, summary_side(code)) for code in summaries]
        there = [side for side in sides if side is not None and (np.asarray(side.sizes) > 1).any()]
        apart = self.layout is Layout.NCLS_MS and decoder is None
        groups = [[side] for side in there] if apart else [there] if there else []
        made = [LayoutDataset(group, rows, spec) for group in groups]
        for part in made:
            log_cut_targets(split, part, spec)
        return made


def join_targets(parts: Sequence[Sequence[LayoutDataset]]) -> Optional[FairseqDataset]:
    """Targets of the examples in all languages; None where a language has none."""
    if not all(parts):
        return None
    return joined([dataset for part in parts for dataset in part])

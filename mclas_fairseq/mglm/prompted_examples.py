"""Examples of prompted work: documents of one or several languages, targets that a prompt names.

The side `document` holds the documents in their own language, `translation-LANG` the same documents
in others: each of them can be a source (`--source-langs`). What is written is a summary, or with
`--template translation` the document in the target language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Optional

import numpy as np
from fairseq.data import Dictionary, FairseqDataset

from mclas_fairseq.data.data_bin import (
    DOCUMENT_SIDE,
    DataBin,
    question_side,
    summary_side,
    translation_side,
)
from mclas_fairseq.data.examples import Examples, Numbers, join_targets
from mclas_fairseq.data.layouts import DecoderChoice
from mclas_fairseq.data.quick_lines import QuickLines
from mclas_fairseq.data.setting import Setting
from mclas_fairseq.data.split_loading import (
    LoadedSplit,
    TrainSubset,
    log_cut_targets,
    log_truncation,
    subset_rows,
)
from mclas_fairseq.data.summary_dataset import LayoutDataset, SummaryDataset, TargetSpec
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.mglm.prompts import PromptedDocuments, make_prompt
from mclas_fairseq.mglm.symbols import find_symbols
from mclas_fairseq.mglm.templates import Template

TRANSLATION = "translation"


class PromptDataBin(DataBin):
    """A data-bin as prompted work reads it: texts begin with `<sop>` and end with `<eop>`."""

    @cached_property
    def dictionary(self) -> Dictionary:
        """The one dictionary; its BOS and EOS are `<sop>` and `<eop>`.

        Raises:
            DataError: it lacks mGLM's commands.
        """
        found: Dictionary = super().dictionary
        symbols = find_symbols(found)
        special = {found.bos(), found.eos(), *symbols.commands} - {symbols.sop, symbols.eop}
        fillers = (n for n, name in enumerate(found.symbols) if name.startswith("madeupword"))
        assert isinstance(found, QuickLines), "made by prepare-text, which learns its pieces"
        found.bos_index, found.eos_index = symbols.sop, symbols.eop
        found.never_text = frozenset(special).union(fillers)
        return found


@dataclass(frozen=True)
class Prompting:
    """Which documents are read, what stands around them, and what is written.

    Attributes:
        source_langs: languages of the documents.
        templates: of each target language that is trained or written.
        translates: whether the document in the target language is written, not a summary.
    """

    source_langs: tuple[str, ...]
    templates: Mapping[str, Template]
    translates: bool = False

    @property
    def asks(self) -> bool:
        """Whether the prompts have a place for a question."""
        return any(template.asks for template in self.templates.values())


@dataclass(frozen=True)
class PromptedExamples(Examples):
    """What turns rows of a data-bin into prompted examples, in each target language.

    Attributes:
        prompting: which documents are read, behind which prompts.
    """

    prompting: Prompting = field(kw_only=True)

    def for_inference(self, documents: FairseqDataset, count: int) -> SummaryDataset:
        """Encoded documents as examples without targets, one for each language to write."""
        written = self.targets.numbers
        rows = np.repeat(np.arange(count), len(written))
        numbers = np.tile(np.asarray(written, dtype=np.int64), count)
        if self.prompting.asks:
            raise ConfigError(
                "documents alone: the prompt has a place for a question, which they do not bring;"
                " put the questions into records, and decode the data-bin by fairseq-generate or"
                " mclas transfer"
            )
        sources = self._prompted([documents], np.zeros_like(rows), rows, numbers)
        return self._dataset(sources, None, numbers, shuffle=False)

    def load(
        self,
        split: str,
        subset: Optional[TrainSubset] = None,
        *,
        decoder: Optional[DecoderChoice] = None,
    ) -> LoadedSplit:
        """Load a split, see `Examples.load`; a document gives an example in each source language.

        Raises:
            DataError: the split is missing, or no record has a pair of the languages.
            ConfigError: several source languages are to be decoded, which results cannot tell.
        """
        read, asks = self.prompting.source_langs, self.prompting.asks
        if decoder is not None and len(read) > 1:
            raise ConfigError(
                f"--source-langs {','.join(read)}: documents of one language at a time"
                " are decoded; name one with --source-lang"
            )
        targets = self.targets
        languages = targets.trained if decoder is None else targets.written
        of_side, rows, numbers, parts = [], [], [], []
        for target in languages:
            chosen = [self._pairs(split, source, target, subset, decoder) for source in read]
            mine = np.concatenate(chosen)
            rows.append(mine)
            of_side.append(np.repeat(np.arange(len(chosen)), [len(part) for part in chosen]))
            numbers.append(np.full(len(mine), targets.trained.index(target), dtype=np.int64))
            parts.append(self._targets_of(split, target, mine))
        sides = [self._side(split, source_side(self.data_bin, code)) for code in read]
        number, row = np.concatenate(numbers), np.concatenate(rows)
        questions = [self._side(split, question_side(code)) for code in read] if asks else None
        sources = self._prompted(sides, np.concatenate(of_side), row, number, questions)
        log_truncation(split, sources)
        ids = self.data_bin.ids(split)
        dataset = self._dataset(
            sources,
            join_targets(parts),
            number,
            shuffle=split == "train",
            split=split,
            names=ids,
        )
        return LoadedSplit(dataset, [ids[place] for place in np.unique(row)])

    def target_side(self, language: str) -> str:
        """The side that holds what is written in a language."""
        if self.prompting.translates:
            return source_side(self.data_bin, language)
        return summary_side(language)

    def _prompted(
        self,
        sides: Sequence[FairseqDataset],
        of_side: Numbers,
        rows: Numbers,
        numbers: Numbers,
        questions: Optional[Sequence[FairseqDataset]] = None,
    ) -> PromptedDocuments:
        prompts = [
            make_prompt(self.prompting.templates[language], self.data_bin, language)
            for language in self.targets.trained
        ]
        most = self.max_source_positions
        return PromptedDocuments(sides, of_side, rows, prompts, numbers, most, questions)

    def _side(self, split: str, name: str) -> FairseqDataset:
        found = self.data_bin.side(split, name)
        if found is None:
            have = ", ".join(self.data_bin.manifest.counts.get(split, {}))
            raise DataError(
                f"data-bin {self.data_bin.folder}: split {split!r} must have {name}, but has"
                f" {have or 'nothing'}; prepare records with such texts, or name other languages"
            )
        return found

    def _pairs(
        self,
        split: str,
        source: str,
        target: str,
        subset: Optional[TrainSubset],
        decoder: Optional[DecoderChoice],
    ) -> Numbers:
        """Rows with a document in one language and, to train on, what is written in another."""
        data_bin = self.data_bin
        there = _present(self._side(split, source_side(data_bin, source)))
        if self.prompting.asks:
            there &= _present(self._side(split, question_side(source)))
        if decoder is None:
            there &= _present(self._side(split, self.target_side(target)))
        if subset is not None:
            drawn = subset_rows(data_bin, split, (data_bin.manifest.source_lang, target), subset)
            there &= np.isin(np.arange(len(there)), drawn)
        found = np.flatnonzero(there)
        if not len(found):
            raise DataError(
                f"data-bin {data_bin.folder}: split {split!r} must have records with a document in"
                f" {source!r} and {self.target_side(target)}, but has none; name other languages"
            )
        return found

    def _targets_of(self, split: str, language: str, rows: Numbers) -> list[LayoutDataset]:
        """What is written in a language: none where the split does not have it, else one."""
        side = self.data_bin.side(split, self.target_side(language))
        if side is None or not _present(side).any():
            return []
        spec = TargetSpec(
            eos=self.data_bin.dictionary.eos(),
            separator=self.data_bin.separator,
            max_positions=self.max_target_positions,
        )
        made = LayoutDataset([side], rows, spec)
        log_cut_targets(split, made, spec)
        return [made]


@dataclass(frozen=True)
class PromptedSetting(Setting):
    """What is written of which documents, by which prompts.

    Attributes:
        prompting: which documents are read, behind which prompts.
    """

    prompting: Prompting = field(kw_only=True)

    def examples(self) -> PromptedExamples:
        """What makes examples of rows of the data-bin."""
        return PromptedExamples(
            self.data_bin,
            self.layout,
            self.source_lang,
            self.targets,
            max_source_positions=self.max_source_positions,
            max_target_positions=self.max_target_positions,
            prompting=self.prompting,
        )


def source_side(data_bin: DataBin, language: str) -> str:
    """The side that holds documents in a language: their own, or one that they were put into."""
    own = data_bin.manifest.source_lang
    return DOCUMENT_SIDE if language == own else translation_side(language)


def _present(side: FairseqDataset) -> "np.ndarray":
    return np.asarray(side.sizes) > 1  # a lone mark of its end stands for an absent text

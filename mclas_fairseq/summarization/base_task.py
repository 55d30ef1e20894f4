"""Task `cross_lingual_summarization`: one corpus of documents with summaries in two languages.

Ties the data-bin, the target layout, the subset of a low-resource run, the language vocabularies
and the restricted search together; nothing numeric happens here. Bai et al. (2021), ACL 2021.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import torch
from fairseq.data import Dictionary, ListDataset
from fairseq.dataclass import FairseqDataclass
from fairseq.tasks import FairseqTask, register_task
from torch import Tensor

from mclas_fairseq.checkpoints.mbart import start_from_mbart
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.indexed_dictionary import load_dictionary
from mclas_fairseq.data.layouts import DecoderChoice, Layout
from mclas_fairseq.data.setting import Setting
from mclas_fairseq.data.summary_dataset import RowsDataset, SummaryDataset
from mclas_fairseq.data.summary_text import SummaryText
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.generation.task_options import set_search_defaults
from mclas_fairseq.modules.emulated_bf16 import warn_of_emulated_bf16
from mclas_fairseq.modules.frozen_updates import drop_frozen_gradients
from mclas_fairseq.modules.parameter_groups import mark_groups
from mclas_fairseq.scoring.feed import ScoringFeed
from mclas_fairseq.scoring.validation import ValidationRouge, reduce_rouge
from mclas_fairseq.summarization.loading import (
    keep_subset,
    load_documents,
    load_examples,
    train_subset,
)
from mclas_fairseq.summarization.options import (
    CrossLingualSummarizationConfig,
    refuse_constraints,
    refuse_encoder,
)
from mclas_fairseq.summarization.pretrained import recall_pretrained
from mclas_fairseq.summarization.scoring import score_batch, scored_documents, validation_rouge
from mclas_fairseq.summarization.search import SearchBuilder, check_decoder
from mclas_fairseq.summarization.state import (
    compare,
    read_state,
    refuse_multitask,
    setting_of,
    state_of,
)
from mclas_fairseq.summarization.targets import choose_targets

__all__ = ["CrossLingualSummarizationConfig", "CrossLingualSummarizationTask"]


@register_task("cross_lingual_summarization", dataclass=CrossLingualSummarizationConfig)
class CrossLingualSummarizationTask(FairseqTask):
    """Summarization from one data-bin: monolingual, cross-lingual, or both in one of two ways."""

    def __init__(self, cfg: CrossLingualSummarizationConfig, data_bin: DataBin):
        super().__init__(cfg)
        self.data_bin = data_bin
        self.dictionary = data_bin.dictionary
        self.dictionary_sha256 = data_bin.manifest.dictionary_sha256
        self.layout = Layout(str(cfg.target_layout))
        self.decoding = DecodingOptions.of(cfg)
        self.source_lang, self.targets = choose_targets(cfg, data_bin)
        self.max_source_positions = cfg.max_source_positions
        self.max_target_positions = cfg.max_target_positions
        self.vocabularies: dict[str, list[int]] = {}
        self.subset_ids: list[str] = []
        self.feed = ScoringFeed()
        # fairseq hands the scorer nothing but the dictionary, so the feed travels on it.
        self.dictionary.scoring_feed = self.feed
        self._validation: Optional[ValidationRouge] = None
        self._state_loaded = False

    @classmethod
    def setup_task(cls, cfg: Any, **kwargs: Any) -> "CrossLingualSummarizationTask":
        """Open the data-bin that `data` names."""
        if not cfg.data:
            raise ConfigError(
                "task cross_lingual_summarization: it needs a data-bin, none was given; "
                "name the folder that mclas prepare wrote"
            )
        return cls(cfg, DataBin.open(Path(cfg.data)))

    @classmethod
    def load_dictionary(cls, filename: str) -> Dictionary:
        """Read a `dict.txt` for fairseq-preprocess, also one in a pretrained vocabulary's order."""
        return load_dictionary(Path(filename))

    # -- what fairseq asks every task -----------------------------------------------------------

    @classmethod
    def add_args(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the task's options; those of fairseq's search get the defaults that ours have."""
        super().add_args(parser)
        set_search_defaults(parser)

    @property
    def source_dictionary(self) -> Dictionary:
        """The one dictionary."""
        return self.dictionary

    @property
    def target_dictionary(self) -> Dictionary:
        """The one dictionary."""
        return self.dictionary

    def max_positions(self) -> tuple[int, int]:
        """Longest source and target, in tokens."""
        return self.max_source_positions, self.max_target_positions

    @property
    def setting(self) -> Setting:
        """What is written of which documents, as it stands now."""
        limits = self.max_source_positions, self.max_target_positions
        return Setting(self.data_bin, self.layout, self.source_lang, self.targets, *limits)

    @property
    def target_lang(self) -> str:
        """Language of the cross-lingual summaries, the first where there are several."""
        return self.setting.target_lang

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the summaries that are written, in order: what --summary-decoder chose."""
        return self.setting.written(self.decoder_choice)

    @property
    def summary_languages(self) -> tuple[str, ...]:
        """Languages of the summaries that the model is trained on, in order."""
        return self.setting.languages

    @property
    def decoder_choice(self) -> DecoderChoice:
        """Which decoder writes, where there are two."""
        return DecoderChoice(self.decoding.summary_decoder)

    def decode_with(self, options: DecodingOptions) -> None:
        """Search in this way from now on, instead of as the flags say."""
        self.decoding = options

    def write_targets(self, languages: Optional[Sequence[str]]) -> None:
        """Choose which of several target languages are written; None: all of them.

        Raises:
            ConfigError: the checkpoint was not trained to write one of them.
        """
        self.targets = self.targets.write(languages)

    def load_dataset(
        self,
        split: str,
        combine: bool = False,
        task_cfg: Optional[FairseqDataclass] = None,
        **kwargs: Any,
    ) -> None:
        """Load a split with the targets of the layout; for fairseq-generate, every document."""
        subset = train_subset(self.cfg, split)
        if "epoch" in kwargs:  # training and validation name one
            loaded = load_examples(self.setting, split, subset)
        else:
            loaded = load_documents(self.setting, split, self.decoder_choice, subset)
        self.datasets[split] = loaded.dataset
        if subset is not None:
            self.subset_ids = loaded.ids
            self.vocabularies.update(keep_subset(self.setting, loaded, Path(self.cfg.save_dir)))
        for language in self.summary_languages:
            self.vocabulary(language)  # a missing one must not show when the checkpoint is saved

    def build_dataset_for_inference(
        self, src_tokens: Sequence[Tensor], src_lengths: Sequence[int], **kwargs: Any
    ) -> SummaryDataset:
        """Wrap encoded documents, each closed by EOS; they are cut like those of a data-bin."""
        refuse_constraints(kwargs.get("constraints"))
        encoded = ListDataset(list(src_tokens), [int(length) for length in src_lengths])
        if self.targets.several:
            return self.setting.many_targets().for_inference(encoded, len(src_tokens))
        documents = self.inference_documents(encoded)
        return SummaryDataset(documents, None, self.dictionary, shuffle=False)

    def inference_documents(self, encoded: ListDataset) -> RowsDataset:
        """Encoded documents as the model reads them: cut."""
        return self.setting.documents(encoded)

    def build_tokenizer(self, args: Any) -> None:
        """No separate tokenizer: the data-bin's does both steps, see `build_bpe`."""
        refuse_encoder(args, "--tokenizer")

    def build_bpe(self, args: Any) -> SummaryText:
        """The data-bin's tokenizer as fairseq's encoder of text and decoder of hypotheses."""
        refuse_encoder(args, "--bpe")
        return self.summary_text()

    # -- targets and text -----------------------------------------------------------------------

    def summary_masks(self, target: Tensor) -> dict[str, Tensor]:
        """Which positions of a target (B, T_tgt) belong to `S^A` ("ms") and to `S^B` ("cls")."""
        return self.setting.masks(target)

    def summary_text(self) -> SummaryText:
        """What turns documents to tokens and hypotheses to summaries."""
        return self.setting.text(self.languages)

    # -- decoding -------------------------------------------------------------------------------

    def vocabulary(self, language: str) -> list[int]:
        """Dictionary ids that a summary in `language` may hold: the checkpoint's or data-bin's."""
        if language not in self.vocabularies:
            entries = self.data_bin.vocabulary(language)
            self.vocabularies[language] = entries.indices(self.dictionary)
        return self.vocabularies[language]

    def build_generator(
        self,
        models: Sequence[torch.nn.Module],
        args: Any,
        seq_gen_cls: Any = None,
        extra_gen_cls_kwargs: Optional[dict[str, Any]] = None,
        prefix_allowed_tokens_fn: Any = None,
    ) -> Any:
        """Build the restricted search, or with --score-reference the scorer of given summaries."""
        check_decoder(self.layout, self.decoder_choice)
        for model in models:
            warn_of_emulated_bf16(model.parameters())
        return self._search.build(models, args, self.decoder_choice, extra_gen_cls_kwargs or {})

    @property
    def _search(self) -> SearchBuilder:
        return SearchBuilder(self.setting, self.decoding, self.vocabulary, super().build_generator)

    def inference_step(
        self,
        generator: Any,
        models: Sequence[torch.nn.Module],
        sample: dict[str, Any],
        prefix_tokens: Optional[Tensor] = None,
        constraints: Optional[Tensor] = None,
    ) -> list[list[dict[str, Any]]]:
        """Decode a batch and hand its best hypotheses, with raw references, to the scorer."""
        sample = self.targets.complete(sample)
        hypotheses: list[list[dict[str, Any]]] = super().inference_step(
            generator, models, sample, prefix_tokens, constraints
        )
        if self.feed.attached and "split" in sample:
            for document in scored_documents(self.setting, self.summary_text(), sample, hypotheses):
                self.feed.push(document)
        return hypotheses

    # -- validation -----------------------------------------------------------------------------

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """Build the model and, with --eval-rouge, what decodes during validation."""
        if not from_checkpoint:
            recall_pretrained(cfg, str(self.cfg.save_dir))
        model = super().build_model(cfg, from_checkpoint=from_checkpoint)
        start_from_mbart(model, cfg, self.dictionary)
        mark_groups(model)
        self._validation = validation_rouge(self.cfg, self.summary_languages)
        return model

    def begin_epoch(self, epoch: int, model: Any) -> None:
        """Look at the model about to be trained: its precision may not suit the processor."""
        super().begin_epoch(epoch, model)
        warn_of_emulated_bf16(model.parameters())

    def optimizer_step(self, optimizer: Any, model: torch.nn.Module, update_num: int) -> None:
        """Update the parameters, but those that are still frozen (--freeze-encoder-updates)."""
        drop_frozen_gradients(optimizer, model)
        super().optimizer_step(optimizer, model, update_num)

    def valid_step(
        self, sample: dict[str, Any], model: torch.nn.Module, criterion: Any
    ) -> tuple[Tensor, int, dict[str, Any]]:
        """Compute the loss and, with --eval-rouge, decode the chosen documents of the batch."""
        loss, sample_size, logging_output = super().valid_step(sample, model, criterion)
        sample = self.scored_part(sample)
        # No raw references are kept of training documents.
        if self._validation is not None and sample["split"] != "train":
            logging_output.update(score_batch(self._validation, self._search, model, sample))
        return loss, sample_size, logging_output

    def scored_part(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The part of a validation batch whose documents are decoded: all of it."""
        return sample

    def reduce_metrics(self, logging_outputs: Sequence[dict[str, Any]], criterion: Any) -> None:
        """Log the criterion's metrics and validation ROUGE, as floats."""
        super().reduce_metrics(logging_outputs, criterion)
        reduce_rouge(logging_outputs)

    # -- what travels with a checkpoint ---------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Layout, languages, limits, subset and language vocabularies, as plain values."""
        vocabularies = {code: self.vocabulary(code) for code in self.summary_languages}
        return state_of(self.setting, vocabularies, self.subset_ids).to_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what the checkpoint was trained with; it wins over the flags.

        Raises:
            CheckpointError: the checkpoint has none of it, another dictionary, or another layout
                than the checkpoint before it in an ensemble.
        """
        self.check_origin(state_dict)
        state = read_state(state_dict, self.data_bin)
        compare(self.setting, state, loaded=self._state_loaded)
        self._state_loaded = True
        setting = setting_of(state, self.data_bin, self.cfg)
        self.layout, self.source_lang = setting.layout, setting.source_lang
        self.targets = setting.targets
        self.max_source_positions = setting.max_source_positions
        self.max_target_positions = setting.max_target_positions
        self.subset_ids = list(state.subset_ids)
        self.vocabularies = {code: list(entries) for code, entries in state.vocabularies.items()}

    def check_origin(self, state_dict: Mapping[str, Any]) -> None:
        """Check by what a checkpoint keeps that it is of this task.

        Raises:
            CheckpointError: it is of `multitask_summarization`.
        """
        refuse_multitask(state_dict)

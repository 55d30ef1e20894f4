"""What the tasks of summarization share: data-bin, languages, search, validation, checkpoints.

A task of one method adds which data it loads and what of it is trained and decoded:
`summarization/task.py` (one corpus, several layouts), `vhm/task.py` (several corpora at once).
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import torch
from torch import Tensor

from mclas_fairseq.checkpoints.mbart import start_from_mbart
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.layouts import DecoderChoice, Layout
from mclas_fairseq.data.setting import Setting
from mclas_fairseq.data.summary_dataset import SummaryDataset
from mclas_fairseq.data.summary_text import SummaryText
from mclas_fairseq.data.target_languages import TargetLanguages
from mclas_fairseq.data.task_state import TaskState
from mclas_fairseq.generation.grammar import SummaryGrammar
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.modules.emulated_bf16 import warn_of_emulated_bf16
from mclas_fairseq.modules.parameter_groups import mark_groups
from mclas_fairseq.scoring.feed import ScoringFeed
from mclas_fairseq.scoring.validation import ValidationRouge, reduce_rouge
from mclas_fairseq.summarization.fairseq_side import OneDictionaryTask
from mclas_fairseq.summarization.options import CrossLingualSummarizationConfig, refuse_encoder
from mclas_fairseq.summarization.pretrained import recall_pretrained
from mclas_fairseq.summarization.scoring import score_batch, scored_documents, validation_rouge
from mclas_fairseq.summarization.search import SearchBuilder, check_decoder
from mclas_fairseq.summarization.state import compare, read_state, setting_of, state_of
from mclas_fairseq.summarization.targets import choose_targets


class SummarizationTask(OneDictionaryTask):
    """Documents of a data-bin, and summaries of them in one or several languages.

    Attributes:
        data_bin: documents, summaries, dictionary and tokenizer.
        decoding: how summaries are searched for, where a call says nothing else.
        source_lang: language of the documents.
        targets: languages of the cross-lingual summaries.
        vocabularies: by language the dictionary ids that its summaries may hold, as they are asked
            for or a checkpoint brings them.
        subset_ids: ids of the training subset, empty for all.
    """

    def __init__(self, cfg: CrossLingualSummarizationConfig, data_bin: DataBin):
        super().__init__(cfg, data_bin)
        self.decoding = DecodingOptions.of(cfg)
        self.source_lang, self.targets = self.choose_languages(cfg, data_bin)
        self.max_source_positions = cfg.max_source_positions
        self.max_target_positions = cfg.max_target_positions
        self.vocabularies: dict[str, list[int]] = {}
        self.subset_ids: list[str] = []
        self.feed = ScoringFeed()
        # fairseq hands the scorer nothing but the dictionary, so the feed travels on it.
        self.dictionary.scoring_feed = self.feed
        self._validation: Optional[ValidationRouge] = None
        self._state_loaded = False

    def choose_languages(self, cfg: Any, data_bin: DataBin) -> tuple[str, TargetLanguages]:
        """Source language and target languages: those asked for, checked against the data-bin.

        Raises:
            ConfigError: they are not in the data-bin, or the layout takes one target language.
        """
        return choose_targets(cfg, data_bin)

    def max_positions(self) -> tuple[int, int]:
        """Longest source and target, in tokens."""
        return self.max_source_positions, self.max_target_positions

    # -- what is trained and what is written ----------------------------------------------------

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """Which summaries a hypothesis holds."""

    @property
    @abstractmethod
    def trained_layout(self) -> Layout:
        """Which summaries a target of training holds; it travels with a checkpoint."""

    @property
    def setting(self) -> Setting:
        """What is written of which documents, as it stands now."""
        return self._setting(self.layout)

    @property
    def trained(self) -> Setting:
        """What a model is trained to write, as it stands now."""
        return self._setting(self.trained_layout)

    def _setting(self, layout: Layout) -> Setting:
        limits = self.max_source_positions, self.max_target_positions
        return Setting(self.data_bin, layout, self.source_lang, self.targets, *limits)

    @property
    def target_lang(self) -> str:
        """Language of the cross-lingual summaries, the first where there are several."""
        return self.trained.target_lang

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the summaries that are written, in order: what --summary-decoder chose."""
        return self.setting.written(self.decoder_choice)

    @property
    def summary_languages(self) -> tuple[str, ...]:
        """Languages of the summaries that the model is trained on, in order."""
        return self.trained.languages

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

    @abstractmethod
    def build_dataset_for_inference(
        self, src_tokens: Sequence[Tensor], src_lengths: Sequence[int], **kwargs: Any
    ) -> SummaryDataset:
        """Wrap encoded documents, each closed by EOS; they are cut like those of a data-bin."""

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
        return self.trained.masks(target)

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
        writers, extra = self.writers(models), extra_gen_cls_kwargs or {}
        return self.completed(self._search.build(writers, args, self.decoder_choice, extra), args)

    def writers(self, models: Sequence[torch.nn.Module]) -> Sequence[torch.nn.Module]:
        """The models as this task decodes with them: as they are."""
        return models

    def completed(self, generator: Any, args: Any) -> Any:
        """A search of `args` with what this task adds to it: nothing."""
        return generator

    def grammar(self) -> SummaryGrammar:
        """Which sequences are hypotheses, searched as this task searches now."""
        return self._search.grammar(self.decoder_choice)

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
        return state_of(self.trained, vocabularies, self.subset_ids).to_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what the checkpoint was trained with; it wins over the flags.

        Raises:
            CheckpointError: the checkpoint has none of it, another dictionary, or another layout
                than the checkpoint before it in an ensemble.
        """
        self.check_origin(state_dict)
        state = read_state(state_dict, self.data_bin)
        self.take_over(self.setting_in(state))
        self.subset_ids = list(state.subset_ids)
        self.vocabularies = {code: list(entries) for code, entries in state.vocabularies.items()}

    def setting_in(self, state: TaskState) -> Setting:
        """What a checkpoint was trained with, and which of its languages the flags choose.

        Raises:
            CheckpointError: it is not that of the checkpoint before it in an ensemble.
        """
        compare(self.trained, state, loaded=self._state_loaded)
        self._state_loaded = True
        return setting_of(state, self.data_bin, self.cfg)

    def take_over(self, setting: Setting) -> None:
        """Make a checkpoint's setting the task's own."""
        self.source_lang, self.targets = setting.source_lang, setting.targets
        self.max_source_positions = setting.max_source_positions
        self.max_target_positions = setting.max_target_positions

    @abstractmethod
    def check_origin(self, state_dict: Mapping[str, Any]) -> None:
        """Check by what a checkpoint keeps that it is of this task.

        Raises:
            CheckpointError: it is of another.
        """

"""Task `cross_lingual_summarization`: one corpus of documents with summaries in two languages.

Ties the data-bin, the target layout, the subset of a low-resource run, the language vocabularies
and the restricted search together; nothing numeric happens here. Bai et al. (2021), ACL 2021.
"""

import logging
from argparse import Namespace
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
from mclas_fairseq.data.generation_log import GenerationRun, describe_run
from mclas_fairseq.data.indexed_dictionary import load_dictionary
from mclas_fairseq.data.layouts import DecoderChoice, Layout, first_summary_mask
from mclas_fairseq.data.many_targets import ManyTargets
from mclas_fairseq.data.split_loading import TrainSubset, count_vocabulary, load_split
from mclas_fairseq.data.subset_file import write_train_subset
from mclas_fairseq.data.summary_dataset import RowsDataset, SummaryDataset, TargetSpec
from mclas_fairseq.data.summary_text import SummaryText
from mclas_fairseq.data.task_state import TaskState
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.evaluation.feed import ScoredDocument, ScoringFeed
from mclas_fairseq.evaluation.protocols import get_protocols
from mclas_fairseq.evaluation.validation import ValidationRouge, reduce_rouge
from mclas_fairseq.generation.building import GenerationOptions, build_summary_generator
from mclas_fairseq.generation.two_decoders import TwoDecoderGenerator
from mclas_fairseq.modules.frozen_updates import drop_frozen_gradients
from mclas_fairseq.modules.parameter_groups import mark_groups
from mclas_fairseq.tasks._decoders import check_decoder, decoding_models
from mclas_fairseq.tasks._options import (
    CrossLingualSummarizationConfig,
    refuse_encoder,
)
from mclas_fairseq.tasks._pretrained import recall_pretrained
from mclas_fairseq.tasks._targets import (
    asked_of,
    check_layout,
    choose_targets,
    plan_contents,
    several_targets,
    without_repeats,
    written_languages,
)

logger = logging.getLogger(__name__)

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
        self.decoder_choice = DecoderChoice(str(cfg.summary_decoder))
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
    def target_lang(self) -> str:
        """Language of the cross-lingual summaries, the first where there are several."""
        return self.targets.trained[0]

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the summaries that are written, in order: what --summary-decoder chose."""
        return tuple(
            written_languages(
                self.targets.written,
                lambda target: self.layout.written(self.source_lang, target, self.decoder_choice),
            )
        )

    @property
    def summary_languages(self) -> tuple[str, ...]:
        """Languages of the summaries that the model is trained on, in order."""
        return tuple(
            written_languages(
                self.targets.trained,
                lambda target: self.layout.languages(self.source_lang, target),
            )
        )

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
        every_document = "epoch" not in kwargs  # training and validation name an epoch
        subset = None
        if split == "train" and self.cfg.train_subset_size > 0:
            subset = TrainSubset(self.cfg.train_subset_size, self.cfg.subset_seed)
        if self.targets.several:
            loaded = self._many_targets().load(split, subset, every_document=every_document)
        else:
            loaded = load_split(
                self.data_bin,
                split,
                languages=self.languages if every_document else self.summary_languages,
                triple=(self.source_lang, self.target_lang),
                max_source_positions=self.max_source_positions,
                target_spec=self._target_spec(),
                subset=subset,
                every_document=every_document,
                apart=self.layout is Layout.NCLS_MS and not every_document,
            )
        self.datasets[split] = loaded.dataset
        if every_document:
            targets = self.targets.written if self.targets.several else ()
            run = GenerationRun(split, self.languages, len(loaded.ids), targets)
            logger.info("%s", describe_run(run))
        if subset is not None:
            self.subset_ids = loaded.ids
            write_train_subset(Path(self.cfg.save_dir), loaded.ids)
            for language in self.summary_languages:
                counted = count_vocabulary(self.data_bin, language, loaded.dataset.rows)
                self.vocabularies[language] = counted.indices(self.dictionary)
        for language in self.summary_languages:
            self.vocabulary(language)  # a missing one must not show when the checkpoint is saved

    def build_dataset_for_inference(
        self, src_tokens: Sequence[Tensor], src_lengths: Sequence[int], **kwargs: Any
    ) -> SummaryDataset:
        """Wrap encoded documents, each closed by EOS; they are cut like those of a data-bin."""
        if kwargs.get("constraints") is not None:
            raise ConfigError(
                "task cross_lingual_summarization: lexical constraints are not supported by the "
                "restricted search; leave --constraints out"
            )
        encoded = ListDataset(list(src_tokens), [int(length) for length in src_lengths])
        if self.targets.several:
            return self._many_targets().for_inference(encoded, len(src_tokens))
        documents = self.inference_documents(encoded)
        return SummaryDataset(documents, None, self.dictionary, shuffle=False)

    def inference_documents(self, encoded: ListDataset) -> RowsDataset:
        """Encoded documents as the model reads them: cut."""
        rows = range(len(encoded))
        eos, language_id = self.dictionary.eos(), self.data_bin.language_id(self.source_lang)
        return RowsDataset(encoded, rows, self.max_source_positions, eos, language_id)

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
        if self.layout is Layout.MCLAS:
            separators = list(self.targets.symbols.values()) or self.data_bin.separator
            first = first_summary_mask(target, separators)
            return {"ms": first, "cls": ~first}
        name = "ms" if self.layout is Layout.MS else "cls"
        return {name: torch.ones_like(target, dtype=torch.bool)}

    def summary_text(self) -> SummaryText:
        """What turns documents to tokens and hypotheses to summaries."""
        return SummaryText(self.data_bin, self.source_lang, self.languages, self.targets.symbols)

    def _many_targets(self) -> ManyTargets:
        return ManyTargets(
            self.data_bin,
            self.layout,
            self.source_lang,
            self.targets,
            max_source_positions=self.max_source_positions,
            max_target_positions=self.max_target_positions,
        )

    def _target_spec(self) -> TargetSpec:
        return TargetSpec(
            eos=self.dictionary.eos(),
            separator=self.data_bin.separator,
            max_positions=self.max_target_positions,
        )

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
        return self._build_generator(models, args, self.decoder_choice, extra_gen_cls_kwargs or {})

    def _build_generator(
        self,
        models: Sequence[torch.nn.Module],
        args: Any,
        decoder: DecoderChoice,
        extra_kwargs: Mapping[str, Any],
    ) -> Any:
        options = GenerationOptions(
            restrict_vocab=str(self.cfg.restrict_vocab),
            ngram_block_scope=str(self.cfg.ngram_block_scope),
            length_penalty=str(self.cfg.length_penalty),
        )

        def build(which: DecoderChoice) -> Any:
            def vocabularies(target: str) -> list[list[int]]:
                languages = self.layout.written(self.source_lang, target, which)
                return [self.vocabulary(language) for language in languages]

            separator = self.data_bin.separator
            return build_summary_generator(
                super(CrossLingualSummarizationTask, self).build_generator,
                decoding_models(models, self.layout, which),
                args,
                dictionary=self.dictionary,
                plans=plan_contents(self.targets, self.layout, separator, vocabularies),
                options=options,
                extra_kwargs={"bos": self._start(which), **extra_kwargs},
            )

        if self.layout is Layout.NCLS_MS and decoder is DecoderChoice.BOTH:
            ms, cls = build(DecoderChoice.MS), build(DecoderChoice.CLS)
            return TwoDecoderGenerator(ms=ms, cls=cls, separator=self.data_bin.separator)
        return build(decoder)

    def _start(self, which: DecoderChoice) -> int:
        """What the decoder reads first; several targets have their own, see `plan_contents`."""
        languages = self.layout.written(self.source_lang, self.target_lang, which)
        return self.data_bin.start(languages[0])

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
            self._hand_to_scorer(sample, hypotheses)
        return hypotheses

    def _hand_to_scorer(
        self, sample: dict[str, Any], hypotheses: Sequence[Sequence[dict[str, Any]]]
    ) -> None:
        split = sample["split"]
        text = self.summary_text()
        ids, references = self.data_bin.ids(split), self.data_bin.references(split)
        for row, candidates in zip(sample["id"].tolist(), hypotheses, strict=True):
            summaries = text.summaries(candidates[0]["tokens"].tolist())
            self.feed.push(
                ScoredDocument(
                    id=ids[row],
                    hypotheses=without_repeats(summaries, self.targets),
                    references=references[row],
                    row=row,
                )
            )

    # -- validation -----------------------------------------------------------------------------

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """Build the model and, with --eval-rouge, what decodes during validation."""
        if not from_checkpoint:
            recall_pretrained(cfg, str(self.cfg.save_dir))
        model = super().build_model(cfg, from_checkpoint=from_checkpoint)
        start_from_mbart(model, cfg, self.dictionary)
        mark_groups(model)
        if self.cfg.eval_rouge:
            tokenizer = self.cfg.rouge_tokenizer
            rules = get_protocols(
                self.cfg.rouge_protocol,
                self.summary_languages,
                tokenizer=None if tokenizer is None else Path(tokenizer),
            )
            self._validation = ValidationRouge.from_json(
                self.cfg.eval_rouge_args, self.cfg.eval_rouge_documents, rules
            )
        return model

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
            options = Namespace(**self._validation.options)
            generator = self._build_generator([model], options, DecoderChoice.BOTH, {})
            logging_output.update(
                self._validation.score(
                    sample,
                    lambda part: generator.generate([model], part),
                    text=SummaryText(
                        self.data_bin,
                        self.source_lang,
                        self.summary_languages,
                        self.targets.symbols,
                    ),
                    references=self.data_bin.references(sample["split"]),
                )
            )
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
        state = TaskState(
            target_layout=self.layout.value,
            source_lang=self.source_lang,
            target_lang=self.target_lang,
            max_source_positions=self.max_source_positions,
            max_target_positions=self.max_target_positions,
            dictionary_sha256=self.dictionary_sha256,
            subset_ids=list(self.subset_ids),
            vocabularies={code: self.vocabulary(code) for code in self.summary_languages},
            target_langs=list(self.targets.trained) if self.targets.several else [],
        )
        return state.to_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what the checkpoint was trained with; it wins over the flags.

        Raises:
            CheckpointError: the checkpoint has none of it, another dictionary, or another layout
                than the checkpoint before it in an ensemble.
        """
        self.check_origin(state_dict)
        state = TaskState.from_dict(
            state_dict, dictionary_sha256=self.dictionary_sha256, folder=self.data_bin.folder
        )
        trained = state.target_langs or [state.target_lang]
        asked = (self.layout.value, self.source_lang, "+".join(self.targets.trained))
        found = (state.target_layout, state.source_lang, "+".join(trained))
        if asked != found:
            if self._state_loaded:
                raise CheckpointError(
                    f"ensemble: its checkpoints must have one layout and one pair of languages, "
                    f"found {asked} and {found}; decode them one by one"
                )
            logger.info("the checkpoint has %s, which wins over the flags' %s", found, asked)
        self._state_loaded = True
        self.layout = Layout(state.target_layout)
        check_layout(self.layout, trained)
        self.source_lang = state.source_lang
        self.targets = several_targets(self.data_bin, trained)
        self.write_targets(asked_of(self.cfg, trained))
        self.max_source_positions = state.max_source_positions
        self.max_target_positions = state.max_target_positions
        self.subset_ids = list(state.subset_ids)
        self.vocabularies = {code: list(entries) for code, entries in state.vocabularies.items()}

    def check_origin(self, state_dict: Mapping[str, Any]) -> None:
        """Check by what a checkpoint keeps that it is of this task.

        Raises:
            CheckpointError: it is of `multitask_summarization`.
        """
        if "train_tasks" in state_dict:
            raise CheckpointError(
                "checkpoint: it was trained with --task multitask_summarization, whose documents "
                "begin with a tag; give that task"
            )

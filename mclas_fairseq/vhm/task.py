"""Task `multitask_summarization`: translation, monolingual and cross-lingual summarization at once.

Liang et al. (2022), "A Variational Hierarchical Model for Neural Cross-Lingual Summarization"
(ACL 2022): MT, MS and CLS corpora with one dictionary, one batch of each per update. Batches go to
model and criterion as task -> batch. Validation, the best checkpoint and, unless told otherwise,
generation are by CLS; there batches are those of `cross_lingual_summarization`, whose search,
language vocabularies and scoring this task takes over.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, cast

import torch
from fairseq.data import ListDataset
from fairseq.dataclass import FairseqDataclass
from fairseq.tasks import register_task
from torch import Tensor

from mclas_fairseq.corpus.generation_log import GenerationRun, describe_run
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.language_vocabulary import LanguageVocabulary
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.data.split_loading import TrainSubset
from mclas_fairseq.data.subset_file import write_train_subset
from mclas_fairseq.data.summary_dataset import SummaryDataset
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.summarization.base_task import SummarizationTask
from mclas_fairseq.summarization.options import refuse_constraints
from mclas_fairseq.vhm.batches import MultitaskDataset, TaggedRows, TaskDataset, TrainTask
from mclas_fairseq.vhm.elbo import VhmElbo
from mclas_fairseq.vhm.loading import (
    SampleLimits,
    TaskCorpus,
    load_documents,
    load_task,
    open_corpus,
    task_tags,
    tokens_written,
)
from mclas_fairseq.vhm.model import VhmModel
from mclas_fairseq.vhm.options import (
    MultitaskSummarizationConfig,
    parse_train_tasks,
    refuse_flags,
)
from mclas_fairseq.vhm.sampling import with_draws

logger = logging.getLogger(__name__)

__all__ = ["MultitaskSummarizationConfig", "MultitaskSummarizationTask"]


@register_task("multitask_summarization", dataclass=MultitaskSummarizationConfig)
class MultitaskSummarizationTask(SummarizationTask):
    """MT, MS and CLS together; decodes one of them.

    Attributes:
        train_tasks: what is learned, in the order of `TrainTask`.
        generate_task: what is decoded.
        tags: dictionary id of each task's tag, which documents begin with.
    """

    def __init__(self, cfg: MultitaskSummarizationConfig, data_bin: DataBin):
        refuse_flags(cfg)
        super().__init__(cfg, data_bin)
        self.train_tasks = parse_train_tasks(cfg.train_tasks)
        self.tags = task_tags(data_bin)
        self.choose_task(TrainTask(self.decoding.generate_task))

    @property
    def layout(self) -> Layout:
        """What is decoded: one text, in the documents' language or in the target language."""
        return Layout.MS if self.generate_task is TrainTask.MS else Layout.NCLS

    @property
    def trained_layout(self) -> Layout:
        """Of CLS, by which validation and the best checkpoint are."""
        return Layout.NCLS

    def choose_task(self, task: TrainTask) -> None:
        """Say what is decoded."""
        self.generate_task = task

    def decode_with(self, options: DecodingOptions) -> None:
        """Search in this way, and make of documents what the options say, from now on."""
        super().decode_with(options)
        self.choose_task(TrainTask(options.generate_task))

    # -- data -----------------------------------------------------------------------------------

    def load_dataset(
        self,
        split: str,
        combine: bool = False,
        task_cfg: Optional[FairseqDataclass] = None,
        **kwargs: Any,
    ) -> None:
        """Load what is trained on, for validation CLS; for fairseq-generate every document."""
        if "epoch" not in kwargs:  # training and validation name an epoch
            self._load_documents(split)
            return
        if self.generate_task is not TrainTask.CLS:
            raise ConfigError(
                f"--generate-task {self.generate_task.value}: training and validation are by "
                "--train-tasks, it is for generation; leave it out"
            )
        chosen = self.train_tasks if split == "train" else (TrainTask.CLS,)
        corpora = {task: self._corpus(task) for task in chosen}
        parts = {
            task: load_task(corpus, split, self._limits(), self._subset(task, split))
            for task, corpus in corpora.items()
        }
        dataset = MultitaskDataset(
            {task.value: part for task, part in parts.items()}, seed=int(self.cfg.seed)
        )
        self.datasets[split] = dataset
        if split == "train":
            self._take_stock(corpora, parts)

    def _load_documents(self, split: str) -> None:
        corpus = self._corpus(self.generate_task, self.data_bin)
        dataset = load_documents(corpus, split, self._limits())
        self.datasets[split] = dataset
        run = GenerationRun(split, self.languages, len(dataset))
        logger.info("%s", describe_run(run))

    def _corpus(self, task: TrainTask, data_bin: Optional[DataBin] = None) -> TaskCorpus:
        languages = self.source_lang, self.target_lang
        if data_bin is None:
            folder = {TrainTask.MT: self.cfg.mt_data, TrainTask.MS: self.cfg.ms_data}.get(task)
            data_bin = self.data_bin
            if folder:
                data_bin = open_corpus(data_bin, Path(folder), f"--{task.value}-data", languages)
        return TaskCorpus(task, data_bin, *languages, tag=self.tags[task])

    def _limits(self) -> SampleLimits:
        return SampleLimits(self.max_source_positions, self.setting.target_spec())

    def _subset(self, task: TrainTask, split: str) -> Optional[TrainSubset]:
        if task is not TrainTask.CLS or split != "train" or self.cfg.cls_subset_size <= 0:
            return None
        return TrainSubset(self.cfg.cls_subset_size, self.cfg.subset_seed)

    def _take_stock(
        self, corpora: dict[TrainTask, TaskCorpus], parts: dict[TrainTask, TaskDataset]
    ) -> None:
        """Keep what the checkpoint is to know of its training data."""
        # A language's vocabulary is what targets in it hold, of all tasks: few CLS examples would
        # else shut decoding off from words that MT has taught.
        seen = tokens_written([(corpora[task], part) for task, part in parts.items()])
        for language, tokens in seen.items():
            entries = LanguageVocabulary.from_counts(language, tokens, self.dictionary)
            self.vocabularies[language] = entries.indices(self.dictionary)
        if self.cfg.cls_subset_size > 0:
            cls = TrainTask.CLS
            ids = corpora[cls].data_bin.ids("train")
            self.subset_ids = [ids[row] for row in parts[cls].rows]
            write_train_subset(Path(self.cfg.save_dir), self.subset_ids)

    def build_dataset_for_inference(
        self, src_tokens: Sequence[Tensor], src_lengths: Sequence[int], **kwargs: Any
    ) -> SummaryDataset:
        """Wrap encoded documents, each closed by EOS, behind the tag of what is decoded."""
        refuse_constraints(kwargs.get("constraints"))
        encoded = ListDataset(list(src_tokens), [int(length) for length in src_lengths])
        documents = TaggedRows(
            encoded,
            range(len(encoded)),
            self.max_source_positions,
            self.dictionary.eos(),
            self.tags[self.generate_task],
            self.data_bin.language_id(self.source_lang),
        )
        return SummaryDataset(documents, None, self.dictionary, shuffle=False)

    # -- what is trained ------------------------------------------------------------------------

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """Build the model and what decodes during validation.

        Raises:
            ConfigError: it is none that takes a batch of each task.
        """
        model = super().build_model(cfg, from_checkpoint=from_checkpoint)
        if not isinstance(model, VhmModel):
            raise ConfigError(
                f"--arch {getattr(cfg, 'arch', None) or cfg._name}: must be of the family vhm for "
                "--task multitask_summarization; give vhm_tiny, tncls_tiny, ms_cls_tiny, "
                "mt_cls_tiny, mt_ms_cls_tiny or one of their larger sizes"
            )
        return model

    def build_criterion(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """Build the criterion.

        Raises:
            ConfigError: it is not `vhm_elbo`.
        """
        criterion = super().build_criterion(cfg, from_checkpoint=from_checkpoint)
        if not isinstance(criterion, VhmElbo):
            raise ConfigError(
                f"--criterion {cfg._name}: must take a batch of each task for --task "
                "multitask_summarization; give --criterion vhm_elbo"
            )
        return criterion

    # -- decoding and validation ----------------------------------------------------------------

    def writers(self, models: Sequence[torch.nn.Module]) -> Sequence[torch.nn.Module]:
        """The models with the decoder of what is decoded."""
        return [cast(Any, model).one_decoder(self.generate_task.value) for model in models]

    def completed(self, generator: Any, args: Any) -> Any:
        """The search over several draws of the latent variables, where that is asked for."""
        options = DecodingOptions.of(args, self.decoding)
        return with_draws(generator, options.sample_latent, options.latent_reranking, self.cfg.seed)

    def inference_step(
        self,
        generator: Any,
        models: Sequence[torch.nn.Module],
        sample: dict[str, Any],
        prefix_tokens: Optional[Tensor] = None,
        constraints: Optional[Tensor] = None,
    ) -> list[list[dict[str, Any]]]:
        """Decode a batch; see `cross_lingual_summarization`.

        Raises:
            ConfigError: translations are to be scored against references of summaries.
        """
        if self.feed.attached and self.generate_task is TrainTask.MT:
            raise ConfigError(
                "--scoring rouge: needs raw references, a data-bin has them of summaries, not of "
                "translations (--generate-task mt); give --scoring sacrebleu"
            )
        if self.generate_task is not TrainTask.CLS:
            # The encoder draws the latent variables of a task; without a name those of CLS.
            net_input = {**sample["net_input"], "task_name": self.generate_task.value}
            sample = {**sample, "net_input": net_input}
        return super().inference_step(generator, models, sample, prefix_tokens, constraints)

    def scored_part(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The batch of CLS, whose documents are decoded at validation."""
        part: dict[str, Any] = sample[TrainTask.CLS.value]
        return part

    # -- what travels with a checkpoint ---------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """What `cross_lingual_summarization` keeps, all vocabularies, and what was trained."""
        vocabularies = {language: list(ids) for language, ids in self.vocabularies.items()}
        state = super().state_dict()
        vocabularies.update(state["vocabularies"])
        return {
            **state,
            "vocabularies": vocabularies,
            "train_tasks": [task.value for task in self.train_tasks],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what the checkpoint was trained with; it wins over the flags.

        Raises:
            CheckpointError: the checkpoint is of another task, or did not learn what is to be
                decoded; see also `cross_lingual_summarization`.
        """
        super().load_state_dict(state_dict)
        self.train_tasks = tuple(TrainTask(name) for name in state_dict["train_tasks"])

    def check_origin(self, state_dict: Mapping[str, Any]) -> None:
        """Check by what a checkpoint keeps that it is of this task and learned what is decoded.

        Raises:
            CheckpointError: it is of another, or did not.
        """
        if "target_layout" not in state_dict:
            return  # of no task of ours, as is said where the state is read
        trained = state_dict.get("train_tasks")
        if trained is None:
            raise CheckpointError(
                "checkpoint: it was not trained with --task multitask_summarization, whose "
                "documents begin with a tag; give --task cross_lingual_summarization"
            )
        if self.generate_task.value not in trained:
            raise CheckpointError(
                f"--generate-task {self.generate_task.value}: the checkpoint was trained on "
                f"{', '.join(trained)}; choose one of them"
            )

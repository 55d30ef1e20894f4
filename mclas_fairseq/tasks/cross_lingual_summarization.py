"""Task `cross_lingual_summarization`: one corpus of documents with summaries in two languages.

Ties the data-bin, the target layout, the subset of a low-resource run, the language vocabularies
and the restricted search together; nothing numeric happens here. Bai et al. (2021), ACL 2021.
"""

import logging
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import torch
from fairseq.data import Dictionary, ListDataset
from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from fairseq.tasks import FairseqTask, register_task
from omegaconf import II
from torch import Tensor

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.generation_log import GenerationRun, describe_run
from mclas_fairseq.data.layouts import Layout, first_summary_mask
from mclas_fairseq.data.split_loading import TrainSubset, count_vocabulary, load_split
from mclas_fairseq.data.summary_dataset import RowsDataset, SummaryDataset, TargetSpec
from mclas_fairseq.data.summary_text import SummaryText
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.evaluation.feed import ScoredDocument, ScoringFeed
from mclas_fairseq.evaluation.validation import ValidationRouge, reduce_rouge
from mclas_fairseq.generation.building import GenerationOptions, build_summary_generator

logger = logging.getLogger(__name__)


@dataclass
class CrossLingualSummarizationConfig(FairseqDataclass):
    """Options of the task."""

    data: Optional[str] = field(
        default=None, metadata={"help": "data-bin made by mclas prepare (a folder)"}
    )
    source_lang: Optional[str] = field(
        default=None,
        metadata={
            "help": "language of the documents (default: that of the data-bin)",
            "argparse_alias": "-s",
        },
    )
    target_lang: Optional[str] = field(
        default=None,
        metadata={
            "help": "language of the cross-lingual summaries "
            "(default: the data-bin's, when it has one only)",
            "argparse_alias": "-t",
        },
    )
    target_layout: ChoiceEnum([layout.value for layout in Layout]) = field(  # type: ignore[valid-type]
        default="mclas",
        metadata={
            "help": "what the decoder writes: ms (the summary in the document's language), ncls "
            "(the one in the target language), mclas (both, with a separator between). At "
            "generation the checkpoint's layout wins"
        },
    )
    train_subset_size: int = field(
        default=0,
        metadata={
            "help": "train on N triples drawn at random, the same for every system (0: on all); "
            "their ids are written to train_subset.txt beside the checkpoints"
        },
    )
    subset_seed: int = field(default=1, metadata={"help": "seed of --train-subset-size"})
    max_source_positions: int = field(
        default=1024, metadata={"help": "documents are cut to N tokens, never skipped"}
    )
    max_target_positions: int = field(
        default=1024, metadata={"help": "training targets are cut to N tokens, never skipped"}
    )
    restrict_vocab: ChoiceEnum(["both", "target", "none"]) = field(  # type: ignore[valid-type]
        default="both",
        metadata={
            "help": "restrict decoding to the language vocabulary of the summary being written: "
            "of both summaries, of the target language's only, or of none"
        },
    )
    ngram_block_scope: ChoiceEnum(["summary", "sequence"]) = field(  # type: ignore[valid-type]
        default="summary",
        metadata={
            "help": "--no-repeat-ngram-size starts afresh at the separator (summary) or counts "
            "over both summaries (sequence)"
        },
    )
    length_penalty: ChoiceEnum(["fairseq", "gnmt"]) = field(  # type: ignore[valid-type]
        default="fairseq",
        metadata={
            "help": "how --lenpen acts: score / length^lenpen (fairseq) or "
            "score / ((5 + length) / 6)^lenpen (gnmt)"
        },
    )
    eval_rouge: bool = field(
        default=False,
        metadata={
            "help": "decode documents of the validation split and log their ROUGE: rouge1, rouge2, "
            "rougeL of the target summary, ms_rouge1, ... of the source-language one; "
            "use with --best-checkpoint-metric rouge1 --maximize-best-checkpoint-metric"
        },
    )
    eval_rouge_documents: int = field(
        default=100,
        metadata={"help": "decode at most N validation documents, spread evenly (0: all)"},
    )
    eval_rouge_args: str = field(
        default="{}",
        metadata={
            "help": "generation options of --eval-rouge as JSON, "
            'e.g. \'{"beam": 4, "max_len_b": 60, "no_repeat_ngram_size": 3}\''
        },
    )
    save_dir: str = II("checkpoint.save_dir")


@register_task("cross_lingual_summarization", dataclass=CrossLingualSummarizationConfig)
class CrossLingualSummarizationTask(FairseqTask):
    """Monolingual (ms), cross-lingual (ncls) and joint (mclas) summarization of one data-bin."""

    def __init__(self, cfg: CrossLingualSummarizationConfig, data_bin: DataBin):
        super().__init__(cfg)
        self.data_bin = data_bin
        self.dictionary = data_bin.dictionary
        self.dictionary_sha256 = data_bin.manifest.dictionary_sha256
        self.layout = Layout(str(cfg.target_layout))
        self.source_lang, self.target_lang = _languages(cfg, data_bin)
        self.max_source_positions = cfg.max_source_positions
        self.max_target_positions = cfg.max_target_positions
        self.vocabularies: dict[str, list[int]] = {}
        self.subset_ids: list[str] = []
        self.feed = ScoringFeed()
        # fairseq hands the scorer nothing but the dictionary, so the feed travels on it.
        self.dictionary.scoring_feed = self.feed
        self._scored_split: Optional[str] = None
        self._validation: Optional[ValidationRouge] = None

    @classmethod
    def setup_task(cls, cfg: Any, **kwargs: Any) -> "CrossLingualSummarizationTask":
        """Open the data-bin that `data` names."""
        if not cfg.data:
            raise ConfigError(
                "task cross_lingual_summarization: it needs a data-bin, none was given; "
                "name the folder that mclas prepare wrote"
            )
        return cls(cfg, DataBin.open(Path(cfg.data)))

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
    def languages(self) -> tuple[str, ...]:
        """Languages of the summaries that the decoder writes, in order."""
        return self.layout.languages(self.source_lang, self.target_lang)

    def load_dataset(
        self,
        split: str,
        combine: bool = False,
        task_cfg: Optional[FairseqDataclass] = None,
        **kwargs: Any,
    ) -> None:
        """Load a split with the targets of the layout."""
        subset = None
        if split == "train" and self.cfg.train_subset_size > 0:
            subset = TrainSubset(self.cfg.train_subset_size, self.cfg.subset_seed)
        loaded = load_split(
            self.data_bin,
            split,
            languages=self.languages,
            triple=(self.source_lang, self.target_lang),
            max_source_positions=self.max_source_positions,
            target_spec=self._target_spec(),
            subset=subset,
        )
        self.datasets[split] = loaded.dataset
        self._scored_split = split
        if split != "train":
            logger.info("%s", describe_run(GenerationRun(split, self.languages, len(loaded.ids))))
        if subset is not None:
            self.subset_ids = loaded.ids
            self._write_subset(loaded.ids)
            for language in self.languages:
                counted = count_vocabulary(self.data_bin, language, loaded.dataset.rows)
                self.vocabularies[language] = counted.indices(self.dictionary)

    def build_dataset_for_inference(
        self, src_tokens: Sequence[Tensor], src_lengths: Sequence[int], **kwargs: Any
    ) -> SummaryDataset:
        """Wrap encoded documents, each closed by EOS; they are cut like those of a data-bin."""
        if kwargs.get("constraints") is not None:
            raise ConfigError(
                "task cross_lingual_summarization: lexical constraints are not supported by the "
                "restricted search; leave --constraints out"
            )
        documents = RowsDataset(
            ListDataset(list(src_tokens), [int(length) for length in src_lengths]),
            range(len(src_tokens)),
            self.max_source_positions,
            self.dictionary.eos(),
        )
        return SummaryDataset(documents, None, self.dictionary, shuffle=False)

    def build_tokenizer(self, args: Any) -> None:
        """No separate tokenizer: the data-bin's does both steps, see `build_bpe`."""
        _refuse_encoder(args, "--tokenizer")

    def build_bpe(self, args: Any) -> SummaryText:
        """The data-bin's tokenizer as fairseq's encoder of text and decoder of hypotheses."""
        _refuse_encoder(args, "--bpe")
        return self.summary_text()

    # -- targets and text -----------------------------------------------------------------------

    def summary_masks(self, target: Tensor) -> dict[str, Tensor]:
        """Which positions of a target (B, T_tgt) belong to `S^A` ("ms") and to `S^B` ("cls")."""
        if self.layout is Layout.MCLAS:
            first = first_summary_mask(target, self.data_bin.separator)
            return {"ms": first, "cls": ~first}
        name = "ms" if self.layout is Layout.MS else "cls"
        return {name: torch.ones_like(target, dtype=torch.bool)}

    def summary_text(self) -> SummaryText:
        """What turns documents to tokens and hypotheses to summaries."""
        return SummaryText(self.data_bin, self.source_lang, self.languages)

    def _target_spec(self) -> TargetSpec:
        return TargetSpec(
            bos=self.dictionary.bos(),
            eos=self.dictionary.eos(),
            separator=self.data_bin.separator,
            max_positions=self.max_target_positions,
        )

    def _write_subset(self, ids: Sequence[str]) -> None:
        folder = Path(self.cfg.save_dir)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / ".train_subset.txt.tmp"
        temporary.write_text("".join(f"{identifier}\n" for identifier in ids), encoding="utf-8")
        temporary.replace(folder / "train_subset.txt")

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
        options = GenerationOptions(
            restrict_vocab=str(self.cfg.restrict_vocab),
            ngram_block_scope=str(self.cfg.ngram_block_scope),
            length_penalty=str(self.cfg.length_penalty),
        )
        return build_summary_generator(
            super().build_generator,
            models,
            args,
            dictionary=self.dictionary,
            separator=self.data_bin.separator,
            vocabularies=[self.vocabulary(language) for language in self.languages],
            options=options,
            extra_kwargs=extra_gen_cls_kwargs or {},
        )

    def inference_step(
        self,
        generator: Any,
        models: Sequence[torch.nn.Module],
        sample: dict[str, Any],
        prefix_tokens: Optional[Tensor] = None,
        constraints: Optional[Tensor] = None,
    ) -> list[list[dict[str, Any]]]:
        """Decode a batch and hand its best hypotheses, with raw references, to the scorer."""
        hypotheses: list[list[dict[str, Any]]] = super().inference_step(
            generator, models, sample, prefix_tokens, constraints
        )
        if self.feed.attached and self._scored_split is not None:
            self._hand_to_scorer(sample["id"].tolist(), hypotheses)
        return hypotheses

    def _hand_to_scorer(
        self, rows: Sequence[int], hypotheses: Sequence[Sequence[dict[str, Any]]]
    ) -> None:
        assert self._scored_split is not None
        split = self._scored_split
        text = self.summary_text()
        ids, references = self.data_bin.ids(split), self.data_bin.references(split)
        for row, candidates in zip(rows, hypotheses, strict=True):
            self.feed.push(
                ScoredDocument(
                    id=ids[row],
                    hypotheses=text.summaries(candidates[0]["tokens"].tolist()),
                    references=references[row],
                )
            )

    # -- validation -----------------------------------------------------------------------------

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """Build the model and, with --eval-rouge, what decodes during validation."""
        model = super().build_model(cfg, from_checkpoint=from_checkpoint)
        if self.cfg.eval_rouge and not from_checkpoint:
            self._validation = ValidationRouge.from_json(
                self.cfg.eval_rouge_args, self.cfg.eval_rouge_documents
            )
        return model

    def valid_step(
        self, sample: dict[str, Any], model: torch.nn.Module, criterion: Any
    ) -> tuple[Tensor, int, dict[str, Any]]:
        """Compute the loss and, with --eval-rouge, decode the chosen documents of the batch."""
        loss, sample_size, logging_output = super().valid_step(sample, model, criterion)
        if self._validation is not None:
            generator = self.build_generator([model], Namespace(**self._validation.options))
            logging_output.update(
                self._validation.score(
                    sample,
                    lambda part: generator.generate([model], part),
                    text=self.summary_text(),
                    references=self.data_bin.references("valid"),
                )
            )
        return loss, sample_size, logging_output

    def reduce_metrics(self, logging_outputs: Sequence[dict[str, Any]], criterion: Any) -> None:
        """Log the criterion's metrics and validation ROUGE, as floats."""
        super().reduce_metrics(logging_outputs, criterion)
        reduce_rouge(logging_outputs)

    # -- what travels with a checkpoint ---------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Layout, languages, limits, subset and language vocabularies, as plain values."""
        return {
            "target_layout": self.layout.value,
            "source_lang": self.source_lang,
            "target_lang": self.target_lang,
            "max_source_positions": self.max_source_positions,
            "max_target_positions": self.max_target_positions,
            "dictionary_sha256": self.dictionary_sha256,
            "subset_ids": list(self.subset_ids),
            "vocabularies": {language: self.vocabulary(language) for language in self.languages},
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what the checkpoint was trained with; it wins over the flags.

        Raises:
            CheckpointError: the checkpoint has none of it, or another dictionary.
        """
        if "target_layout" not in state_dict:
            raise CheckpointError(
                "checkpoint: it must carry its target layout and language vocabularies, it has "
                "none; was it trained with --task cross_lingual_summarization?"
            )
        if state_dict["dictionary_sha256"] != self.dictionary_sha256:
            raise CheckpointError(
                f"checkpoint: it was trained with another dictionary "
                f"({state_dict['dictionary_sha256'][:12]}) than that of {self.data_bin.folder} "
                f"({self.dictionary_sha256[:12]}); give the data-bin that it was trained on, or "
                "one made with mclas prepare --like"
            )
        if state_dict["target_layout"] != self.layout.value:
            logger.info(
                "the checkpoint's target layout is %s and wins over --target-layout %s",
                state_dict["target_layout"],
                self.layout.value,
            )
        self.layout = Layout(state_dict["target_layout"])
        self.source_lang = state_dict["source_lang"]
        self.target_lang = state_dict["target_lang"]
        self.max_source_positions = state_dict["max_source_positions"]
        self.max_target_positions = state_dict["max_target_positions"]
        self.subset_ids = list(state_dict["subset_ids"])
        self.vocabularies = {
            language: list(entries) for language, entries in state_dict["vocabularies"].items()
        }


def _languages(cfg: CrossLingualSummarizationConfig, data_bin: DataBin) -> tuple[str, str]:
    """Source and target language: those asked for, checked against the data-bin."""
    manifest = data_bin.manifest
    source = cfg.source_lang or manifest.source_lang
    if source != manifest.source_lang:
        raise ConfigError(
            f"--source-lang {source}: the data-bin {data_bin.folder} has documents in "
            f"{manifest.source_lang}; leave the flag out or give another data-bin"
        )
    if cfg.target_lang is None and len(manifest.target_langs) > 1:
        raise ConfigError(
            f"--target-lang: the data-bin {data_bin.folder} has {', '.join(manifest.target_langs)}; "
            "choose one of them"
        )
    target = cfg.target_lang or manifest.target_langs[0]
    if target not in manifest.target_langs:
        raise ConfigError(
            f"--target-lang {target}: the data-bin {data_bin.folder} has "
            f"{', '.join(manifest.target_langs)}; choose one of them or prepare {target}"
        )
    return source, target


def _refuse_encoder(args: Any, flag: str) -> None:
    name = getattr(args, "_name", args)
    if isinstance(name, str):
        raise ConfigError(
            f"{flag} {name}: a data-bin brings its own tokenizer, which is used for documents and "
            f"summaries; leave {flag} out"
        )

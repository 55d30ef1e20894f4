"""Task `sequence_labelling`: a label for each word of a sentence.

Ma et al. (2021): labels on first sub-words, in a cross-lingual (trained on the source language) or
a multi-lingual setting (on source and target). The languages of training and of validation are
chosen among those of one data-bin; of a language's training sentences as many of ten parts as is
asked.
"""

# fairseq reads the field types when it builds the command line: no postponed annotations, and
# `Optional` for `X | None`.
import logging
from dataclasses import dataclass, field
from typing import Any, Optional

from fairseq.dataclass import FairseqDataclass
from fairseq.tasks import register_task
from omegaconf import II
from torch import Tensor, nn

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.label_sides import LabelSet, label_languages, open_labelled
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.labelling.dataset import LabelledDataset, Marks
from mclas_fairseq.labelling.folds import chosen, read_folds
from mclas_fairseq.labelling.losses import label_losses
from mclas_fairseq.modules.parameter_groups import mark_groups
from mclas_fairseq.summarization.fairseq_side import OneDictionaryTask
from mclas_fairseq.summarization.pretrained import recall_pretrained

logger = logging.getLogger(__name__)

_SHORTEST = 8  # pieces of a row


@dataclass
class SequenceLabellingConfig(FairseqDataclass):
    """Options of the task."""

    data: Optional[str] = field(
        default=None, metadata={"help": "data-bin made by mclas prepare --labels (a folder)"}
    )
    train_langs: Optional[str] = field(
        default=None,
        metadata={"help": "languages to train on, as in en,de (default: all that have training)"},
    )
    valid_langs: Optional[str] = field(
        default=None,
        metadata={"help": "languages of validation and test (default: all that have them)"},
    )
    train_folds: str = field(
        default="",
        metadata={
            "help": "how many of ten random parts of a language's training sentences are used, as "
            "in de=3,fr=1 (default: all)"
        },
    )
    fold_seed: int = field(default=1, metadata={"help": "of these parts"})
    max_source_positions: int = field(
        default=256,
        metadata={"help": "longest row in pieces; longer sentences are cut between words"},
    )
    save_dir: str = II("checkpoint.save_dir")


@register_task("sequence_labelling", dataclass=SequenceLabellingConfig)
class SequenceLabellingTask(OneDictionaryTask):
    """Labelled sentences of a data-bin.

    Attributes:
        labels: the tags.
    """

    prepared_by = "mclas prepare --labels"

    def __init__(self, cfg: SequenceLabellingConfig, data_bin: DataBin):
        super().__init__(cfg, data_bin)
        self.labels = LabelSet.load(data_bin.folder)
        self.folds = read_folds(cfg.train_folds)
        if cfg.max_source_positions < _SHORTEST:
            raise ConfigError(
                f"--max-source-positions {cfg.max_source_positions}: must be at least {_SHORTEST};"
                " give more"
            )

    def max_positions(self) -> int:
        """Longest row, in pieces."""
        return int(self.cfg.max_source_positions)

    def languages(self, split: str) -> tuple[str, ...]:
        """Languages of a split, as the flags choose them.

        Raises:
            ConfigError: there is none.
        """
        flag = "train_langs" if split == "train" else "valid_langs"
        asked = getattr(self.cfg, flag)
        have = label_languages(self.data_bin, split)
        found = have if asked is None else tuple(filter(None, asked.split(",")))
        if not found:
            raise ConfigError(
                f"data-bin {self.data_bin.folder}: split {split!r} must have labelled sentences,"
                f" but has none; give --{split} to mclas prepare --labels"
            )
        return found

    def load_dataset(
        self, split: str, combine: bool = False, task_cfg: Any = None, **kwargs: Any
    ) -> None:
        """Load a split in its languages, of training the parts that are asked for.

        Raises:
            ConfigError: parts are asked of a language that is not trained on.
            DataError: a language is not in the split, or its sentences are damaged.
        """
        languages = self.languages(split)
        folds = self.folds if split == "train" else {}
        strange = sorted(set(folds) - set(languages))
        if strange:
            raise ConfigError(
                f"--train-folds: must name languages of training ({', '.join(languages)}), but"
                f" names {strange[0]}; correct it, or --train-langs"
            )
        sides = [open_labelled(self.data_bin, split, language) for language in languages]
        rows = [
            chosen(len(side), folds[side.language], self.cfg.fold_seed)
            if side.language in folds
            else None
            for side in sides
        ]
        marks = Marks(self.dictionary.pad(), self.dictionary.eos())
        dataset = LabelledDataset(sides, rows, self.max_positions(), marks, split)
        logger.info("%s: %s, %d rows", split, ", ".join(languages), len(dataset))
        self.datasets[split] = dataset

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """Build the model; one that goes on from a checkpoint has its encoder and its heads."""
        if not from_checkpoint:
            recall_pretrained(cfg, str(self.cfg.save_dir))
        model = super().build_model(cfg, from_checkpoint=from_checkpoint)
        mark_groups(model)
        return model

    def example_losses(self, model: nn.Module, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Mean NLL a word of each row of a batch of one language, in nats; see `heads/losses`."""
        losses = label_losses(model, batch)
        words = batch["net_input"]["first_pieces"].sum(1).clamp(min=1)
        language = self.datasets[batch["split"]].languages[int(batch["language"][0])]
        return {"all": losses / words, language: losses / words}

    # -- what travels with a checkpoint ---------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Kind and tags, as plain values."""
        return {"label_kind": self.labels.kind.value, "labels": list(self.labels.tags)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Compare what a checkpoint was trained with.

        Raises:
            CheckpointError: it is of another task, or has other tags than the data-bin.
        """
        if "labels" not in state_dict:
            raise CheckpointError(
                "checkpoint: must be of --task sequence_labelling, but has no labels; give one of"
                " that task"
            )
        found = state_dict["label_kind"], tuple(state_dict["labels"])
        own = self.labels.kind.value, self.labels.tags
        if found != own:
            strange = sorted(set(found[1]) ^ set(own[1])) or ["their order"]
            raise CheckpointError(
                f"checkpoint: its tags ({found[0]}, {len(found[1])}) must be those of the data-bin"
                f" ({own[0]}, {len(own[1])}), but they differ in {', '.join(strange[:5])}; give the"
                " data-bin of its training, or one made with --tags or --like"
            )

"""Options of the task `multitask_summarization`."""

# fairseq reads the field types when it builds the command line: no postponed annotations, and
# `Optional` for `X | None`.
from dataclasses import dataclass, field
from typing import Any, Optional

from fairseq.dataclass import ChoiceEnum
from omegaconf import II

from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import Owner
from mclas_fairseq.generation.task_options import with_search_options
from mclas_fairseq.summarization.options import CrossLingualSummarizationConfig
from mclas_fairseq.vhm.batches import TrainTask


@dataclass
@with_search_options(Owner.MULTITASK)
class MultitaskSummarizationConfig(CrossLingualSummarizationConfig):
    """Options of the task: those of `cross_lingual_summarization`, and of its three corpora."""

    target_layout: ChoiceEnum([Layout.NCLS.value]) = field(  # type: ignore[valid-type]
        default="ncls", metadata={"help": "this task has one layout, a text a target"}
    )

    mt_data: Optional[str] = field(
        default=None,
        metadata={
            "help": "data-bin with the translation pairs (default: the first data-bin, whose "
            "records with a translation are taken)"
        },
    )
    ms_data: Optional[str] = field(
        default=None,
        metadata={
            "help": "data-bin of monolingual summarization (default: the first data-bin, whose "
            "records with a summary in the documents' language are taken)"
        },
    )
    train_tasks: str = field(
        default="mt,ms,cls",
        metadata={
            "help": "what is learned, a batch of each per update: cls, and of mt and ms what is "
            "wanted, with commas between them"
        },
    )
    cls_subset_size: int = field(
        default=0,
        metadata={
            "help": "train CLS on N records drawn at random (0: on all), those that "
            "--train-subset-size of cross_lingual_summarization draws; MT and MS stay whole"
        },
    )
    subset_seed: int = field(
        default=1, metadata={"help": "seed of --cls-subset-size or --train-subset-size"}
    )
    seed: int = II("common.seed")


def refuse_flags(cfg: Any) -> None:
    """Refuse flags of `cross_lingual_summarization` that this task has no use for.

    Raises:
        ConfigError: naming the flag.
    """
    remedies = {
        "train_subset_size": (0, "draw CLS alone with --cls-subset-size"),
        "summary_decoder": ("cls", "choose what is decoded with --generate-task"),
        "target_langs": (None, "give one language with --target-lang"),
    }
    for name, (default, remedy) in remedies.items():
        value = getattr(cfg, name, default)
        if value != default:
            raise ConfigError(
                f"--{name.replace('_', '-')} {value}: is not for --task multitask_summarization; "
                f"{remedy}"
            )


def parse_train_tasks(text: str) -> tuple[TrainTask, ...]:
    """Read `mt,ms,cls`, in any order.

    Raises:
        ConfigError: a name is unknown or there twice, or cls is not there.
    """
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in list(TrainTask)]
    if unknown or len(set(names)) < len(names):
        raise ConfigError(
            f"--train-tasks {text}: must be some of mt, ms and cls, each once, with commas between "
            "them; correct it"
        )
    if TrainTask.CLS not in names:
        raise ConfigError(
            f"--train-tasks {text}: cls must be among them, as validation and the best checkpoint "
            "are by it; add cls, or train the others alone with --task cross_lingual_summarization"
        )
    return tuple(task for task in TrainTask if task.value in names)

"""Options of the task `cross_lingual_summarization`."""

# fairseq reads the field types when it builds the command line: no postponed annotations, and
# `Optional` for `X | None`.
from dataclasses import dataclass, field
from typing import Any, Optional

from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from omegaconf import II

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import Owner
from mclas_fairseq.generation.task_options import with_search_options
from mclas_fairseq.scoring.rouge import ROUGE_PROTOCOL_HELP, ROUGE_TOKENIZER_HELP


@dataclass
@with_search_options(Owner.SUMMARIZATION)
class CrossLingualSummarizationConfig(FairseqDataclass):
    """Options of the task; those of the search are added from `generation/options.py`."""

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
    target_langs: Optional[str] = field(
        default=None,
        metadata={
            "help": "several target languages in one decoder, as in de,zh, or all: for layouts "
            "mclas and ncls. At generation those of the checkpoint's that are to be written"
        },
    )
    target_layout: ChoiceEnum([layout.value for layout in Layout]) = field(  # type: ignore[valid-type]
        default="mclas",
        metadata={
            "help": "what the decoder writes: ms (the summary in the document's language), ncls "
            "(the one in the target language), ncls_ms (both, each with a decoder of its own: "
            "--arch ncls_ms_tiny, ...), mclas (both, with a separator between). At generation the "
            "checkpoint's layout wins"
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
    eval_rouge: bool = field(
        default=False,
        metadata={
            "help": "decode documents of the validation split and log, in points, rouge1, rouge2, "
            "rougeL, of content words content1, content2, and matched minus shuffled "
            "matched_rouge1, matched_content1 of the target summary, ms_rouge1, ... of the "
            "source-language one; "
            "use with --best-checkpoint-metric content1 --maximize-best-checkpoint-metric"
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
    # The scorer of --scoring rouge has the same two: fairseq makes one flag of them.
    rouge_protocol: str = field(default="default", metadata={"help": ROUGE_PROTOCOL_HELP})
    rouge_tokenizer: Optional[str] = field(default=None, metadata={"help": ROUGE_TOKENIZER_HELP})
    save_dir: str = II("checkpoint.save_dir")


def choose_languages(
    cfg: CrossLingualSummarizationConfig, data_bin: DataBin, target: Optional[str] = None
) -> tuple[str, str]:
    """Source and target language: those asked for, checked against the data-bin.

    Args:
        cfg: the flags.
        data_bin: what they are checked against.
        target: instead of --target-lang.

    Raises:
        ConfigError: the data-bin has other languages, or several targets to choose from.
    """
    manifest = data_bin.manifest
    source = cfg.source_lang or manifest.source_lang
    if source != manifest.source_lang:
        raise ConfigError(
            f"--source-lang {source}: the data-bin {data_bin.folder} has documents in "
            f"{manifest.source_lang}; leave the flag out or give another data-bin"
        )
    target = target or cfg.target_lang
    if target is None and len(manifest.target_langs) > 1:
        raise ConfigError(
            f"--target-lang: the data-bin {data_bin.folder} has "
            f"{', '.join(manifest.target_langs)}; choose one of them, or several with "
            "--target-langs"
        )
    target = target or manifest.target_langs[0]
    if target not in manifest.target_langs:
        raise ConfigError(
            f"--target-lang {target}: the data-bin {data_bin.folder} has "
            f"{', '.join(manifest.target_langs)}; choose one of them or prepare {target}"
        )
    return source, target


def refuse_encoder(args: Any, flag: str) -> None:
    """Refuse fairseq's own tokenizers.

    Raises:
        ConfigError: one was asked for.
    """
    name = getattr(args, "_name", args)
    if isinstance(name, str):
        raise ConfigError(
            f"{flag} {name}: a data-bin brings its own tokenizer, which is used for documents and "
            f"summaries; leave {flag} out"
        )


def refuse_constraints(constraints: Any) -> None:
    """Refuse fairseq-interactive's lexical constraints.

    Raises:
        ConfigError: there are some.
    """
    if constraints is not None:
        raise ConfigError(
            "task cross_lingual_summarization: lexical constraints are not supported by the "
            "restricted search; leave --constraints out"
        )

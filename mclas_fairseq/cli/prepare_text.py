"""`mclas prepare-text`: raw text of several languages to a data-bin to pretrain on."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mclas_fairseq.cli.parts.execution import (
    RETRIES,
    add_execution_arguments,
    execution_of,
)
from mclas_fairseq.cli.parts.prepare_arguments import add_output_arguments
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.extras import require
from mclas_fairseq.mglm.balancing import ALPHA, Balance

if TYPE_CHECKING:
    from mclas_fairseq.binarize.prepare_text import LanguageReport, TextOptions

NAME = "prepare-text"
HELP = "turn raw text of several languages into a data-bin to pretrain mGLM on"
OUTPUTS = ("out", "plot")

_SHARD = 20_000  # documents

_DESCRIPTION = """\
Turn raw text into a data-bin for fairseq-train --task glm_pretraining: learn a tokenizer from the
same amount of text of each language (sentencepiece; bytes spell what it has no piece for), cut each
document, and keep one document in a hundred of each language for validation.

A file holds text of one language, plain, .gz or .xz: paragraphs end with their lines, documents
with an empty line (or with each line: --documents lines). Files may be larger than the memory.

Where a corpus outgrows one machine, --executor cuts it into shards, which are tokenised here, by
Slurm or by Ray. The same command goes on where it was stopped, and the bytes are those of a run
without shards.

The table at the end shows how often each language will be drawn: --balance and --alpha here show
what the options of the same names of the training do, and change nothing in the data-bin.

Records for fine-tuning take tokenizer and dictionary over: mclas prepare --like DATA_BIN.
"""

_EXAMPLE = """\
example:
  mclas prepare-text --text en=en.txt.xz de=de.txt.xz zh=zh.txt.xz --vocab-size 16000 \\
      --out data-bin/text --plot shares.png
  fairseq-train data-bin/text --user-dir mclas_fairseq --task glm_pretraining --arch glm_small \\
      --criterion glm_cross_entropy --optimizer adam --adam-betas '(0.9, 0.98)' --lr 5e-4 \\
      --lr-scheduler polynomial_decay --warmup-updates 500 --total-num-update 10000 \\
      --clip-norm 1.0 --batch-size 16 --max-update 10000 --save-dir checkpoints/glm

  mclas prepare-text --text en=en.txt.xz de=de.txt.xz --out data-bin/text --executor slurm \\
      --executor-options time=04:00:00 partition=cpu
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of the subcommand."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    _add_text_arguments(parser.add_argument_group("text"))
    _add_tokenizer_arguments(parser.add_argument_group("tokenizer"))
    _add_shares_arguments(parser.add_argument_group("table of shares"))
    add_output_arguments(parser.add_argument_group("output"))
    _add_shard_arguments(parser.add_argument_group("shards, in OUT.work until all is done"))


def _add_shard_arguments(group: argparse._ArgumentGroup) -> None:
    add_execution_arguments(group, default=None, work="tokenised")
    group.add_argument(
        "--shard-documents",
        type=int,
        default=_SHARD,
        metavar="N",
        help="documents of a shard (default: %(default)s)",
    )


def _add_text_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--text",
        nargs="+",
        action="extend",
        required=True,
        metavar="LANG=FILE",
        help="files of raw text, each with its language; a language can have several",
    )
    group.add_argument(
        "--documents",
        choices=["empty-lines", "lines"],
        default="empty-lines",
        help="what ends a document: an empty line, or each line (default: empty-lines)",
    )
    group.add_argument(
        "--valid-share",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="share of the documents of each language that validation gets, chosen by their text"
        " (default: 0.01)",
    )


def _add_tokenizer_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--vocab-size",
        type=int,
        default=16000,
        metavar="N",
        help="pieces, 256 for single bytes among them (default: 16000)",
    )
    group.add_argument(
        "--tokenizer-bytes",
        type=int,
        default=2_000_000,
        metavar="N",
        help="bytes of each language that the tokenizer learns from (default: 2000000)",
    )


def _add_shares_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--balance",
        choices=[curve.value for curve in Balance],
        default=Balance.SEMILOG.value,
        help="curve that sizes are put on, see docs/glm.md (default: %(default)s)",
    )
    group.add_argument(
        "--alpha",
        type=float,
        default=ALPHA,
        metavar="A",
        help="exponent of the sizes after that, 0 (all alike) to 1 (default: %(default)s)",
    )
    group.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the shares before and after (PNG)"
    )


def run(args: argparse.Namespace) -> int:
    """Make the data-bin and print the table."""
    from mclas_fairseq.binarize.prepare_text import TextOptions, prepare_text
    from mclas_fairseq.binarize.raw_text import Documents
    from mclas_fairseq.mglm.shares import Shares, plot_shares
    from mclas_fairseq.mglm.symbols import ENTRIES

    options = TextOptions(
        texts=_texts(args.text),
        out=args.out,
        commands=tuple(ENTRIES.values()),
        documents=Documents(args.documents),
        valid_share=args.valid_share,
        vocab_size=args.vocab_size,
        tokenizer_bytes=args.tokenizer_bytes,
        workers=args.workers,
        overwrite=args.overwrite,
    )
    _check_executor(args)
    balance = Balance(args.balance)
    Shares.of(dict.fromkeys(options.texts, 1), balance, alpha=args.alpha)  # refuses a wrong alpha
    reports = prepare_text(options) if args.executor is None else _in_shards(args, options)
    for report in reports:
        print(
            f"{report.language}: {report.documents['train']:,} documents, "
            f"{report.tokens['train']:,} tokens ({report.bytes_spelled:.2%} bytes); validation: "
            f"{report.documents['valid']:,}, {report.tokens['valid']:,}; {report.entries:,} entries"
        )
    sizes = {report.language: report.tokens["train"] for report in reports}
    shares = Shares.of(sizes, balance, alpha=args.alpha)
    for line in shares.lines():
        print(line)
    if args.plot is not None:
        plot_shares(shares, args.plot)
    print(
        f"next: fairseq-train {args.out} --user-dir mclas_fairseq --task glm_pretraining "
        "--arch glm_small --criterion glm_cross_entropy, see mclas prepare-text --help"
    )
    return 0


def _check_executor(args: argparse.Namespace) -> None:
    """Refuse flags for shards where there are none."""
    given = {
        "--executor-options": args.executor_options,
        "--time-limit": args.time_limit is not None,
        "--retries": args.retries != RETRIES,
        "--shard-documents": args.shard_documents != _SHARD,
    }
    found = [flag for flag, value in given.items() if value]
    if args.executor is None and found:
        raise ConfigError(
            f"{found[0]}: it is for shards, but there are none without --executor; give --executor"
            " local, or leave it out"
        )


def _in_shards(args: argparse.Namespace, options: "TextOptions") -> "list[LanguageReport]":
    for module in ("datatrove", "orjson"):
        require(module, extra="roundtrip", purpose="mclas prepare-text --executor")
    from mclas_fairseq.binarize.text_shards import Sharding, prepare_text_in_shards

    return prepare_text_in_shards(options, Sharding(execution_of(args), args.shard_documents))


def _texts(given: list[str]) -> dict[str, tuple[Path, ...]]:
    texts: dict[str, tuple[Path, ...]] = {}
    for one in given:
        language, equals, file = one.partition("=")
        if not (language and equals and file):
            raise ConfigError(
                f"--text {one}: must name a language and a file of it, as in de=de.txt; correct it"
            )
        texts[language] = (*texts.get(language, ()), Path(file))
    return texts

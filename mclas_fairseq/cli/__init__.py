"""The `mclas` command: what fairseq has no command for.

Each subcommand is one module with `NAME`, `HELP`, `add_arguments(parser)`, `run(args)`. `OUTPUTS`
names the arguments that say where it writes; `ALL_OR_NONE` is true of one whose files get their
names together. One that works without fairseq says so by `NEEDS_FAIRSEQ`, False or the name of the
option that needs it.

Errors end here, in one line that names the file or flag: those of the user's (`MclasError`), and
what is left, for which `--debug` shows the traceback.
"""

import argparse
import importlib
import io
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Protocol, cast

import mclas_fairseq
from mclas_fairseq.cli.parts.places import check_places, input_names
from mclas_fairseq.cli.parts.stopping import Terminated, ended_by_sigterm
from mclas_fairseq.corpus.writing import all_or_none
from mclas_fairseq.errors import MclasError

COMMANDS = (
    "convert",
    "roundtrip",
    "prepare",
    "prepare-text",
    "train",
    "synthetic",
    "extract",
    "summarize",
    "label",
    "pipeline",
    "score",
    "transfer",
    "human",
    "report",
    "latents",
    "lexicon",
    "average",
    "extend",
    "trim",
    "heads",
    "export",
    "serve",
    "doctor",
)

_DESCRIPTION = """\
Cross-lingual summarization for fairseq.

The way from a spreadsheet to a model that one can hand on:

  mclas convert       files of one's own (CSV, JSON, Parquet, text) to records, split in three
  mclas prepare       records (JSON lines) to a data-bin
  mclas train         a data-bin to checkpoints: fairseq-train with a preset
  mclas average       the mean of several checkpoints, often a little better than each
  mclas summarize     text or records to summaries
  mclas score         ROUGE with a named protocol and intervals, statistics, a page of errors
  mclas report        did it learn: beside summaries that need no summarizer
  mclas export        a folder with all that mclas summarize --model and the Python API need
  mclas serve         the same over HTTP, with a page to try it

Beside it: mclas prepare-text makes a data-bin of raw text to pretrain on and mclas transfer scores
what came of it in other languages, mclas synthetic makes a corpus to try it on, mclas roundtrip a
cross-lingual corpus from a monolingual one, mclas pipeline summarizes with a translator's help,
mclas human asks annotators, mclas extend adds a language, mclas trim drops what a model does not
need, mclas heads takes attention heads out of it, mclas latents asks whether latent variables
matter, mclas label gives words their parts of speech or entities, mclas lexicon learns which pieces
translate one another, and mclas extract reads the log of fairseq-generate. Names of fairseq (--task
cross_lingual_summarization) work in its own commands with --user-dir. mclas COMMAND --help shows
every option with an example.
"""


class Command(Protocol):
    """What a module of this package offers."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add options, description and an example."""

    def run(self, args: argparse.Namespace) -> int:
        """Do the work; return the exit code."""


def build_parser() -> argparse.ArgumentParser:
    """The parser of `mclas` with all subcommands."""
    parser = argparse.ArgumentParser(
        prog="mclas",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=mclas_fairseq.__version__)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        command = cast(
            Command, importlib.import_module(f"mclas_fairseq.cli.{name.replace('-', '_')}")
        )
        takes_more = getattr(command, "TAKES_MORE", False)  # flags of the program that it runs
        subparser = subparsers.add_parser(
            command.NAME,
            help=command.HELP,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=not takes_more,
        )
        command.add_arguments(subparser)
        if not takes_more:
            _add_debug(subparser)
        subparser.set_defaults(
            run=command.run,
            takes_more=takes_more,
            flags=dict(_flags(subparser)),
            outputs=getattr(command, "OUTPUTS", ()),
            all_or_none=getattr(command, "ALL_OR_NONE", False),
            needs_fairseq=getattr(command, "NEEDS_FAIRSEQ", True),
        )
    return parser


def _add_debug(parser: argparse.ArgumentParser) -> None:
    """Add `--debug` to a command, or to each of its own subcommands."""
    nested = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    for action in nested:
        for subparser in action.choices.values():
            _add_debug(subparser)
    if not nested:
        parser.add_argument("--debug", action="store_true", help="show where an error was met")


def _flags(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Name of each argument and the flag that gives it, of a command and its own subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from _flags(subparser)
        elif action.option_strings:
            yield action.dest, action.option_strings[-1]


def _log_to_stderr() -> None:
    logging.basicConfig(
        format="%(asctime)s | %(levelname)s | %(name)s | %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        level=logging.INFO,
        stream=sys.stderr,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `mclas` command.

    Returns:
        The exit code: 0 done, 1 a check said no, 2 an error that the user can mend, 130 stopped by
        Ctrl-C, 143 by SIGTERM.
    """
    parser = build_parser()
    args, more = parser.parse_known_args(argv)
    args.more = more
    if args.more and not args.takes_more:
        parser.error(f"unrecognized arguments: {' '.join(args.more)}")
    debug = getattr(args, "debug", False)
    try:
        _speak_utf8()
        check_places(args, args.outputs)
        needs = args.needs_fairseq
        if needs is True or (needs and getattr(args, needs) is not None):
            # Before logs are shown: fairseq's import has much to tell.
            mclas_fairseq.register_for_program()
        _log_to_stderr()
        names = all_or_none() if args.all_or_none else nullcontext()
        with ended_by_sigterm(), names:
            return int(args.run(args))
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Terminated:
        print(f"mclas {args.command}: stopped by SIGTERM", file=sys.stderr)
        return 143
    except KeyboardInterrupt:
        print(f"mclas {args.command}: stopped", file=sys.stderr)
        return 130
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(f"mclas {args.command}: error: {_message(error, args)}", file=sys.stderr)
        return 2


def _speak_utf8() -> None:
    """Write UTF-8 whatever the locale, as to files; standard error takes whatever there is."""
    for stream, errors in ((sys.stdout, "strict"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


def _message(error: Exception, args: argparse.Namespace) -> str:
    """One line about an error, with the file that it is about where that is known."""
    if isinstance(error, MclasError):
        return str(error)
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, OSError) and error.filename is not None:
        what = f"{os.fsdecode(error.filename)}: {error.strerror}"
    elif names := input_names(args, args.outputs):
        what = f"{', '.join(names)}: something in it cannot be used ({what})"
    lines = " ".join(what.split())
    return f"{lines}; check the input, and add --debug to see where it was met"

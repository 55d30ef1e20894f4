"""`mclas train`: fairseq-train with the plugin, the task and a preset filled in."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

NAME = "train"
HELP = "fairseq-train with the settings of a preset filled in"
NEEDS_FAIRSEQ = False  # the program that it becomes does
TAKES_MORE = True

_DESCRIPTION = """\
Run fairseq-train on a data-bin with --user-dir, --task and the settings of a preset filled in. The
command is printed before it runs, so that it can be kept, or changed and typed by hand.

Everything that fairseq-train takes may follow; a flag given here wins over the preset's. Of
fairseq's own tasks, models and criterions only those for translating text are known here, so that
training begins sooner; fairseq-train --user-dir knows them all.

What the presets leave to you:
  --target-layout L    mclas (default): both summaries, for records that have both; ncls: the one in
                       the target language; ms: the one in the document's language;
                       ncls_ms: both, by two decoders (with --arch ncls_ms_tiny, ...)
  --task multitask_summarization --arch vhm_tiny --criterion vhm_elbo
                       translation and both summarizations, for a data-bin made with --task-tags
  --target-lang CODE   which one, if the data-bin has several
  --save-dir DIR       where checkpoints go (default: checkpoints)
  --cpu                train without a GPU, slowly
  --max-update N, --max-epoch N, --stop-time-hours H   an earlier end; --seed N: another run

checkpoint_best.pt is the best on validation data, checkpoint_last.pt the newest: the same command
goes on from there if it was stopped.

Presets (their files, which say where their values come from: --show):
  tiny-data    about 500 triples
  small-data   about 2,000 triples
  paper        about 20,000 triples and more, sizes as in the paper
"""

_EPILOG = """\
examples:
  mclas train data-bin --preset small-data --target-layout mclas --save-dir checkpoints --cpu
  mclas train data-bin --preset mine.toml --save-dir checkpoints --max-update 500 --seed 2
  mclas train --preset small-data --show > mine.toml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas train`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument("data", nargs="?", metavar="DATA_BIN", help="what mclas prepare wrote")
    parser.add_argument(
        "--preset",
        required=True,
        metavar="NAME|FILE",
        help="tiny-data, small-data, paper, or a .toml file of your own",
    )
    parser.add_argument("--show", action="store_true", help="print the preset's file and stop")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the fairseq-train command and stop"
    )


def command(data: str, preset: str, more: Sequence[str]) -> list[str]:
    """The words of the fairseq-train command.

    Raises:
        ConfigError: there is no such preset, or it cannot be read.
    """
    import mclas_fairseq
    from mclas_fairseq.presets import flags, load_preset

    plugin = mclas_fairseq.__path__[0]
    words = ["fairseq-train", data, "--user-dir", plugin, "--task", "cross_lingual_summarization"]
    return [*words, *flags(load_preset(preset).train), *_at_the_last_epoch(more), *more]


def _at_the_last_epoch(more: Sequence[str]) -> list[str]:
    """Flags that validate and save at the end of the last epoch.

    fairseq does neither when it ends by `--max-epoch` unless an interval of epochs says so, and
    presets count updates: what was learned since the last interval would be lost.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--max-epoch", nargs="?", const="", default="")
    last = parser.parse_known_args(more)[0].max_epoch
    if not last.isdecimal() or int(last) == 0:  # none, or what fairseq-train has a word on
        return []
    return ["--validate-interval", last, "--save-interval", last]


def run(args: argparse.Namespace) -> int:
    """Print the command, and become it."""
    from mclas_fairseq.errors import ConfigError
    from mclas_fairseq.presets import load_preset

    if args.show:
        print(load_preset(args.preset).path.read_text(encoding="utf-8"), end="")
        return 0
    if args.data is None:
        raise ConfigError("DATA_BIN: must be given, but is not; it is what mclas prepare wrote")
    words = command(args.data, args.preset, args.more)
    print(shlex.join(words), flush=True)
    if args.dry_run:
        return 0
    # One process, so that signals and the exit code are fairseq's own. -P: with -m alone, Python
    # would look for modules in the folder that the command runs in, and run what it finds there.
    program = ["-P", "-m", "mclas_fairseq.cli.parts.training"]
    os.execv(sys.executable, [sys.executable, *program, *words[1:]])

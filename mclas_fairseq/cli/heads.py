"""`mclas heads`: attention heads (see `mclas_fairseq.heads`); an action is a file of `parts/`."""

import argparse
from typing import Protocol, cast

from mclas_fairseq.cli.parts import heads_probe, heads_prune, heads_rank

NAME = "heads"
HELP = "attention heads: what they do, which matter, and models without those that do not"
OUTPUTS = ("out", "csv", "plot", "sweep")

_DESCRIPTION = """\
Attention heads: what they do, which of them matter, and models without those that do not.

  mclas heads probe   which heads translate, summarize or look at neighbours
  mclas heads rank    how much the loss hangs on each head
  mclas heads prune   write a checkpoint without some of its heads
"""

_EXAMPLE = """\
example:
  mclas heads probe --checkpoint run/checkpoint_best.pt --data data-bin/news --out heads
  mclas heads rank --checkpoint run/checkpoint_best.pt --data data-bin/news --csv heads.csv
  mclas heads prune --checkpoint run/checkpoint_best.pt --ranking heads.csv -k 4 --out pruned.pt
"""


class _Action(Protocol):
    """What the file of an action has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add options, description and example."""

    def run(self, args: argparse.Namespace) -> int:
        """Do the work; return the exit code."""


_ACTIONS = {
    "probe": ("what each head of the decoder does", heads_probe),
    "rank": ("how much each head matters", heads_rank),
    "prune": ("take heads out of a checkpoint", heads_prune),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `mclas heads`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (told, module) in _ACTIONS.items():
        own = actions.add_parser(
            name, help=told, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        cast(_Action, module).add_arguments(own)


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    return cast(_Action, _ACTIONS[args.action][1]).run(args)

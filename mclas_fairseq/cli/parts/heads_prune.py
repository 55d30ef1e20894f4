"""`mclas heads prune`: checkpoints without some of their heads."""

import argparse
from pathlib import Path
from typing import Any

from mclas_fairseq.errors import ConfigError

_DESCRIPTION = """\
Write a checkpoint in which attention heads are gone: their rows and columns are cut out of its
weights, any number of heads of any layer. The result loads as any other checkpoint does: for
fairseq-generate, mclas summarize, average, export, trim, and for fairseq-train
--finetune-from-model, which then trains the smaller model. It has no state of an optimizer.

A head's name says where it is and which it is: encoder.0.self.3 is head 3 of the first encoder
layer, decoder.2.cross.0 looks at the document, decoder.2.self.0 at what is written so far;
ms_decoder.0.self.1 is of the second decoder of ncls_ms. What is left keeps its name.
"""

_EXAMPLE = """\
example:
  mclas heads prune --checkpoint run/checkpoint_best.pt --ranking heads.csv -k 4 --out run/less.pt
  mclas heads prune --checkpoint run/checkpoint_best.pt --out run/pruned.pt \\
      --heads encoder.0.self.3 decoder.1.cross.0
  fairseq-train data-bin/news --finetune-from-model run/pruned.pt ...
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas heads prune`."""
    parser.description, parser.epilog = _DESCRIPTION, _EXAMPLE
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, metavar="FILE", help="the checkpoint")
    add("--out", type=Path, required=True, metavar="FILE", help="checkpoint to write")
    add("--heads", nargs="+", default=[], metavar="NAME",
        help="heads to take out, apart or with commas between")  # fmt: skip
    add("--ranking", type=Path, metavar="FILE",
        help="or the least important ones, by what mclas heads rank wrote of it")  # fmt: skip
    add("-k", type=int, metavar="N", help="with --ranking: how many")
    add("--language", default="all", metavar="LANG",
        help="with --ranking: by importance for summaries in it (default: all)")  # fmt: skip
    add("--overwrite", action="store_true", help="replace the file if it exists already")


def run(args: argparse.Namespace) -> int:
    """Take heads out."""
    from mclas_fairseq.checkpoints.averaging import write_checkpoint
    from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
    from mclas_fairseq.heads.slicing import prune_state

    _check_output(args)
    if bool(args.heads) == (args.ranking is not None) or (args.k is None) != (args.ranking is None):
        raise ConfigError(
            "mclas heads prune: needs heads to take out, by name (--heads) or by a ranking"
            " (--ranking FILE -k N), but has none, both, or a half; give one of the two"
        )
    state = load_checkpoint(args.checkpoint)
    names = _names(args, state)
    pruned = prune_state(args.checkpoint, state, names)
    write_checkpoint(args.out, pruned)
    print(_gain(args.out, names, state, pruned))
    return 0


def _names(args: argparse.Namespace, state: dict[str, Any]) -> list[str]:
    if args.ranking is None:
        return [name for word in args.heads for name in word.split(",") if name]
    from mclas_fairseq.heads.ranking import Ranking

    ranking = Ranking.load(args.ranking)
    ranking.check_checkpoint(args.ranking, args.checkpoint, state)
    return ranking.lowest(args.k, args.language)


def _check_output(args: argparse.Namespace) -> None:
    if args.out.exists() and not args.overwrite:
        raise ConfigError(
            f"--out: must not exist yet, but {args.out} does; choose another name, or give"
            " --overwrite to replace it"
        )


def _gain(out: Path, names: list[str], before: dict[str, Any], after: dict[str, Any]) -> str:
    sizes = [sum(value.numel() for value in state["model"].values()) for state in (before, after)]
    return f"{out}: without {len(names)} heads, {sizes[1]:,} values (before {sizes[0]:,})"

"""`mclas average`: the mean of checkpoints (see `mclas_fairseq.checkpoints.averaging`)."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mclas_fairseq.corpus.output import check_apart
from mclas_fairseq.errors import ConfigError

NAME = "average"
HELP = "average the weights of several checkpoints of one training"
OUTPUTS = ("out",)

_DESCRIPTION = """\
Write a checkpoint whose weights are the mean of those of several checkpoints of one training: the
last N, the best N on validation data, or those that are named. Such a mean often decodes a little
better than each of them, and costs no training.

The result is a checkpoint like the others: for fairseq-generate, mclas summarize and
fairseq-train --finetune-from-model. It has no state of an optimizer, so training cannot be resumed
from it.

--best goes by the score that fairseq-train validated (--best-checkpoint-metric) and by its
direction (--maximize-best-checkpoint-metric), both as the checkpoints themselves have them.
Train with --keep-best-checkpoints N to have N of them, or with --save-interval-updates U
--keep-interval-updates N for the last N.
"""

_EXAMPLE = """\
example:
  mclas average --folder checkpoints/mclas --last 5 --out checkpoints/mclas/average.pt
  mclas average --folder checkpoints/mclas --best 3 --out checkpoints/mclas/average-best.pt
  mclas average --inputs run/checkpoint_4_400.pt run/checkpoint_5_500.pt --out run/average.pt
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas average`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    parser.add_argument(
        "--inputs", type=Path, nargs="+", default=[], metavar="FILE", help="the checkpoints"
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="or the folder that they are chosen from"
    )
    parser.add_argument(
        "--last", type=int, metavar="N", help="with --folder: those with the most updates"
    )
    parser.add_argument(
        "--best", type=int, metavar="N", help="with --folder: those with the best validation score"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="checkpoint to write"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the file if it exists already"
    )


def run(args: argparse.Namespace) -> int:
    """Choose, average, write, and say what the average is made of."""
    from mclas_fairseq.checkpoints.averaging import average_checkpoints, write_checkpoint
    from mclas_fairseq.checkpoints.selection import best_of, last_of, named

    _check_flags(args)
    if args.inputs:
        chosen = named(args.inputs)
    elif args.last is not None:
        chosen = last_of(args.folder, args.last)
    else:
        chosen = best_of(args.folder, args.best)
    _check_output(args.out, chosen.paths, overwrite=args.overwrite)
    state = average_checkpoints(chosen.paths)
    write_checkpoint(args.out, state)
    for line in chosen.lines:
        print(line)
    weights = sum(value.numel() for value in state["model"].values())
    print(f"{args.out}: the mean of {len(chosen.paths)} checkpoints, {weights:,} values")
    return 0


def _check_flags(args: argparse.Namespace) -> None:
    if bool(args.inputs) == (args.folder is not None):
        raise ConfigError(
            "mclas average: needs the checkpoints by name (--inputs) or a folder (--folder), but"
            f" has {'both' if args.inputs else 'neither'}; give one of the two"
        )
    chosen = [flag for flag in ("last", "best") if getattr(args, flag) is not None]
    if args.inputs and chosen:
        raise ConfigError(
            f"--{chosen[0]}: chooses from a --folder, but --inputs names the checkpoints; leave"
            " out one of the two"
        )
    if args.folder is not None and len(chosen) != 1:
        raise ConfigError(
            "--folder: needs --last N or --best N to choose from it, but has"
            f" {'both' if chosen else 'neither'}; give one of the two"
        )


def _check_output(out: Path, inputs: Sequence[Path], *, overwrite: bool) -> None:
    check_apart([("--out", out)], [("a checkpoint that is averaged", path) for path in inputs])
    if out.exists() and not overwrite:
        raise ConfigError(
            f"--out: must not exist yet, but {out} does; choose another name, or give --overwrite"
            " to replace it"
        )

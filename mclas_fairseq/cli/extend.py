"""`mclas extend`: grows a checkpoint to an extended dictionary (see `checkpoints/extending.py`)."""

import argparse
from pathlib import Path

NAME = "extend"
HELP = "grow a checkpoint to a dictionary that a language was added to"
OUTPUTS = ("out",)

_DESCRIPTION = """\
Grow a checkpoint to the dictionary of a data-bin that mclas prepare --like ... --extend ... made:
the rows of its embeddings stay as they are, rows for the added pieces follow, and the result loads
with that data-bin. A new row is the mean of the rows of the pieces that its text was cut into
before; where those were unknown, as with a new script, it is drawn like the earlier rows are
distributed.

Before any further training the result gives for the earlier languages, under --restrict-vocab both
(the default), what the checkpoint gave. With --copy-attention or --translated-copying that cannot
be promised: new pieces take probability from words that are generated, not from those that are
copied, so that scores move, and summaries may. Nor can it without the restriction.

The result has no state of an optimizer: go on with fairseq-train --finetune-from-model.
"""

_EXAMPLE = """\
example:
  mclas prepare --source-lang en --target-lang zh --like data-bin/en-de --extend zh \\
      --train zh/train.jsonl --valid zh/valid.jsonl --out data-bin/en-zh
  mclas extend --checkpoint checkpoints/en-de/checkpoint_best.pt --data data-bin/en-zh \\
      --out checkpoints/en-zh/start.pt
  fairseq-train data-bin/en-zh --user-dir mclas_fairseq --task cross_lingual_summarization \\
      --finetune-from-model checkpoints/en-zh/start.pt ...
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas extend`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    parser.add_argument(
        "--checkpoint", type=Path, required=True, metavar="FILE", help="the checkpoint to grow"
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="data-bin made with mclas prepare --like ... --extend ...",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="checkpoint to write"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="S", help="of the rows that are drawn (default: 1)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the file if it exists already"
    )


def run(args: argparse.Namespace) -> int:
    """Grow the checkpoint, write it, and say what was done."""
    from mclas_fairseq.checkpoints.averaging import write_checkpoint
    from mclas_fairseq.checkpoints.extending import extend_checkpoint
    from mclas_fairseq.data.data_bin import DataBin
    from mclas_fairseq.errors import ConfigError

    if args.out.resolve() == args.checkpoint.resolve():
        raise ConfigError(
            f"--out: must not be the checkpoint itself, but is {args.out}; choose another name"
        )
    if args.out.exists() and not args.overwrite:
        raise ConfigError(
            f"--out: must not exist yet, but {args.out} does; choose another name, or give"
            " --overwrite to replace it"
        )
    data_bin = DataBin.open(args.data)
    extended = extend_checkpoint(args.checkpoint, data_bin, seed=args.seed)
    write_checkpoint(args.out, extended.state)
    print(
        f"{args.out}: a dictionary of {len(data_bin.dictionary):,}; {extended.earlier:,} rows as"
        f" they were, {extended.averaged:,} the mean of earlier ones, {extended.drawn:,} drawn"
    )
    print(f"grown: {', '.join(extended.tensors)}")
    print("without the optimizer's state: train on with --finetune-from-model")
    return 0

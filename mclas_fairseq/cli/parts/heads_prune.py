"""`mclas heads`: attention heads (see `mclas_fairseq.heads`)."""

import argparse
from pathlib import Path
from typing import Any

from mclas_fairseq.errors import ConfigError

NAME = "heads"
HELP = "attention heads: which matter, and models without those that do not"
OUTPUTS = ("out", "csv", "plot")

_ESTIMATORS = ("gate", "gate-token", "kv-weight", "kv-weight-literal", "leave-one-out")

_DESCRIPTION = """\
Attention heads: which of them matter, and models without those that do not.

  mclas heads rank    how much the loss hangs on each head
  mclas heads prune   write a checkpoint without some of its heads
"""

_PRUNE_DESCRIPTION = """\
Write a checkpoint in which attention heads are gone: their rows and columns are cut out of its
weights, any number of heads of any layer. The result loads as any other checkpoint does: for
fairseq-generate, mclas summarize, average, export, trim, and for fairseq-train
--finetune-from-model, which then trains the smaller model. It has no state of an optimizer.

A head's name says where it is and which it is: encoder.0.self.3 is head 3 of the first encoder
layer, decoder.2.cross.0 looks at the document, decoder.2.self.0 at what is written so far;
ms_decoder.0.self.1 is of the second decoder of ncls_ms. What is left keeps its name.
"""

_RANK_DESCRIPTION = """\
Estimate how much the loss of a checkpoint hangs on each of its heads, and write a ranking: a CSV
with the least important head first, from 0 to 1, for all summaries and for those of each language.

--estimator gate               the sum over documents of |dL/dgate|, a gate on what a head gives
            gate-token         the same of each position alone
            kv-weight          mean |dL/dW| of the head's key and value projections
            kv-weight-literal  as the released code of Ma et al. (2021) has it, which cuts columns
                               that are no heads; to compare, not to prune by
            leave-one-out      the loss without the head less that with it: a pass for each head

The heads of an attention are divided by their sum (--norm l1) or root of squares (l2) before all
are compared. Printed beside it: Spearman's rho between the languages, with its p value (random
pairings of heads) and its ceiling (rho between halves of the documents).
"""

_RANK_EXAMPLE = """\
example:
  mclas heads rank --checkpoint run/checkpoint_best.pt --data data-bin/news --csv heads.csv \\
      --plot heads.png
  mclas heads prune --checkpoint run/checkpoint_best.pt --ranking heads.csv -k 4 --out pruned.pt
"""

_PRUNE_EXAMPLE = """\
example:
  mclas heads prune --checkpoint run/checkpoint_best.pt --ranking heads.csv -k 4 --out run/less.pt
  mclas heads prune --checkpoint run/checkpoint_best.pt --out run/pruned.pt \\
      --heads encoder.0.self.3 decoder.1.cross.0
  fairseq-train data-bin/news --finetune-from-model run/pruned.pt ...
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands of `mclas heads`."""
    parser.description = _DESCRIPTION
    parser.epilog = _RANK_EXAMPLE
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    raw = argparse.RawDescriptionHelpFormatter
    rank = actions.add_parser("rank", help="how much each head matters", formatter_class=raw)
    _add_rank(rank)
    prune = actions.add_parser("prune", help="take heads out of a checkpoint", formatter_class=raw)
    _add_prune(prune)


def _add_rank(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = _RANK_DESCRIPTION, _RANK_EXAMPLE
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, metavar="FILE", help="the checkpoint")
    add("--data", type=Path, required=True, metavar="DIR", help="data-bin of its training")
    add("--csv", type=Path, required=True, metavar="FILE", help="ranking to write")
    add("--plot", type=Path, metavar="FILE", help="picture to write (PNG)")
    add("--split", default="valid", help="of the data-bin (default: valid)")
    add("--documents", type=int, default=1000, metavar="N",
        help="at most N, spread evenly over the lengths, 0: all (default: 1000)")  # fmt: skip
    add("--batch-size", type=int, default=16, metavar="N", help="documents (default: 16)")
    add("--estimator", default="gate", choices=_ESTIMATORS, help="see above (default: gate)")
    add("--norm", default="l1", choices=("l1", "l2", "none"), help="see above (default: l1)")
    add("--leave-one-out", action="store_true",
        help="print rho of the estimator with leave-one-out, which it estimates")  # fmt: skip


def _add_prune(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = _PRUNE_DESCRIPTION, _PRUNE_EXAMPLE
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
    """Rank, or take heads out."""
    return _rank(args) if args.action == "rank" else _prune(args)


def _rank(args: argparse.Namespace) -> int:
    from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
    from mclas_fairseq.corpus.writing import open_whole
    from mclas_fairseq.heads.heat_map import draw_ranking
    from mclas_fairseq.heads.importance import make_ranking
    from mclas_fairseq.heads.slicing import weights_fingerprint
    from mclas_fairseq.inference.loading import load_checkpoints

    system = load_checkpoints([args.checkpoint], args.data)
    rows = _measured(args, system, args.estimator)
    fingerprint = weights_fingerprint(load_checkpoint(args.checkpoint)["model"])
    ranking = make_ranking(system.models[0], rows, fingerprint, args.estimator, args.norm)
    ranking.save(args.csv)
    if args.plot is not None:
        with open_whole(args.plot) as stream:
            figure = draw_ranking(ranking)
            figure.savefig(stream, format="png", dpi=120, metadata={"Software": None})
    for line in _agreements(args, system, rows):
        print(line)
    order = ranking.least_first()
    print(f"{args.csv}: {len(order)} heads, the least important {order[0]}, the most {order[-1]}")
    return 0


def _measured(args: argparse.Namespace, system: Any, estimator: str) -> Any:
    from mclas_fairseq.heads.importance import measure
    from mclas_fairseq.heads.losses import batches

    found = batches(system.task, args.split, documents=args.documents, batch_size=args.batch_size)
    return measure(system.task, system.models[0], found, estimator)


def _agreements(args: argparse.Namespace, system: Any, rows: Any) -> list[str]:
    """Lines about rho between languages, of halves of the documents, with leave-one-out."""
    from mclas_fairseq.heads.agreement import agreement, split_half
    from mclas_fairseq.heads.importance import importance_of

    make = importance_of(system.models[0], args.norm)
    names = [name for name in rows if name != "all"]
    lines = []
    for number, first in enumerate(names):
        for second in names[number + 1 :]:
            means = [make(rows[name].mean(0)) for name in (first, second)]
            lines.append(agreement((first, second), means[0], means[1]).line())
    for name in rows:
        lines.append(f"halves of the documents, {name}: {split_half(rows[name], make):.3f}")
    if args.leave_one_out:
        left_out = _measured(args, system, "leave-one-out")
        for name in rows:
            means = [make(one[name].mean(0)) for one in (rows, left_out)]
            pair = (f"{args.estimator} ({name})", "leave-one-out")
            lines.append(agreement(pair, means[0], means[1]).line())
    return lines


def _prune(args: argparse.Namespace) -> int:
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
    from mclas_fairseq.heads.slicing import weights_fingerprint

    ranking = Ranking.load(args.ranking)
    fingerprint = weights_fingerprint(state["model"])
    if ranking.checkpoint != fingerprint:
        raise ConfigError(
            f"--ranking {args.ranking}: must be of {args.checkpoint} ({fingerprint[:12]}), but is"
            f" of other weights ({ranking.checkpoint[:12]}); rank the heads of this checkpoint"
        )
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

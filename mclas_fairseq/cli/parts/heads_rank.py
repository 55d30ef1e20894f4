"""`mclas heads rank`: how much the loss hangs on each head."""

import argparse
from pathlib import Path
from typing import Any

from mclas_fairseq.cli.parts.heads_system import load_system

_ESTIMATORS = ("gate", "gate-token", "kv-weight", "kv-weight-literal", "leave-one-out")

_DESCRIPTION = """\
Estimate how much the loss of a checkpoint hangs on each of its heads, and write a ranking: a CSV
with the least important head first, from 0 to 1, for all summaries and for those of each language.
Of a labeller (--task sequence_labelling) it is for the sentences of all languages and of each one.

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

_EXAMPLE = """\
example:
  mclas heads rank --checkpoint run/checkpoint_best.pt --data data-bin/news --csv heads.csv \\
      --plot heads.png
  mclas heads prune --checkpoint run/checkpoint_best.pt --ranking heads.csv -k 4 --out pruned.pt
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas heads rank`."""
    parser.description, parser.epilog = _DESCRIPTION, _EXAMPLE
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, metavar="FILE", help="the checkpoint")
    add("--data", type=Path, required=True, metavar="DIR", help="data-bin of its training")
    add("--csv", type=Path, required=True, metavar="FILE", help="ranking to write")
    add("--plot", type=Path, metavar="FILE", help="picture to write (PNG)")
    add("--split", default="valid", help="of the data-bin (default: valid)")
    add("--langs", metavar="LANG[,LANG...]",
        help="of a labeller: sentences of these languages alone (default: all of the"
        " split)")  # fmt: skip
    add("--documents", type=int, default=1000, metavar="N",
        help="at most N (sentences of a labeller: N of each language), spread evenly over the"
        " lengths, 0: all (default: 1000)")  # fmt: skip
    add("--batch-size", type=int, default=16, metavar="N", help="documents (default: 16)")
    add("--estimator", default="gate", choices=_ESTIMATORS, help="see above (default: gate)")
    add("--norm", default="l1", choices=("l1", "l2", "none"), help="see above (default: l1)")
    add("--merge", action="store_true",
        help="add what is merged of the languages' rankings: all-sum, the sum of their importance;"
        " all-ranks, the mean of their ranks (all: the importance on all examples)")  # fmt: skip
    add("--leave-one-out", action="store_true",
        help="print rho of the estimator with leave-one-out, which it estimates")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Measure, write the ranking, and say how it agrees with others."""
    from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
    from mclas_fairseq.corpus.writing import open_whole
    from mclas_fairseq.heads.heat_map import draw_ranking
    from mclas_fairseq.heads.importance import make_ranking
    from mclas_fairseq.heads.slicing import weights_fingerprint

    system = load_system(args.checkpoint, args.data, args.langs)
    rows = _measured(args, system, args.estimator)
    fingerprint = weights_fingerprint(load_checkpoint(args.checkpoint)["model"])
    ranking = make_ranking(
        system[1], rows, fingerprint, args.estimator, args.norm, merge=args.merge
    )
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

    task, model = system
    found = batches(task, args.split, documents=args.documents, batch_size=args.batch_size)
    return measure(task, model, found, estimator)


def _agreements(args: argparse.Namespace, system: Any, rows: Any) -> list[str]:
    """Lines about rho between languages, of halves of the documents, with leave-one-out."""
    from mclas_fairseq.heads.agreement import agreement, split_half
    from mclas_fairseq.heads.importance import importance_of

    make = importance_of(system[1], args.norm)
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

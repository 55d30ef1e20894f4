"""`mclas heads prune`: checkpoints without some of their heads."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mclas_fairseq.cli.parts.heads_system import load_system, task_of
from mclas_fairseq.errors import ConfigError

_DESCRIPTION = """\
Write a checkpoint in which attention heads are gone: their rows and columns are cut out of its
weights, any number of heads of any layer. The result loads as any other checkpoint does: for
fairseq-generate, mclas summarize, label, average, export, trim, and for fairseq-train
--finetune-from-model, which then trains the smaller model. It has no state of an optimizer.

A head's name says where it is and which it is: encoder.0.self.3 is head 3 of the first encoder
layer, decoder.2.cross.0 looks at the document, decoder.2.self.0 at what is written so far;
ms_decoder.0.self.1 is of the second decoder of ncls_ms. What is left keeps its name.

With --ranking, -k says how many of the least important heads go, or --until-loss how much the mean
NLL on a split may rise (nats a token, nothing is trained in between): heads go one by one, and the
last checkpoint within the bound is written.

--sweep DIR asks how many should go when each model is fine-tuned afterwards: it prunes k = 1 to 12
heads and 20 to 90 % of them, fine-tunes each with the flags of --fine-tuning, and measures valid
and test. k is chosen on valid, k = 0 (fine-tuned alike) among the choices; the best of 12 on test,
as Ma et al. (2021) report it, stands beside it. The same is done with the most important heads
first and in random orders. Each run is a row of DIR/sweep.csv, which the same command skips when it
is started again. With --paper-code-compat heads are masked in training steps alone and all of them
are on in evaluation, as in the released code of that paper; beside it stands what each model loses
without these heads.
"""

_EXAMPLE = """\
example:
  mclas heads prune --checkpoint run/checkpoint_best.pt --ranking heads.csv -k 4 --out run/less.pt
  mclas heads prune --checkpoint run/checkpoint_best.pt --out run/pruned.pt \\
      --heads encoder.0.self.3 decoder.1.cross.0
  fairseq-train data-bin/news --finetune-from-model run/pruned.pt ...
  mclas heads prune --checkpoint run/checkpoint_best.pt --ranking heads.csv --data data-bin/news \\
      --until-loss 0.02 --out run/less.pt
  mclas heads prune --checkpoint run/checkpoint_best.pt --ranking heads.csv --data data-bin/news \\
      --sweep sweep --fine-tuning '--target-layout mclas --arch mclas_small --criterion
      summary_cross_entropy --optimizer adam --lr 1e-4 --max-tokens 4096 --max-epoch 3'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas heads prune`."""
    parser.description, parser.epilog = _DESCRIPTION, _EXAMPLE
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, metavar="FILE", help="the checkpoint")
    add("--out", type=Path, metavar="FILE", help="checkpoint to write")
    add("--heads", nargs="+", default=[], metavar="NAME",
        help="heads to take out, apart or with commas between")  # fmt: skip
    add("--ranking", type=Path, metavar="FILE",
        help="or the least important ones, by what mclas heads rank wrote of it")  # fmt: skip
    add("-k", type=int, metavar="N", help="with --ranking: how many")
    add("--language", default="all", metavar="LANG",
        help="with --ranking: by importance for summaries in it, and by their loss (default:"
        " all)")  # fmt: skip
    add("--data", type=Path, metavar="DIR", help="data-bin for --until-loss and --sweep")
    add("--until-loss", type=float, metavar="DELTA",
        help="with --ranking: as many as the loss allows")  # fmt: skip
    add("--split", default="valid", help="for --until-loss (default: valid)")
    add("--documents", type=int, default=1000, metavar="N",
        help="of a split at most N, 0: all (default: 1000)")  # fmt: skip
    add("--batch-size", type=int, default=16, metavar="N", help="documents (default: 16)")
    add("--sweep", type=Path, metavar="DIR", help="with --ranking: folder for the runs")
    add("--fine-tuning", metavar="FLAGS", help="with --sweep: flags of fairseq-train, one argument")
    add("--ks", metavar="K,K", help="with --sweep: numbers of heads (default: see above)")
    add("--paper-code-compat", action="store_true",
        help="with --sweep: mask heads in training alone, as the released code of Ma et al. does,"
        " and say what that changes")  # fmt: skip
    add("--draws", type=int, default=20, metavar="N",
        help="with --sweep: random orders (default: 20)")  # fmt: skip
    add("--seed", type=int, default=1, metavar="N", help="with --sweep: of these (default: 1)")
    add("--overwrite", action="store_true", help="replace the file if it exists already")


def run(args: argparse.Namespace) -> int:
    """Take heads out, or try how many should go."""
    from mclas_fairseq.checkpoints.averaging import write_checkpoint
    from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
    from mclas_fairseq.heads.slicing import prune_state

    _check(args)
    state = load_checkpoint(args.checkpoint)
    if args.sweep is not None:
        return _sweep(args, state)
    names = _names(args, state)
    pruned = prune_state(args.checkpoint, state, names)
    write_checkpoint(args.out, pruned)
    print(_gain(args.out, names, state, pruned))
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what does not go together.

    Raises:
        ConfigError: the flags ask for nothing, for a half, or for two things.
    """
    ways = [args.k is not None, args.until_loss is not None, args.sweep is not None]
    if bool(args.heads) == (args.ranking is not None) or sum(ways) != (args.ranking is not None):
        raise ConfigError(
            "mclas heads prune: needs heads to take out, by name (--heads) or by a ranking"
            " (--ranking FILE with one of -k N, --until-loss DELTA, --sweep DIR), but has none,"
            " both, or a half; give one of the two"
        )
    if (args.out is None) == (args.sweep is None):
        raise ConfigError(
            "mclas heads prune: needs one place to write, --out FILE or --sweep DIR; give one"
        )
    if not (args.k is not None or args.heads) and args.data is None:
        raise ConfigError(
            "--data: must be given with --until-loss and --sweep, which measure the loss, but is"
            " not; give the data-bin of the training"
        )
    if (args.fine_tuning is None) != (args.sweep is None):
        raise ConfigError(
            "--fine-tuning: must be given with --sweep and nowhere else; it takes the flags of"
            " fairseq-train as one argument"
        )
    if args.paper_code_compat and args.sweep is None:
        raise ConfigError(
            "--paper-code-compat: must be given with --sweep, whose trainings it changes; leave it"
            " out, since heads that --out lacks are gone in evaluation, too"
        )
    if args.out is not None and args.out.exists() and not args.overwrite:
        raise ConfigError(
            f"--out: must not exist yet, but {args.out} does; choose another name, or give"
            " --overwrite to replace it"
        )


def _ranking(args: argparse.Namespace, state: dict[str, Any]) -> Any:
    from mclas_fairseq.heads.ranking import Ranking

    ranking = Ranking.load(args.ranking)
    ranking.check_checkpoint(args.ranking, args.checkpoint, state)
    return ranking


def _names(args: argparse.Namespace, state: dict[str, Any]) -> list[str]:
    if args.ranking is None:
        return [name for word in args.heads for name in word.split(",") if name]
    ranking = _ranking(args, state)
    if args.k is not None:
        found: list[str] = ranking.lowest(args.k, args.language)
        return found
    return _until_loss(args, ranking.least_first(args.language))


def _until_loss(args: argparse.Namespace, order: list[str]) -> list[str]:
    from mclas_fairseq.heads.until_loss import most_within

    measure = _loss_of(args, args.checkpoint)
    k, whole, after = most_within(order, lambda names: measure(args.split, names), args.until_loss)
    if k == 0:
        raise ConfigError(
            f"--until-loss {args.until_loss:g}: the least important head alone ({order[0]}) raises"
            " the loss by more, so that nothing would be pruned; give a larger bound"
        )
    print(f"{k} heads: {after:.4f} nats a token ({after - whole:+.4f}), all heads: {whole:.4f}")
    return order[:k]


def _loss_of(args: argparse.Namespace, checkpoint: Path) -> Any:
    """What measures a checkpoint's loss on a split, also without some of its heads."""
    from mclas_fairseq.heads.losses import batches
    from mclas_fairseq.heads.until_loss import mean_loss

    task, model = load_system(checkpoint, args.data)
    model.eval()
    # a merged ranking (all-sum) is judged by the loss of all
    language = "all" if args.language.startswith("all-") else args.language

    def measure(split: str, without: Sequence[str] = ()) -> float:
        sizes = {"documents": args.documents, "batch_size": args.batch_size}
        return mean_loss(task, model, lambda: batches(task, split, **sizes), language, without)

    return measure


def _sweep(args: argparse.Namespace, state: dict[str, Any]) -> int:
    """Do the runs of a sweep that are missing, and print what they say."""
    import mclas_fairseq
    from mclas_fairseq.checkpoints.averaging import write_checkpoint
    from mclas_fairseq.heads import sweep
    from mclas_fairseq.heads.slicing import prune_state
    from mclas_fairseq.heads.sweep_report import table

    ranking = _ranking(args, state)
    order = ranking.least_first(args.language)
    ks = _ks(args.ks) if args.ks else sweep.default_ks(len(order))
    plugin = ["--user-dir", mclas_fairseq.__path__[0], "--task", task_of(state)]

    def prune(names: Sequence[str], path: Path) -> None:
        write_checkpoint(path, prune_state(args.checkpoint, state, names) if names else state)

    def evaluate(path: Path, without: Sequence[str]) -> dict[str, float]:
        measure = _loss_of(args, path)
        return {split: measure(split, without) for split in ("valid", "test")}

    flags = [*plugin, *shlex.split(args.fine_tuning)]
    runner = sweep.Sweep(args.sweep, args.data, flags, prune, evaluate, args.paper_code_compat)
    runner.check_settings(
        {
            "paper_code_compat": args.paper_code_compat or None,  # older folders do not have it
            "checkpoint": ranking.checkpoint,
            "data": str(args.data.resolve()),
            "order": order,
            "fine_tuning": args.fine_tuning,
            "language": args.language,
            "documents": args.documents,
            "seed": args.seed,
        }
    )
    rows = runner.go_on(list(sweep.runs(order, ks, args.draws, args.seed)))
    print("\n".join(table(rows)))
    return 0


def _ks(text: str) -> list[int]:
    try:
        return sorted({int(word) for word in text.split(",")})
    except ValueError as error:
        raise ConfigError(
            f"--ks {text:.40}: must be numbers with commas between, but one is none; give 1,2,4,8,"
            " for example"
        ) from error


def _gain(out: Path, names: list[str], before: dict[str, Any], after: dict[str, Any]) -> str:
    sizes = [sum(value.numel() for value in state["model"].values()) for state in (before, after)]
    return f"{out}: without {len(names)} heads, {sizes[1]:,} values (before {sizes[0]:,})"

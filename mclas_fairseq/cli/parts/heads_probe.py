"""`mclas heads probe`: which heads translate, summarize or look at neighbours."""

import argparse
from pathlib import Path
from typing import Any

from mclas_fairseq.errors import ConfigError

_DESCRIPTION = """\
Say what each attention head of a decoder does that writes the summaries of both languages, from
teacher-forced passes over a split (section 6 of Bai et al. 2021, with thresholds in the place of
the eye).

Self-attention: translation (from words of S^B to those of S^A that they render), local (the three
tokens before), self (the token itself); lsep (the separator). Cross-attention: summarization (the
document's content while either summary is written), translation (while S^A is, not while S^B is),
other. Masses are corrected for chance; a head can have several labels of self-attention.

OUT gets heads.csv and heads.json (every statistic of every head), heads.png, and heads.html: a
page with a grid of heads, each of which opens its mean map and those of some documents. Printed:
the counts beside the paper's, over thresholds times 0.5 to 1.5, and how steady the labels are over
ten disjoint folds of the documents.

Word links between S^A and S^B are learned from the training summaries of the data-bin, or read
from --links: a line a document, {"id": "17", "links": ["0-2", "3-1"]}, word of S^A and word of S^B.
mclas synthetic --links writes them for its corpus.

--control random-decoder    the decoder's layers drawn anew: nothing should be left
          other-summaries   each document gets the S^A of another: nothing is there to translate

--ablate takes out all heads of each label, and equally many random others, and says what that
costs each summary; where no head translates, the one that comes nearest is taken out. It reads the
documents 22 times for each label: --ablate-documents says how many of them. NCLS+MS has a decoder
for each summary: cross-attention alone is probed.
"""

_EXAMPLE = """\
example:
  mclas heads probe --checkpoint run/checkpoint_best.pt --data data-bin/news --out heads
  mclas heads probe --checkpoint run/checkpoint_best.pt --data data-bin/news --out control \\
      --control random-decoder
  mclas heads probe --model bundle --data data-bin/news --out heads --documents 0 --ablate
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas heads probe`."""
    parser.description, parser.epilog = _DESCRIPTION, _EXAMPLE
    add = parser.add_argument
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint")
    model.add_argument("--model", type=Path, metavar="DIR", help="or a bundle")
    add("--data", type=Path, required=True, metavar="DIR", help="data-bin of its training")
    add("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    add("--split", default="valid", help="of the data-bin (default: valid)")
    add("--documents", type=int, default=500, metavar="N",
        help="at most N, spread evenly over the lengths, 0: all (default: 500; at least 200 are"
        " worth something)")  # fmt: skip
    add("--batch-size", type=int, default=16, metavar="N", help="documents (default: 16)")
    add("--links", type=Path, metavar="FILE", help="word links (default: learn them)")
    add("--symmetrisation", default="grow-diag", choices=("grow-diag", "intersection", "union"),
        help="of learned links: grow-diag finds more, intersection errs less (default: grow-diag)",
        )  # fmt: skip
    add("--control", choices=("random-decoder", "other-summaries"), help="see above")
    add("--ablate", action="store_true", help="say what the heads of each label are worth")
    add("--ablate-documents", type=int, default=0, metavar="N",
        help="with --ablate: on at most N documents, spread evenly (default: 0, all)")  # fmt: skip
    add("--draws", type=int, default=20, metavar="N",
        help="with --ablate: sets of random heads for each label (default: 20)")  # fmt: skip
    add("--ranking", type=Path, metavar="FILE",
        help="what mclas heads rank wrote of it: how labels go with importance")  # fmt: skip
    add("--show", nargs="+", default=[], metavar="ID",
        help="documents whose maps the page shows (default: three)")  # fmt: skip
    add("--seed", type=int, default=1, metavar="N", help="of what is random (default: 1)")
    add("--overwrite", action="store_true", help="replace files that exist in the folder")


def run(args: argparse.Namespace) -> int:
    """Probe, write the files, print the table."""
    from mclas_fairseq.heads.probe.labels import Thresholds
    from mclas_fairseq.heads.probe.report import table
    from mclas_fairseq.heads.probe.running import FILES, ProbeOptions, probe, write_report

    existing = [args.out / name for name in FILES if (args.out / name).exists()]
    if existing and not args.overwrite:
        raise ConfigError(
            f"--out: {existing[0]} must not exist yet, but does; choose another folder, or give"
            " --overwrite to replace it"
        )
    if min(args.documents, args.ablate_documents) < 0 or min(args.batch_size, args.draws) < 1:
        raise ConfigError(
            f"--documents {args.documents} --ablate-documents {args.ablate_documents} --batch-size"
            f" {args.batch_size} --draws {args.draws}: the first two must be 0 or more, the others"
            " 1 or more; the defaults are 500, 0, 16 and 20"
        )
    task, model = _load(args)
    options = ProbeOptions(
        split=args.split,
        documents=args.documents,
        batch_size=args.batch_size,
        links=args.links,
        symmetrisation=args.symmetrisation,
        control=args.control,
        show=args.show or 3,
        ablate=args.ablate,
        ablated_documents=args.ablate_documents,
        draws=args.draws,
        seed=args.seed,
    )
    importance = _importance(args, task)
    report = probe(task, model, options, _about(args), importance)
    write_report(report, args.out)
    print("\n".join(table(report)))
    print(f"\n{args.out / FILES[-1]}: open it in a browser; thresholds: {_shown(Thresholds())}")
    return 0


def _load(args: argparse.Namespace) -> tuple[Any, Any]:
    """Task and model, the task with the data-bin that was given."""
    from mclas_fairseq.data.data_bin import DataBin
    from mclas_fairseq.inference.loading import load_bundle, load_checkpoints

    if args.model is None:
        system = load_checkpoints([args.checkpoint], args.data)
    else:
        system = load_bundle(args.model)
        data_bin = DataBin.open(args.data)
        if data_bin.manifest.dictionary_sha256 != system.task.dictionary_sha256:
            raise ConfigError(
                f"--data {args.data}: must have the dictionary of the bundle {args.model}, but has"
                " another; give the data-bin of its training"
            )
        system.task.data_bin = data_bin
    return system.task, system.models[0].float()


def _importance(args: argparse.Namespace, task: Any) -> dict[str, float]:
    """Importance of heads for the loss of `S^B` (of all, where there is no such column)."""
    if args.ranking is None:
        return {}
    if args.checkpoint is None:
        raise ConfigError(
            "--ranking: needs --checkpoint, of which it says what it ranks; give it in the place"
            " of --model"
        )
    from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
    from mclas_fairseq.heads.ranking import ALL, Ranking

    ranking = Ranking.load(args.ranking)
    ranking.check_checkpoint(args.ranking, args.checkpoint, load_checkpoint(args.checkpoint))
    values = ranking.importance.get(task.target_lang) or ranking.importance[ALL]
    return dict(zip(ranking.heads, values, strict=True))


def _about(args: argparse.Namespace) -> dict[str, str]:
    learned = f"learned from the training summaries ({args.symmetrisation})"
    found = {
        "model": str(args.checkpoint or args.model),
        "data": f"{args.data}, {args.split}",
        "links": str(args.links or learned),
    }
    return found | ({"control": args.control} if args.control else {})


def _shown(limits: Any) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in vars(limits).items())

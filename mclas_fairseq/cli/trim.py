"""`mclas trim`: a checkpoint and its data-bin without dictionary entries that are not needed."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mclas_fairseq.inference.trim_check import TrimCheck

NAME = "trim"
HELP = "drop the dictionary entries and embedding rows that a checkpoint's languages do not need"
OUTPUTS = ("out",)

CHECKPOINT_FILE = "checkpoint.pt"
_MIB = 1024**2

_DESCRIPTION = """\
Drop the dictionary entries that the texts and languages of a data-bin do not need, and their rows
from a checkpoint's embeddings, encoder and decoders alike. --out becomes a data-bin with the
smaller dictionary, and checkpoint.pt in it the smaller checkpoint. Kept are the entries that any
text of the data-bin holds, the language vocabularies, special symbols, digits, punctuation and the
single characters of their scripts. Text from elsewhere may hold a dropped piece, which is then
unknown: --keep-from names data-bins (made with mclas prepare --like) that have such text.

Both checkpoints decode the first documents of the test split, and must write the same tokens. With
--copy-attention that cannot be promised; the number of different summaries is printed.

The result has no state of an optimizer: train on with --finetune-from-model.
"""

_EXAMPLE = """\
example:
  mclas trim --checkpoint checkpoints/checkpoint_best.pt --data data-bin/news --out news-trimmed
  mclas summarize --checkpoint news-trimmed/checkpoint.pt --data news-trimmed -i documents.txt
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas trim`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    parser.add_argument(
        "--checkpoint", type=Path, required=True, metavar="FILE", help="the checkpoint to trim"
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="its data-bin, or one --like it"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="data-bin with checkpoint.pt to make"
    )
    parser.add_argument(
        "--keep-from",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="data-bins whose texts say which entries are needed (default: --data); they must cover"
        " what --data holds",
    )
    parser.add_argument(
        "--documents",
        type=int,
        default=100,
        metavar="N",
        help="decode N documents before and after, 0: none (default: 100)",
    )
    parser.add_argument("--beam", type=int, default=5, metavar="N", help="of that (default: 5)")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the data-bin at --out if there is one"
    )


def run(args: argparse.Namespace) -> int:
    """Trim, check, and say what was gained."""
    from mclas_fairseq.binarize.staging import staged_folder
    from mclas_fairseq.binarize.trimming import choose_entries, write_trimmed
    from mclas_fairseq.checkpoints.averaging import write_checkpoint
    from mclas_fairseq.checkpoints.trimming import read_state, trim_state, weights_size
    from mclas_fairseq.data.data_bin import DataBin
    from mclas_fairseq.mglm.prompts import needed_ids
    from mclas_fairseq.mglm.seq2seq import PROMPTS

    data_bin = DataBin.open(args.data)
    state = read_state(args.checkpoint, data_bin)
    vocabularies = state["task_state"]["vocabularies"]
    trimming = choose_entries(
        data_bin,
        vocabularies,
        [DataBin.open(folder) for folder in args.keep_from],
        prompted=needed_ids(state["task_state"].get(PROMPTS) or {}, data_bin),
    )
    with staged_folder(args.out, overwrite=args.overwrite) as folder:
        trimmed = write_trimmed(data_bin, trimming, vocabularies, folder)
        smaller = trim_state(args.checkpoint, state, trimming, trimmed)
        write_checkpoint(folder / CHECKPOINT_FILE, smaller)
        lines = [
            f"dictionary: {len(trimming.places):,} entries before, {len(trimming.kept):,} after",
            _sizes("weights", weights_size(state["model"]), weights_size(smaller["model"])),
            _sizes(
                "checkpoint (before with what the optimizer keeps)",
                args.checkpoint.stat().st_size,
                (folder / CHECKPOINT_FILE).stat().st_size,
            ),
        ]
        if args.documents > 0:
            from mclas_fairseq.generation.options import DecodingOptions
            from mclas_fairseq.inference.trim_check import check_trimmed, refuse_other_summaries

            check = check_trimmed(
                [args.checkpoint, folder / CHECKPOINT_FILE],
                [args.data, folder],
                trimming,
                documents=args.documents,
                options=DecodingOptions(beam=args.beam),
            )
            refuse_other_summaries(args.checkpoint, smaller, check)
            lines.append(_checked(check))
    for line in lines:
        print(line)
    print(f"{args.out}: a data-bin with {CHECKPOINT_FILE} in it")
    return 0


def _sizes(what: str, before: int, after: int) -> str:
    return f"{what}: {before / _MIB:,.2f} MiB before, {after / _MIB:,.2f} after"


def _checked(check: "TrimCheck") -> str:
    same = check.hypotheses - check.different
    return (
        f"decoding: {same} of {check.hypotheses} summaries of {check.split} have the same tokens;"
        f" {check.before:.1f} s before, {check.after:.1f} after"
    )

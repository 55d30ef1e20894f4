"""The flags of `mclas roundtrip` for cleaning, and the steps that they ask for."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mclas_fairseq.roundtrip.steps import CleaningSteps


def add_cleaning_arguments(group: argparse._ArgumentGroup) -> None:
    """Declare the flags."""
    group.add_argument(
        "--clean", default="normalise,length,ratio,duplicates", metavar="STEP[,STEP...]",
        help="of normalise (Unicode NFC, single spaces), length, ratio (of both summaries), copied"
        " (words that both summaries have), language (is each text in its language?), duplicates"
        " (of documents), near-duplicates; all, or none (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--document-words", default="1-10000", metavar="MIN-MAX",
        help="for length: words of a document, characters where words are not spaced"
        " (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--summary-words", default="1-400", metavar="MIN-MAX",
        help="for length: words of each summary (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--max-ratio", type=float, default=4.0, metavar="X",
        help="for ratio: how many times as long one summary may be as the other (default: 4)",
    )  # fmt: skip
    group.add_argument(
        "--max-copied", type=float, default=0.5, metavar="X",
        help="for copied: share of words, of the summary with fewer, that may stand in the other as"
        " well; the report counts pairs by it (default: 0.5)",
    )  # fmt: skip
    group.add_argument(
        "--similarity", type=float, default=0.2, metavar="S",
        help="for near-duplicates: share of five-word sequences in common (default: 0.2)",
    )  # fmt: skip
    group.add_argument(
        "--held-out", type=Path, nargs="+", action="extend", default=[], metavar="FILE",
        help="for both kinds of duplicates: records of validation and test, whose documents are"
        " rejected",
    )  # fmt: skip


def cleaning_steps(args: argparse.Namespace) -> "CleaningSteps":
    """The steps that the flags ask for; of a run to be filtered again, its languages are known.

    Raises:
        ConfigError: a flag is wrong.
        DataError: there is no run in `--out` to filter again.
    """
    from mclas_fairseq.roundtrip.cleaning import CleaningOptions, build_steps
    from mclas_fairseq.roundtrip.cleaning.options import parse_range, parse_steps
    from mclas_fairseq.roundtrip.run_folder import RunFolder
    from mclas_fairseq.roundtrip.settings import RunSettings

    options = CleaningOptions(
        steps=parse_steps(args.clean),
        document_words=parse_range(args.document_words, "--document-words"),
        summary_words=parse_range(args.summary_words, "--summary-words"),
        ratio=args.max_ratio,
        copied=args.max_copied,
        similarity=args.similarity,
        held_out=tuple(args.held_out),
    )
    languages = (args.source_lang, args.target_lang)
    if args.rescore:
        direction = RunSettings.load(RunFolder(args.out)).direction
        languages = (direction.source_lang, direction.target_lang)
    # In the part of the folder that is made anew: a killed run must leave nothing in the way.
    return build_steps(options, *languages, RunFolder(args.out).work)

"""`mclas export`: a folder with all that a trained model needs, to hand on."""

import argparse
from pathlib import Path

from mclas_fairseq.cli.parts.search_flags import add_search_flags, chosen_options
from mclas_fairseq.errors import ConfigError

NAME = "export"
HELP = "write a bundle of a checkpoint that summarizes without its data-bin"
OUTPUTS = ("out",)

_DESCRIPTION = """\
Write a bundle: a folder with the weights (safetensors), configuration, dictionary, tokenizer,
language vocabularies and a model card. Somebody who has only this package installed summarizes
with it and gets the same summaries as the checkpoint gives:

  mclas summarize --model FOLDER            mclas_fairseq.load(FOLDER).summarize(["..."])

No training text goes into it, no state of the optimizer, no paths and no names but those given
here. Nothing in a bundle is executed when it is loaded, and every file is checked by SHA-256
first. A bundle holds one checkpoint; several are made one with mclas average.
"""

_EXAMPLE = """\
example:
  mclas score --hyp summaries.jsonl --ref test.jsonl --lang de --json scores.json
  mclas export --checkpoint checkpoints/checkpoint_best.pt --data data-bin --out news-en-de \\
      --name 'News summaries, English to German' --licence CC-BY-4.0 --author 'A. Researcher' \\
      --training-data '3,000 news reports of 2024 with summaries by their editors' \\
      --scores scores.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas export`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    parser.add_argument(
        "--checkpoint", type=Path, required=True, nargs="+", metavar="FILE", help="one checkpoint"
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="its data-bin")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="bundle to write")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the bundle if it exists already"
    )
    card = parser.add_argument_group("for the model card")
    for flag, text in (
        ("--name", "of the model (default: the name of the folder)"),
        ("--licence", "of the weights: an SPDX identifier, as CC-BY-4.0, or plain words"),
        ("--author", "who made it"),
        ("--description", "a sentence or two about it"),
        ("--training-data", "what it was trained on, from whom, under which terms"),
        ("--intended-use", "what it is for (default: a general text)"),
        ("--limits", "what it cannot do, beside what holds for all such models"),
    ):
        card.add_argument(flag, metavar="TEXT", help=text)
    card.add_argument(
        "--scores", type=Path, nargs="+", default=[], metavar="FILE",
        help="what mclas score --json wrote of the model's summaries",
    )  # fmt: skip
    add_search_flags(parser.add_argument_group("how it decodes unless told otherwise"))


def run(args: argparse.Namespace) -> int:
    """Export, and say what was written."""
    from mclas_fairseq.bundles.card import CardDetails
    from mclas_fairseq.bundles.format import INDEX_FILE, describe_file
    from mclas_fairseq.inference.exporting import export_bundle

    if len(args.checkpoint) > 1:
        raise ConfigError(
            f"--checkpoint: a bundle holds one checkpoint, but {len(args.checkpoint)} are given;"
            " make one of them with mclas average, or export each"
        )
    details = CardDetails(
        name=args.name or args.out.resolve().name,
        licence=args.licence,
        author=args.author,
        description=args.description,
        training_data=args.training_data,
        intended_use=args.intended_use,
        limits=args.limits,
        scores=args.scores,
    )
    options = chosen_options(args)
    (checkpoint,) = args.checkpoint
    files = export_bundle(
        checkpoint, args.data, args.out, details, options=options, overwrite=args.overwrite
    )
    for name, entry in files.items():
        print(f"{entry.size:>12,}  {name}")
    print(f"{args.out}: {len(files) + 1} files, {sum(e.size for e in files.values()) / 1e6:.1f} MB")
    # One number with which a receiver can tell that nothing was exchanged on the way.
    print(f"SHA-256 of {INDEX_FILE}: {describe_file(args.out / INDEX_FILE).sha256}")
    return 0

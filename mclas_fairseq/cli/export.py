"""`mclas export`: a folder with all that a trained model needs, to hand on."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mclas_fairseq.cli.parts.search_flags import (
    add_search_flags,
    chosen_options,
    given_search_flags,
)
from mclas_fairseq.errors import ConfigError

if TYPE_CHECKING:
    from mclas_fairseq.bundles.format import FileEntry

NAME = "export"
HELP = "write a bundle of a checkpoint that summarizes without its data-bin"
OUTPUTS = ("out",)
_OF_THE_CARD = ("licence", "author", "description", "training_data", "intended_use", "limits")

_DESCRIPTION = """\
Write a bundle: a folder with the weights (safetensors), configuration, dictionary, tokenizer,
language vocabularies and a model card. Somebody who has only this package installed summarizes
with it and gets the same summaries as the checkpoint gives:

  mclas summarize --model FOLDER            mclas_fairseq.load(FOLDER).summarize(["..."])

No training text goes into it, no state of the optimizer, no paths and no names but those given
here. Nothing in a bundle is executed when it is loaded, and every file is checked by SHA-256
first. A bundle holds one checkpoint; several are made one with mclas average.

With --format ct2 the bundle has the model for CTranslate2's engine, which is faster on a
processor. With --format int8 it is for torch, with linear layers in 8 bits, a quarter of their
size: as with mclas summarize --int8, but rounded once. A checkpoint's weights are then read one
by one, so that a model of a billion needs memory for one copy of them at most. mclas summarize,
mclas serve and load() take these bundles as any other.
"""

_EXAMPLE = """\
example:
  mclas score --hyp summaries.jsonl --ref test.jsonl --lang de --json scores.json
  mclas export --checkpoint checkpoints/checkpoint_best.pt --data data-bin --out news-en-de \\
      --name 'News summaries, English to German' --licence CC-BY-4.0 --author 'A. Researcher' \\
      --training-data '3,000 news reports of 2024 with summaries by their editors' \\
      --scores scores.json

  the same for CTranslate2, of a checkpoint or of a bundle:
  mclas export --format ct2 --model news-en-de --out news-en-de-ct2

  in 8 bits, for a large model on a processor:
  mclas export --format int8 --checkpoint mglm/checkpoint_best.pt --data data-bin --out mglm-int8
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas export`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    parser.add_argument("--checkpoint", type=Path, nargs="+", metavar="FILE", help="one checkpoint")
    parser.add_argument("--data", type=Path, metavar="DIR", help="its data-bin")
    parser.add_argument(
        "--model", type=Path, metavar="DIR",
        help="with --format ct2 or int8, instead of a checkpoint: a bundle to convert",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="bundle to write")
    parser.add_argument(
        "--format",
        choices=("torch", "ct2", "int8"),
        default="torch",
        help="ct2: for CTranslate2's engine, faster on a processor; models that copy"
        " words, with two decoders, pretrained encoders or latent variables it cannot hold; int8:"
        " for torch on a processor, linear layers in 8 bits, for any model",
    )
    parser.add_argument(
        "--forms",
        metavar="FORM[,FORM...]",
        help="with --format ct2: number formats of the weights, int8, bfloat16 or float32; of"
        " several, the first is used unless told otherwise (default: int8)",
    )
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
    from mclas_fairseq.bundles.format import INDEX_FILE, describe_file

    forms = _forms(args)
    files = _export(args, forms) if args.model is None else _convert(args, forms)
    for name, entry in files.items():
        print(f"{entry.size:>12,}  {name}")
    print(f"{args.out}: {len(files) + 1} files, {sum(e.size for e in files.values()) / 1e6:.1f} MB")
    # One number with which a receiver can tell that nothing was exchanged on the way.
    print(f"SHA-256 of {INDEX_FILE}: {describe_file(args.out / INDEX_FILE).sha256}")
    return 0


def _forms(args: argparse.Namespace) -> tuple[str, ...]:
    if args.format != "ct2":
        if args.forms:
            raise ConfigError(
                f"--forms {args.forms}: is of CTranslate2's form; add --format ct2, or leave it out"
            )
        return ()
    return tuple((args.forms or "int8").split(","))


def _export(args: argparse.Namespace, forms: Sequence[str]) -> "dict[str, FileEntry]":
    from mclas_fairseq.bundles.card import CardDetails
    from mclas_fairseq.inference.exporting import export_bundle

    missing = [name for name in ("checkpoint", "data") if getattr(args, name) is None]
    if missing:
        raise ConfigError(
            "mclas export: needs a checkpoint and its data-bin, but has no"
            f" {' and no '.join(f'--{name}' for name in missing)}; give them, or a bundle to"
            " convert with --model BUNDLE --format ct2 (or int8)"
        )
    if len(args.checkpoint) > 1:
        raise ConfigError(
            f"--checkpoint: a bundle holds one checkpoint, but {len(args.checkpoint)} are given;"
            " make one of them with mclas average, or export each"
        )
    details = CardDetails(
        name=args.name or args.out.resolve().name,
        **{name: getattr(args, name) for name in _OF_THE_CARD},
        scores=args.scores,
    )
    return export_bundle(
        args.checkpoint[0],
        args.data,
        args.out,
        details,
        options=chosen_options(args),
        overwrite=args.overwrite,
        forms=forms,
        int8=args.format == "int8",
    )


def _convert(args: argparse.Namespace, forms: Sequence[str]) -> "dict[str, FileEntry]":
    from mclas_fairseq.inference.exporting import convert_bundle

    names = ("checkpoint", "data", "name", *_OF_THE_CARD, "scores")
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(args, name)]
    if given:
        raise ConfigError(
            f"--model: a bundle brings its weights and its card, but {', '.join(given)}"
            f" {'is' if len(given) == 1 else 'are'} given as well; leave out one or the other"
        )
    if args.format == "torch":
        raise ConfigError(
            f"--model {args.model}: a bundle is converted to another form, but none is named; add"
            " --format ct2, or --format int8"
        )
    return convert_bundle(
        args.model,
        args.out,
        forms,
        int8=args.format == "int8",
        changes=given_search_flags(args),
        overwrite=args.overwrite,
    )

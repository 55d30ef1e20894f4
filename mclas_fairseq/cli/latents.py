"""`mclas latents`: does z matter? (see `mclas_fairseq.vhm.study`)."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mclas_fairseq.cli.parts.search_flags import add_search_flags, chosen_options
from mclas_fairseq.errors import ConfigError

if TYPE_CHECKING:
    from mclas_fairseq.vhm.study import LatentStudy

NAME = "latents"
HELP = "ask a model with latent variables whether they matter"
OUTPUTS = ("json", "plot")
ALL_OR_NONE = True

_DESCRIPTION = """\
Decode a split with the latent variables of a model of architecture vhm as they are, and with other
values in their place: a draw, the mean of the recognition network (which sees the reference),
another document's, the mean of the split, and zero. ROUGE, and the NLL of the references, say what
that costs; if another document's z and the mean one cost nothing, z tells nothing of the document.

Beside it: both lower bounds of the likelihood, KL, active units, and a picture of the latent
variables on their principal components.
"""

_EXAMPLE = """\
example:
  mclas latents --checkpoint checkpoints/vhm/checkpoint_best.pt --data data-bin --split test \\
      --beam 4 --max-len-b 40 --json latents.json --plot latents.png
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas latents`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    parser.add_argument("--checkpoint", type=Path, required=True, metavar="FILE", help="the model")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="data-bin of its training"
    )
    parser.add_argument("--split", default="test", help="of the data-bin (default: test)")
    parser.add_argument(
        "--documents", type=int, default=0, metavar="N", help="at most N, spread evenly (0: all)"
    )
    parser.add_argument(
        "--samples", type=int, default=10, metavar="K", help="draws of the bounds (default: 10)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of draws and of who gets whose z (default: 1)"
    )
    parser.add_argument(
        "--batch-size", type=int, default=32, metavar="N", help="documents together (default: 32)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the picture, a PNG")
    parser.add_argument("--cpu", action="store_true", help="do not use a GPU")
    add_search_flags(parser.add_argument_group("search, as fairseq-generate"))


def run(args: argparse.Namespace) -> int:
    """Load the model, measure, print."""
    from mclas_fairseq.corpus.output import write_json
    from mclas_fairseq.vhm.report import format_report, latent_report

    study = _study(args)
    report = latent_report(study)
    print(format_report(report))
    if args.json is not None:
        write_json(args.json, report)
    if args.plot is not None:
        _write_picture(study, args.plot)
    return 0


def _study(args: argparse.Namespace) -> "LatentStudy":
    from mclas_fairseq.inference.loading import load_checkpoints
    from mclas_fairseq.vhm.model import VhmModel
    from mclas_fairseq.vhm.study import StudyOptions, study_latents
    from mclas_fairseq.vhm.task import MultitaskSummarizationTask

    options = StudyOptions(
        args.split, args.samples, args.batch_size, args.seed, documents=args.documents
    )
    search = chosen_options(args)
    for flag, value, default in (
        ("--sample-latent", search.sample_latent, 0),
        ("--generate-task", search.generate_task, "cls"),
    ):
        if value != default:
            raise ConfigError(
                f"{flag} {value}: mclas latents chooses z itself, and looks at cross-lingual "
                "summarization; leave the flag out"
            )
    system = load_checkpoints([args.checkpoint], args.data, search)
    model = system.models[0]
    if not isinstance(model, VhmModel) or not isinstance(system.task, MultitaskSummarizationTask):
        raise ConfigError(
            f"--checkpoint {args.checkpoint}: must be of architecture vhm, this one has no latent "
            "variables; give another"
        )
    system.prepare("cpu" if args.cpu else None)
    generator = system.task.build_generator([model], argparse.Namespace(**search.values()))
    return study_latents(model, system.task, generator, options)


def _write_picture(study: "LatentStudy", path: Path) -> None:
    from mclas_fairseq.corpus.writing import open_whole
    from mclas_fairseq.vhm.report import draw_latents

    with open_whole(path) as stream:
        draw_latents(study).savefig(stream, format="png", dpi=120, metadata={"Software": None})

"""`mclas roundtrip`: a cross-lingual corpus from a monolingual one, translating there and back."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mclas_fairseq.cli.parts.execution import add_execution_arguments, execution_of
from mclas_fairseq.cli.parts.roundtrip_cleaning import add_cleaning_arguments, cleaning_steps
from mclas_fairseq.cli.parts.roundtrip_translation import add_translation_arguments, run_options
from mclas_fairseq.errors import ConfigError

if TYPE_CHECKING:
    from mclas_fairseq.roundtrip.options import FilterOptions, Outputs
    from mclas_fairseq.roundtrip.report import Report

NAME = "roundtrip"
HELP = "make a cross-lingual corpus by translating summaries there and back"
OUTPUTS = ("out", "rejected")

_DESCRIPTION = """\
Translate each record's summary into the other language and back, and keep the pair where that
preserved it: ROUGE-1 F1 of the back-translation against the original at least --t1, and ROUGE-2 F1
at least --t2. Records with summary.A (--source-lang) come in, records with summary.A and summary.B
(--target-lang) come out; other keys are kept, and "roundtrip" holds the back-translation, both
scores and the translators' own. A record that has summary.B already is passed on as it is.

With --fill A it is the other way round: records with S^B but no S^A get one by translating S^B
with --backward, judged by translating that again with --forward. "machine_made" in "roundtrip" says
which summary was made.

Documents that are repeated or held out, and texts of odd lengths, are left out (--clean); whatever
is left out is counted, and kept among the rejected records with its reason.

The input is cut into shards. A run that was ended, however, goes on where it stopped when the same
command is started again, and gives the same bytes for any number of --workers. Thresholds can be
changed afterwards with --rescore, without translating.
"""

_EXAMPLE = """\
examples:
  mclas roundtrip --in news.jsonl.gz --source-lang en --target-lang de \\
      --forward fairseq:en-de/model.pt --backward fairseq:de-en/model.pt \\
      --workers 4 --out corpus

  mclas roundtrip --rescore --out corpus --t1 0.7 --t2 0.4

  mclas roundtrip --in german.jsonl --source-lang en --target-lang de --fill en \\
      --forward ct2:en-de --backward ct2:de-en --out filled
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of the subcommand."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    _add_corpus_arguments(parser.add_argument_group("corpus"))
    add_translation_arguments(parser.add_argument_group("translation"))
    _add_filter_arguments(parser.add_argument_group("filter"))
    add_cleaning_arguments(parser.add_argument_group("cleaning, before and after"))
    _add_output_arguments(parser.add_argument_group("output"))
    execution = parser.add_argument_group("execution; may change between starts")
    add_execution_arguments(execution, default="local", work="translated")
    execution.add_argument(
        "--workers", type=int, default=1, metavar="N", help="shards at the same time (default: 1)"
    )
    execution.add_argument(
        "--shard-lines", type=int, default=5000, metavar="N",
        help="records of a shard; belongs to a run for good (default: 5000)",
    )  # fmt: skip


def _add_corpus_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--in", dest="inputs", type=Path, nargs="+", action="extend", default=[], metavar="FILE",
        help="records (.jsonl or .jsonl.gz); several are joined in this order",
    )  # fmt: skip
    group.add_argument("--source-lang", metavar="A", help="language of the documents, as in en")
    group.add_argument("--target-lang", metavar="B", help="language of the summaries to make")
    group.add_argument(
        "--fill", metavar="LANG",
        help="the language whose summaries are made where they are absent (default: B)",
    )  # fmt: skip


def _add_filter_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--t1", type=float, default=0.6, metavar="X",
        help="least ROUGE-1 F1, from 0 to 1 (default: 0.6)",
    )  # fmt: skip
    group.add_argument(
        "--t2", type=float, default=0.2, metavar="X",
        help="least ROUGE-2 F1, from 0 to 1 (default: 0.2)",
    )  # fmt: skip
    group.add_argument(
        "--sentence-share", type=float, default=1.0, metavar="X",
        help="with --unit sentence: least share of a summary's sentences that reach both"
        " (default: 1)",
    )  # fmt: skip
    group.add_argument(
        "--protocol", default="default", help="rules of ROUGE's tokens (default: default)"
    )
    group.add_argument(
        "--rescore", action="store_true",
        help="filter the finished run in --out with the thresholds given here, and clean what was"
        " made as --clean says; translates nothing, and what was cleaned before stays so",
    )  # fmt: skip


def _add_output_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER",
        help="folder of the run, for corpus.jsonl, report.json, scores.png and what is translated",
    )  # fmt: skip
    group.add_argument(
        "--rejected", type=Path, metavar="FILE",
        help="where to write what was filtered and why (default: rejected.jsonl in the folder)",
    )  # fmt: skip
    group.add_argument(
        "--gzip", action="store_true", help="compress the corpus and the rejected records"
    )


def run(args: argparse.Namespace) -> int:
    """Make the corpus and print the report."""
    from mclas_fairseq.extras import require

    for module in ("datatrove", "orjson"):
        require(module, extra="roundtrip", purpose="mclas roundtrip")
    report = _rescore(args) if args.rescore else _run(args)
    for line in report.lines():
        print(line)
    outputs = _outputs(args)
    print(
        f"written to {args.out}: {outputs.corpus_file.name}, {outputs.rejected_file},"
        " report.json, scores.png"
    )
    return 0


def _run(args: argparse.Namespace) -> "Report":
    from mclas_fairseq.roundtrip.progress import Progress
    from mclas_fairseq.roundtrip.running import RoundTrip, run_roundtrip

    needed = {
        "--in": args.inputs or None,
        "--source-lang": args.source_lang,
        "--target-lang": args.target_lang,
        "--forward": args.forward,
        "--backward": args.backward,
    }
    missing = [flag for flag, value in needed.items() if value is None]
    if missing:
        raise ConfigError(
            f"{missing[0]}: needed to translate, but not given; give it, or --rescore to filter a"
            " finished run"
        )
    asked = RoundTrip(
        run=run_options(args),
        filter=_filter_options(args),
        outputs=_outputs(args),
        execution=execution_of(args),
        cleaning=cleaning_steps(args),
    )
    return run_roundtrip(asked, Progress(lambda line: print(line, file=sys.stderr, flush=True)))


def _rescore(args: argparse.Namespace) -> "Report":
    from mclas_fairseq.roundtrip.running import rescore

    given = {
        "--in": args.inputs,
        "--source-lang": args.source_lang,
        "--target-lang": args.target_lang,
        "--fill": args.fill,
        "--forward": args.forward,
        "--backward": args.backward,
        "--held-out": args.held_out,
    }
    extra = [flag for flag, value in given.items() if value]
    if extra:
        raise ConfigError(
            f"--rescore: takes what was translated from {args.out}, so {extra[0]} may not be given;"
            " leave it out"
        )
    return rescore(_filter_options(args), _outputs(args), cleaning_steps(args))


def _filter_options(args: argparse.Namespace) -> "FilterOptions":
    from mclas_fairseq.roundtrip.options import FilterOptions

    return FilterOptions(
        t1=args.t1, t2=args.t2, sentence_share=args.sentence_share, protocol=args.protocol
    )


def _outputs(args: argparse.Namespace) -> "Outputs":
    from mclas_fairseq.roundtrip.options import Outputs

    outputs = Outputs(folder=args.out, rejected=args.rejected, gzip=args.gzip)
    outputs.check_apart([*args.inputs, *args.held_out])
    return outputs

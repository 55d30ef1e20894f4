"""`mclas human`: blind sheets for annotators, and scores from what they filled in."""

import argparse
import logging
from collections.abc import Iterable
from pathlib import Path

NAME = "human"
HELP = "human evaluation: blind sheets for annotators, then scores and agreement"
OUTPUTS = ("out", "json")
ALL_OR_NONE = True
NEEDS_FAIRSEQ = False

_DESCRIPTION = """\
Human evaluation on informativeness, conciseness and fluency.

  mclas human sample   draw documents and write a blind sheet (CSV) for each annotator, and a key
  mclas human score    read the filled-in sheets: scores of the systems, agreement of annotators
"""

_EPILOG = """\
examples:
  mclas human sample --system NCLS=ncls.jsonl --system MCLAS=mclas.jsonl --lang de \\
      --source news/test.jsonl --source-lang en --ref news/test.jsonl --out sheets --key key.json
  mclas human score --key key.json --sheets sheets/annotator-1.csv sheets/annotator-2.csv
"""

_SAMPLE_DESCRIPTION = """\
Draws documents, hides which system wrote what, shuffles everything anew for each annotator, and
writes a sheet for each of them, instructions beside the sheets, and the key.

--design bws     Best-Worst Scaling: the summaries of a document side by side (all up to four,
                 otherwise tuples of four); the annotator names the best and the worst
--design rating  one summary a row, rated from 1 to 5

The sheets are CSV in UTF-8. Where a spreadsheet program shows all of it in one column (as in
languages with a decimal comma), write them with --delimiter semicolon.
"""

_SAMPLE_EPILOG = """\
example:
  mclas human sample --system NCLS=ncls.jsonl --system MCLAS=mclas.jsonl --lang de \\
      --source news/test.jsonl --source-lang en --ref news/test.jsonl --out sheets --key key.json
"""

_SCORE_DESCRIPTION = """\
Best-Worst Scaling: share chosen best minus share chosen worst, from -1 to 1. Ratings: their mean.
Agreement of annotators: Fleiss' kappa and the share of pairs of annotators who agree.
All with bootstrap 95 % intervals over documents.
"""

_SCORE_EPILOG = """\
example:
  mclas human score --key key.json --sheets sheets/annotator-1.csv sheets/annotator-2.csv \\
      --json human.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two subcommands of `mclas human`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    raw = argparse.RawDescriptionHelpFormatter
    _add_sample(
        actions.add_parser("sample", help="write sheets and their key", formatter_class=raw)
    )
    _add_score(actions.add_parser("score", help="score filled-in sheets", formatter_class=raw))


def _add_sample(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = _SAMPLE_DESCRIPTION, _SAMPLE_EPILOG
    add = parser.add_argument
    add("--system", type=_named_file, required=True, action="append", metavar="NAME=FILE",
        help="summaries.jsonl or plain lines of a system; may be given several times")  # fmt: skip
    add("--lang", required=True, metavar="CODE", help="language of the summaries")
    add("--source", type=Path, metavar="FILE",
        help="the documents, shown beside the summaries: records or plain lines")  # fmt: skip
    add("--source-lang", metavar="CODE", help="language of the documents of records")
    add("--ref", type=Path, nargs="+", default=[], metavar="FILE", help="references")
    add("--ref-as", choices=("system", "shown"), default="system",
        help="the reference takes part like a system, or is shown for comparison"
        " (default: %(default)s)")  # fmt: skip
    add("--marks", action="store_true", help="read marks of other programs, see mclas score")
    add("--design", choices=("bws", "rating"), default="bws", help="(default: %(default)s)")
    add("--documents", type=int, default=60, metavar="N", help="(default: %(default)s)")
    add("--annotators", type=int, default=3, metavar="N", help="(default: %(default)s)")
    add("--seed", type=int, default=1, metavar="N",
        help="of drawing and shuffling (default: %(default)s)")  # fmt: skip
    add("--delimiter", choices=("comma", "semicolon"), default="comma",
        help="between the columns of a sheet (default: %(default)s)")  # fmt: skip
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the sheets")
    add("--key", type=Path, required=True, metavar="FILE",
        help="JSON file that says which system is which; not for annotators")  # fmt: skip
    add("--overwrite", action="store_true", help="replace files that exist")


def _add_score(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = _SCORE_DESCRIPTION, _SCORE_EPILOG
    add = parser.add_argument
    add("--key", type=Path, required=True, metavar="FILE", help="what mclas human sample wrote")
    add("--sheets", type=Path, required=True, nargs="+", metavar="FILE",
        help="filled-in sheets, one for each annotator")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write the scores there as well")


def run(args: argparse.Namespace) -> int:
    """Do what the subcommand says."""
    return _sample(args) if args.action == "sample" else _score(args)


def _sample(args: argparse.Namespace) -> int:
    from mclas_fairseq.corpus.languages import check_language
    from mclas_fairseq.corpus.output import check_apart
    from mclas_fairseq.evaluation.human.design import Options
    from mclas_fairseq.evaluation.human.instructions import write_instructions
    from mclas_fairseq.evaluation.human.key import write_key
    from mclas_fairseq.evaluation.human.material import Sources, read_material
    from mclas_fairseq.evaluation.human.sheets import DELIMITERS, build_study, write_sheet

    check_language(args.lang, "--lang")
    sources = Sources(
        language=args.lang,
        systems=_unique(args.system),
        documents=args.source,
        document_language=args.source_lang,
        references=args.ref,
        reference_role=args.ref_as,
        read_marks=args.marks,
    )
    options = Options(args.design, args.documents, args.annotators, args.seed)
    sheets = [args.out / f"annotator-{number}.csv" for number in range(1, args.annotators + 1)]
    guide = args.out / "instructions.txt"
    written = [*((f"sheet {path.name}", path) for path in sheets), ("instructions", guide)]
    read = [("--system", path) for path in sources.systems.values()]
    read += [("--ref", path) for path in args.ref]
    read += [("--source", args.source)] if args.source else []
    check_apart([*written, ("--key", args.key)], read)
    _check_free([*sheets, guide, args.key], args.overwrite)
    study = build_study(read_material(sources), args.lang, options)
    for path, rows in zip(sheets, study.sheets, strict=True):
        write_sheet(path, study.key, rows, DELIMITERS[args.delimiter])
        print(f"{path}: {len(rows)} rows")
    write_instructions(guide, study.key)
    print(f"{guide}: give it to the annotators with their sheets")
    write_key(args.key, study.key)
    print(f"{args.key}: the key, not for annotators ({', '.join(study.key.systems)})")
    return 0


def _score(args: argparse.Namespace) -> int:
    from mclas_fairseq.corpus.output import write_json
    from mclas_fairseq.evaluation.human.answers import read_judgements
    from mclas_fairseq.evaluation.human.key import read_key
    from mclas_fairseq.evaluation.human.report import text_table, to_json
    from mclas_fairseq.evaluation.human.scores import score_judgements

    key = read_key(args.key)
    if len(args.sheets) < len(key.sheets):
        logging.getLogger(__name__).warning(
            "%d of the %d annotators' sheets are scored", len(args.sheets), len(key.sheets)
        )
    scores = score_judgements(read_judgements(args.sheets, key))
    print(text_table(scores))
    if args.json is not None:
        write_json(args.json, to_json(scores))
    return 0


def _named_file(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not (name and separator and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE")
    return name, Path(path)


def _unique(systems: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    from mclas_fairseq.errors import ConfigError

    found: dict[str, Path] = {}
    for name, path in systems:
        if name in found:
            raise ConfigError(
                f"--system: every name must be given once, but {name!r} comes twice; rename one"
            )
        found[name] = path
    return found


def _check_free(files: Iterable[Path], overwrite: bool) -> None:
    from mclas_fairseq.errors import ConfigError

    existing = [str(file) for file in files if file.exists()]
    if existing and not overwrite:
        raise ConfigError(
            f"{', '.join(existing)}: must not exist, since annotators may have filled it in, but"
            " does; choose another --out and --key, or give --overwrite to replace it"
        )

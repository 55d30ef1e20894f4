"""`mclas score`: ROUGE with a named protocol, intervals and a paired test between two systems."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mclas_fairseq.evaluation.inputs import Aligned, References
    from mclas_fairseq.evaluation.rouge import RougeScores

NAME = "score"
HELP = "ROUGE of summaries against references, with intervals and signatures"

# Above this share of letters that no token holds, a file is in another script than its protocol.
_MOST_LOST = 0.5

_DESCRIPTION = """\
ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum F1, each with a bootstrap 95 % interval and a signature.

Hypotheses: plain lines, or the summaries.jsonl of mclas extract and mclas summarize.
References: plain lines (several files: several references, the best one counts), records, or
references.SPLIT.jsonl of a data-bin. Files with ids are matched by id, others line by line.
"""

_EPILOG = """\
examples:
  mclas score --hyp summaries.jsonl --ref data-bin/references.test.jsonl --lang de
  mclas score --hyp mclas.txt --compare ncls.txt --ref reference.0.txt reference.1.txt --lang zh
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas score`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument("--hyp", type=Path, required=True, metavar="FILE", help="the summaries")
    parser.add_argument(
        "--ref", type=Path, required=True, nargs="+", metavar="FILE", help="the references"
    )
    parser.add_argument("--lang", required=True, metavar="CODE", help="the language to score")
    parser.add_argument(
        "--protocol",
        default="default",
        metavar="NAME",
        help="rules for tokens, stemming and sentences: default, or ncls for en and zh"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--compare",
        type=Path,
        metavar="FILE",
        help="another system's summaries of the same documents",
    )
    parser.add_argument(
        "--half",
        choices=("source", "target"),
        help="plain lines hold both summaries around [LSEP]: score this one",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores there as well")


def run(args: argparse.Namespace) -> int:
    """Score, print a table, and write the JSON report when asked for."""
    from mclas_fairseq.cli._output import write_json
    from mclas_fairseq.evaluation.inputs import read_references
    from mclas_fairseq.evaluation.protocols import get_protocol
    from mclas_fairseq.evaluation.report import (
        compare,
        comparison_table,
        comparison_to_json,
        summarise,
        text_table,
        to_json,
    )

    get_protocol(args.protocol, args.lang)  # a wrong name must not show after reading everything
    references = read_references(args.ref, args.lang)
    files = [args.hyp] if args.compare is None else [args.hyp, args.compare]
    scores = [
        _score(file, references, args.lang, protocol=args.protocol, half=args.half)
        for file in files
    ]
    results = [summarise(str(file), score) for file, score in zip(files, scores, strict=True)]
    print(text_table(results))
    report: dict[str, object] = {
        "references": references.origin,
        "systems": [to_json(result) for result in results],
    }
    if len(scores) == 2:
        comparison = compare(*scores)
        print("\n" + comparison_table(str(args.hyp), str(args.compare), comparison))
        report["comparison"] = comparison_to_json(comparison)
    if args.json is not None:
        write_json(args.json, report)
    return 0


def _score(
    file: Path, references: "References", language: str, *, protocol: str, half: str | None
) -> "RougeScores":
    from mclas_fairseq.evaluation.inputs import align, read_hypotheses
    from mclas_fairseq.evaluation.rouge import score_rouge

    aligned = align(read_hypotheses(file, language, half=half), references)
    if aligned.skipped:
        print(f"{file}: left out for want of a reference in {language}: {aligned.skipped}")
    _check_scripts(file, references.origin, aligned, language, protocol)
    return score_rouge(aligned.hypotheses, aligned.references, language=language, protocol=protocol)


def _check_scripts(
    file: Path, reference_origin: str, aligned: "Aligned", language: str, protocol: str
) -> None:
    """Refuse texts most of whose letters the protocol would drop."""
    from mclas_fairseq.errors import DataError
    from mclas_fairseq.evaluation.protocols import get_protocol

    rules = get_protocol(protocol, language)
    references = [text for texts in aligned.references for text in texts]
    sides: list[tuple[str, Sequence[str]]] = [
        (reference_origin, references),
        (str(file), aligned.hypotheses),
    ]
    for origin, texts in sides:
        share = rules.lost_share(texts)
        if share > _MOST_LOST:
            raise DataError(
                f"{origin}: protocol {protocol!r} in {language!r} must be able to read the script,"
                f" but {100 * share:.0f} % of the letters vanish in tokenisation; check the file,"
                " --lang and --protocol"
            )

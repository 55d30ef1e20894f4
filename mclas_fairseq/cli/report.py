"""`mclas report`: systems beside the baselines, and whether each of them learned anything."""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mclas_fairseq.corpus.records import Record
    from mclas_fairseq.evaluation.inputs import Aligned
    from mclas_fairseq.evaluation.learning import LearningCheck
    from mclas_fairseq.evaluation.rouge import RougeScores

NAME = "report"
HELP = "a table of systems beside baselines, with a check whether they learned, and examples"
NEEDS_FAIRSEQ = False

_DESCRIPTION = """\
Scores several systems on the same documents and puts them beside summaries that need no
summarizer: the best constant summary, a random training summary, the nearest training document's
summary, and the lead sentence translated where the records carry its translation.

Then it says of each system whether it learned: it must beat each baseline (a paired bootstrap
interval of the difference above 0, and at least --margin points), lose when scored against other
documents' references, and write at least 80 % distinct summaries.
"""

_EPILOG = """\
example:
  mclas report --train news/train.jsonl --ref news/test.jsonl --source-lang en --lang de \\
      --system NCLS=ncls.jsonl --system MCLAS=mclas.jsonl --examples 3 --json report.json
"""


def _named_file(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not (name and separator and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE")
    return name, Path(path)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas report`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    add = parser.add_argument
    add("--system", type=_named_file, required=True, action="append", metavar="NAME=FILE",
        help="summaries.jsonl of a system; may be given several times")  # fmt: skip
    add("--ref", type=Path, required=True, metavar="FILE", help="records of the scored documents")
    add("--train", type=Path, required=True, nargs="+", metavar="FILE",
        help="training records, from which the baselines take their summaries")  # fmt: skip
    add("--source-lang", required=True, metavar="CODE", help="language of the documents")
    add("--lang", required=True, metavar="CODE", help="language to score")
    add("--protocol", default="default", metavar="NAME", help="see mclas score")
    add("--tokenizer", type=Path, metavar="PATH", help="see mclas score")
    add("--margin", type=float, default=0.0, metavar="POINTS",
        help="ROUGE-1 points by which a system must beat each baseline (default: 0)")  # fmt: skip
    add("--examples", type=int, default=0, metavar="N", help="show N documents with all summaries")
    add("--seed", type=int, default=1, metavar="N", help="of baselines and shuffling (default: 1)")
    add("--json", type=Path, metavar="FILE", help="write everything there as well")


def run(args: argparse.Namespace) -> int:
    """Score, check, print; exit code 0 whatever the verdicts are."""
    from mclas_fairseq.corpus.output import write_json
    from mclas_fairseq.corpus.records import read_records
    from mclas_fairseq.evaluation.inputs import align, read_hypotheses, read_references
    from mclas_fairseq.evaluation.learning import check_learning
    from mclas_fairseq.evaluation.protocols import get_protocol
    from mclas_fairseq.evaluation.report import summarise, text_table, to_json
    from mclas_fairseq.evaluation.rouge import score_rouge
    from mclas_fairseq.evaluation.scripts import check_script

    rules = get_protocol(args.protocol, args.lang, tokenizer=args.tokenizer)
    test = [record for record in read_records(args.ref) if args.lang in record.summary]
    train = [record for path in args.train for record in read_records(path)]
    _check_documents([*train, *test], args.source_lang)
    references = read_references([args.ref], args.lang)
    aligned = {
        name: align(read_hypotheses(path, args.lang), references) for name, path in args.system
    }

    for name, one in aligned.items():
        check_script(name, one.hypotheses, rules)

    def score(hypotheses: Sequence[str]) -> "RougeScores":
        wanted = [record.summary[args.lang] for record in test]
        return score_rouge(hypotheses, wanted, language=args.lang, protocol=rules)

    baselines, absent = _baselines(train, test, args)
    baseline_scores = {name: score(texts) for name, texts in baselines.items()}
    scores = {name: score(one.hypotheses) for name, one in aligned.items()}
    checks = [
        check_learning(
            name,
            one.hypotheses,
            one.references,
            scores[name],
            baseline_scores,
            margin=args.margin / 100,
            seed=args.seed,
        )
        for name, one in aligned.items()
    ]
    results = [summarise(name, value) for name, value in (baseline_scores | scores).items()]
    print(text_table(results))
    for name in absent:
        print(f"not available here: {name}")
    print()
    for check in checks:
        print(_verdict(check))
    if args.examples:
        _print_examples(test[: args.examples], args, aligned)
    if args.json is not None:
        report = {
            "rows": [to_json(result) for result in results],
            "checks": [_check_to_json(check) for check in checks],
        }
        write_json(args.json, report)
    return 0


def _check_documents(records: Iterable["Record"], source_lang: str) -> None:
    """The nearest document is looked for by its text, so references alone do not suffice."""
    from mclas_fairseq.errors import DataError

    for record in records:
        if source_lang not in record.document:
            found = ", ".join(record.document) or "none"
            raise DataError(
                f"{record.origin}: record {record.id!r} must have a document in {source_lang}, but"
                f" has {found}; give whole records to --ref and --train, or change --source-lang"
            )


def _baselines(
    train: Sequence["Record"], test: Sequence["Record"], args: argparse.Namespace
) -> tuple[dict[str, list[str]], list[str]]:
    from mclas_fairseq.evaluation.baselines import baseline_summaries

    found = baseline_summaries(train, test, args.lang, args.source_lang, args.seed)
    available = {name: texts for name, texts in found.items() if texts is not None}
    return available, [name for name, texts in found.items() if texts is None]


def _verdict(check: "LearningCheck") -> str:
    closest = min(check.baselines.items(), key=lambda item: item[1].difference)
    facts = (
        f"{100 * closest[1].difference:+.2f} [{100 * closest[1].low:+.2f}, "
        f"{100 * closest[1].high:+.2f}] R-1 against the {closest[0]}; "
        f"{100 * check.shuffled.difference:+.2f} [{100 * check.shuffled.low:+.2f}, "
        f"{100 * check.shuffled.high:+.2f}] against other documents' references; "
        f"{100 * check.distinct:.0f} % distinct"
    )
    verdict = "learned" if check.learned else f"DID NOT LEARN ({'; '.join(check.failures)})"
    return f"{check.system}: {verdict}\n  {facts}"


def _check_to_json(check: "LearningCheck") -> dict[str, Any]:
    from mclas_fairseq.evaluation.comparison_report import comparison_to_json

    return {
        "system": check.system,
        "learned": check.learned,
        "failures": check.failures,
        "margin": 100 * check.margin,
        "distinct": round(check.distinct, 4),
        "minus_baselines_rouge1": comparison_to_json(check.baselines),
        "minus_shuffled_rouge1": comparison_to_json({"shuffled": check.shuffled})["shuffled"],
    }


def _print_examples(
    records: Sequence["Record"], args: argparse.Namespace, aligned: Mapping[str, "Aligned"]
) -> None:
    from mclas_fairseq.corpus.text_files import read_lines

    summaries = {
        name: {row["id"]: row["summary"] for row in map(json.loads, _texts(read_lines(path)))}
        for name, path in args.system
    }
    for record in records:
        print(f"\n--- {record.id}\ndocument ({args.source_lang}): ", end="")
        print(record.document_text(args.source_lang))
        for language in dict.fromkeys((args.source_lang, args.lang)):
            for reference in record.summary.get(language, ()):
                print(f"reference ({language}): {reference}")
        for name in aligned:
            for language, text in summaries[name][record.id].items():
                print(f"{name} ({language}): {text}")


def _texts(lines: Iterable[tuple[int, str]]) -> Iterator[str]:
    return (line for _, line in lines if line.strip())

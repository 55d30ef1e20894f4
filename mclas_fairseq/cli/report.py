"""`mclas report`: systems beside the baselines, and whether each of them learned anything."""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mclas_fairseq.corpus.records import Record
    from mclas_fairseq.evaluation.content import ContentRules
    from mclas_fairseq.evaluation.inputs import Aligned
    from mclas_fairseq.evaluation.learning_table import Candidates

NAME = "report"
HELP = "a table of systems beside baselines, with a check whether they learned, and examples"
NEEDS_FAIRSEQ = False

_DESCRIPTION = """\
Scores several systems on the same documents and puts them beside summaries that need no
summarizer: the best constant summary (by ROUGE-1, and by content words), a random training summary,
the nearest training document's summary, the lead sentence translated where the records carry its
translation, the document's title (or first ten words) untranslated, and the reference in the
documents' language untranslated. Where documents have two references, a second table has a row for
people: each reference scored against the others, and everything else against the same others.

Then it says of each system whether it learned. It must beat each baseline but the untranslated
reference (and, in the documents' own language, the title) in content ROUGE-1 (a paired bootstrap
interval of the difference above 0, and at least --margin points), score at least 5 ROUGE-1 points
more against its documents' references than against other documents' (interval above 0), and write
at least 80 % distinct summaries. What people do not meet judges nothing: a system that fails there
alone is not judged.
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
    add("--tltran", type=Path, metavar="FILE",
        help="summaries.jsonl of monolingual summaries translated: one more baseline")  # fmt: skip
    add("--learned-by", choices=("content", "rouge1"), default="content",
        help="measure by which a system must beat the baselines: ROUGE-1 of content words, or of"
        " all words (default: %(default)s)")  # fmt: skip
    add("--margin", type=float, default=0.0, metavar="POINTS",
        help="points of that measure by which a system must beat each baseline (default:"
        " 0)")  # fmt: skip
    add("--examples", type=int, default=0, metavar="N", help="show N documents with all summaries")
    add("--seed", type=int, default=1, metavar="N", help="of baselines and shuffling (default: 1)")
    add("--json", type=Path, metavar="FILE", help="write everything there as well")


def run(args: argparse.Namespace) -> int:
    """Score, check, print; exit code 0 whatever the verdicts are."""
    from mclas_fairseq.corpus.output import write_json
    from mclas_fairseq.corpus.records import read_records
    from mclas_fairseq.evaluation.content import content_rules
    from mclas_fairseq.evaluation.inputs import align, read_hypotheses, read_references
    from mclas_fairseq.evaluation.learning_report import learning_text, learning_to_json
    from mclas_fairseq.evaluation.learning_table import learning_table
    from mclas_fairseq.evaluation.protocols import get_protocol
    from mclas_fairseq.evaluation.protocols.content import ContentProtocol
    from mclas_fairseq.evaluation.scripts import check_script

    protocol = get_protocol(args.protocol, args.lang, tokenizer=args.tokenizer)
    if args.learned_by == "content":
        ContentProtocol(args.lang)  # refuses a language in which content words are not known
    rules = content_rules(protocol, seed=args.seed)
    test = [record for record in read_records(args.ref) if args.lang in record.summary]
    train = [record for path in args.train for record in read_records(path)]
    _check_documents([*train, *test], args.source_lang)
    references = read_references([args.ref], args.lang)
    given = [*args.system, *([("TLTran", args.tltran)] if args.tltran else [])]
    aligned = {name: align(read_hypotheses(path, args.lang), references) for name, path in given}
    for name, one in aligned.items():
        check_script(name, one.hypotheses, protocol)

    candidates, absent = _candidates(train, test, args, rules, aligned)
    table = learning_table(
        candidates,
        [record.summary[args.lang] for record in test],
        rules,
        by=args.learned_by,
        margin=args.margin / 100,
    )
    rouge, *others = learning_text(table)
    print("\n".join([rouge, *(f"not available here: {name}" for name in absent)]))
    print("\n" + "\n\n".join(others))
    if args.examples:
        _print_examples(test[: args.examples], args, aligned)
    if args.json is not None:
        write_json(args.json, learning_to_json(table))
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


def _candidates(
    train: Sequence["Record"],
    test: Sequence["Record"],
    args: argparse.Namespace,
    rules: "ContentRules",
    aligned: Mapping[str, "Aligned"],
) -> tuple["Candidates", list[str]]:
    """Baselines and systems, and the names of the baselines that are not available."""
    from mclas_fairseq.evaluation.baselines import baseline_summaries
    from mclas_fairseq.evaluation.learning_table import Candidates
    from mclas_fairseq.evaluation.untranslated import (
        SHOWN,
        read_titles,
        untranslated_summaries,
    )

    content = None if rules.content is None else rules.content.rules
    titles = read_titles(args.ref, args.source_lang)
    found = {
        **baseline_summaries(train, test, args.lang, args.source_lang, args.seed, content),
        **untranslated_summaries(test, args.lang, args.source_lang, titles),
    }
    baselines = {name: texts for name, texts in found.items() if texts is not None}
    if args.tltran:
        baselines["TLTran"] = list(aligned["TLTran"].hypotheses)
    systems = {name: aligned[name].hypotheses for name, _ in args.system}
    candidates = Candidates(baselines, systems, SHOWN)
    return candidates, [name for name, texts in found.items() if texts is None]


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
        for name, _ in args.system:
            for language, text in summaries[name][record.id].items():
                print(f"{name} ({language}): {text}")


def _texts(lines: Iterable[tuple[int, str]]) -> Iterator[str]:
    return (line for _, line in lines if line.strip())

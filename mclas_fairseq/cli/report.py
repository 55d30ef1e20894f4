"""`mclas report`: systems beside the baselines, and whether each of them learned anything."""

import argparse
from pathlib import Path

NAME = "report"
HELP = "a table of systems beside baselines, with a check whether they learned, and examples"
OUTPUTS = ("json", "html")
ALL_OR_NONE = True
NEEDS_FAIRSEQ = "data"

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

  and a page to look at, with learning curves and attention:
  mclas report --train news/train.jsonl --ref news/test.jsonl --source-lang en --lang de \\
      --system MCLAS=mclas.jsonl --html report.html \\
      --curves MCLAS=train.log --attention MCLAS=attention.jsonl
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
    add("--marks", action="store_true", help="read marks of other programs, see mclas score")
    add("--margin", type=float, default=0.0, metavar="POINTS",
        help="points of that measure by which a system must beat each baseline (default:"
        " 0)")  # fmt: skip
    add("--examples", type=int, default=0, metavar="N", help="show N documents with all summaries")
    add("--html", type=Path, metavar="FILE",
        help="write a page: table, verdicts, curves, documents side by side")  # fmt: skip
    add("--html-documents", type=int, default=10, metavar="N",
        help="documents on the page (default: %(default)s)")  # fmt: skip
    add("--curves", type=_named_file, action="append", default=[], metavar="NAME=LOG",
        help="for the page: the log of a training (--log-format simple)")  # fmt: skip
    add("--attention", type=_named_file, action="append", default=[], metavar="NAME=FILE",
        help="for the page: what mclas summarize --attention wrote of a system")  # fmt: skip
    add("--data", type=Path, metavar="DIR",
        help="data-bin: show the NLL of a trigram model of its training summaries, to stand beside"
        " the systems' cls_nll_loss")  # fmt: skip
    add("--seed", type=int, default=1, metavar="N", help="of baselines and shuffling (default: 1)")
    add("--json", type=Path, metavar="FILE", help="write everything there as well")


def _trigram_bits(args: argparse.Namespace) -> dict[str, float]:
    if args.data is None:
        return {}
    from mclas_fairseq.scoring.trigrams import trigram_bits  # needs fairseq

    return trigram_bits(args.data, args.lang)


def run(args: argparse.Namespace) -> int:
    """Score, check, print; exit code 0 whatever the verdicts are."""
    from mclas_fairseq.corpus.languages import check_language
    from mclas_fairseq.corpus.output import open_output, write_json
    from mclas_fairseq.evaluation.learning_page import learning_page
    from mclas_fairseq.evaluation.learning_report import learning_text, learning_to_json
    from mclas_fairseq.evaluation.learning_run import LearningRequest, examples, learn_from_files
    from mclas_fairseq.evaluation.protocols import get_protocol

    check_language(args.lang, "--lang")
    request = LearningRequest(
        systems=args.system,
        references=args.ref,
        train=args.train,
        source_lang=args.source_lang,
        language=args.lang,
        protocol=get_protocol(args.protocol, args.lang, tokenizer=args.tokenizer),
        tltran=args.tltran,
        learned_by=args.learned_by,
        margin=args.margin / 100,
        seed=args.seed,
        read_marks=args.marks,
    )
    bits = _trigram_bits(args)
    found = learn_from_files(request)
    rouge, *others = learning_text(found.table)
    print("\n".join([rouge, *(f"not available here: {name}" for name in found.absent)]))
    print("\n" + "\n\n".join(others))
    for split, value in bits.items():
        print(f"\ntrigram model of the training summaries, {split} split: {value:.2f} bits a piece")
    for line in examples(found, request, args.examples):
        print(line)
    if args.html is not None:
        page = learning_page(
            found,
            request,
            documents=args.html_documents,
            curves=args.curves,
            attention=args.attention,
        )
        with open_output(str(args.html)) as stream:
            stream.write(page)
    if args.json is not None:
        nll = {split: round(value, 4) for split, value in bits.items()}
        more = {"trigram_bits_per_piece": nll} if nll else {}
        write_json(args.json, {**learning_to_json(found.table), **more})
    return 0

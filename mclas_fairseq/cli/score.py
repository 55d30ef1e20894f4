"""`mclas score`: summaries against references, with signatures, intervals and paired tests.

The work is done in `evaluation/scoring_run.py`; what is shown and written: `evaluation/outputs.py`.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mclas_fairseq.cli.parts.score_labels import add_label_arguments, check_labels, run_labels
from mclas_fairseq.errors import ConfigError

if TYPE_CHECKING:
    from mclas_fairseq.data.data_bin import DataBin
    from mclas_fairseq.evaluation.measuring import Rules
    from mclas_fairseq.evaluation.outputs import Files
    from mclas_fairseq.evaluation.scoring_run import Request

NAME = "score"
HELP = "ROUGE and more of summaries against references, with intervals, tests and signatures"
OUTPUTS = ("json", "markdown", "per_document", "plot", "html")
ALL_OR_NONE = True
NEEDS_FAIRSEQ = "data"

_DESCRIPTION = """\
ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum, each with a bootstrap 95 % interval and a signature; and
what tells a summary from stock phrases: ROUGE of content words (C-1, C-2), and matched minus
shuffled (m-s), the score against a document's references minus that against other documents'.

Hypotheses: plain lines, the summaries.jsonl of mclas extract and mclas summarize, or a log of
fairseq-generate. Several files after one --hyp or --compare are training runs of one system.
References: plain lines (several files: several references), records, or references.SPLIT.jsonl of a
data-bin. Files with ids are matched by id, others line by line. Any of them may be compressed by
gzip, a pipe, or standard input (-).
"""

_EPILOG = """\
examples:
  mclas score --hyp summaries.jsonl --ref data-bin/references.test.jsonl --lang de
  mclas score --hyp mclas.txt --compare ncls.txt --ref reference.0.txt reference.1.txt --lang zh
  zcat decoded.gz | mclas score --hyp - --ref reference.txt --lang de --marks
  mclas score --hyp a-1.jsonl a-2.jsonl --compare b-1.jsonl b-2.jsonl --compare c-1.jsonl \\
      --name A --name B --name C --holm --ref test.jsonl --lang de --json scores.json
  mclas score --hyp generate.log --data data-bin --ref test.jsonl --lang de \\
      --statistics --plot lengths.png --html errors.html --per-document scores.csv
  mclas score --labels spans --hyp labels.tsv --ref de_pud-ud-test.iob2
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas score`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    _add_inputs(parser.add_argument_group("what is scored"))
    _add_rules(parser.add_argument_group("how it is scored"))
    _add_more(parser.add_argument_group("more than ROUGE"))
    _add_outputs(parser.add_argument_group("reports"))
    add_label_arguments(parser.add_argument_group("labels of words instead of summaries"))


def _add_inputs(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--hyp", type=Path, required=True, nargs="+", metavar="FILE",
        help="the summaries, - for standard input; several files are several training runs of the"
        " system")  # fmt: skip
    add("--compare", type=Path, nargs="+", action="append", default=[], metavar="FILE",
        help="another system's summaries of the same documents, to test the difference; may be"
        " given several times")  # fmt: skip
    add("--name", action="append", default=[], metavar="NAME",
        help="what a system is called, --hyp's first; once for each (default: its file's"
        " name)")  # fmt: skip
    add("--ref", type=Path, required=True, nargs="+", metavar="FILE", help="the references")
    add("--lang", metavar="CODE", help="the language to score")
    add("--half", choices=("source", "target"),
        help="a line holds both summaries around [LSEP]: score this one")  # fmt: skip
    add("--marks", action="store_true",
        help="read marks that other programs left in summaries and references, which are refused"
        " otherwise: <q>, </s>, [SEP] and the like end sentences, &amp; and -lrb- are characters,"
        " <unk> is nothing")  # fmt: skip
    add("--data", type=Path, metavar="DIR",
        help="data-bin, for the ids of a log of fairseq-generate, and for the language vocabulary"
        " in --statistics")  # fmt: skip
    add("--documents", type=Path, metavar="FILE",
        help="records with the documents, for novelty, --plot and --html (default: --ref, where"
        " its records have documents)")  # fmt: skip
    add("--source-lang", metavar="CODE",
        help="language of the documents (default: the one that the records have)")  # fmt: skip


def _add_rules(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--protocol", default="default", metavar="NAME",
        help="rules for tokens, stemming and sentences (default: %(default)s; an unknown name lists"
        " those there are for the language)")  # fmt: skip
    add("--tokenizer", type=Path, metavar="PATH",
        help="model of a protocol that scores a model's pieces")  # fmt: skip
    add("--multi-reference", choices=("max", "mean"), default="max",
        help="of several references, the best one counts, or their mean"
        " (default: %(default)s)")  # fmt: skip
    add("--rouge-only", action="store_true",
        help="leave out C-1, C-2 and m-s, which take about a third as long as ROUGE")  # fmt: skip
    add("--precision-recall", action="store_true", help="show precision and recall beside F1")
    add("--holm", action="store_true",
        help="p values with Holm's correction over all comparisons and metrics")  # fmt: skip
    add("--resamples", type=int, default=1000, metavar="N",
        help="of the bootstrap (default: %(default)s)")  # fmt: skip
    add("--seed", type=int, default=12345, metavar="N", help="of all draws (default: %(default)s)")
    add("--workers", type=int, default=1, metavar="N",
        help="processes for ROUGE; the numbers do not depend on it (default: 1)")  # fmt: skip


def _add_more(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--bertscore", action="store_true", help="BERTScore with the encoder of --model")
    add("--moverscore", action="store_true", help="MoverScore with the encoder of --model")
    add("--model", metavar="PATH", help="folder or name of an encoder (library transformers)")
    add("--layer", type=int, metavar="N", help="layer of the encoder (default: tuned, or the last)")
    add("--device", default="cpu", metavar="NAME", help="of the encoder (default: %(default)s)")
    add("--statistics", action="store_true",
        help="lengths, repetitions, empty summaries, languages, novelty")  # fmt: skip


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--json", type=Path, metavar="FILE", help="write all numbers there")
    add("--markdown", type=Path, metavar="FILE", help="write the tables there as Markdown")
    add("--per-document", type=Path, metavar="FILE",
        help="write every document's scores there, as .csv or .jsonl")  # fmt: skip
    add("--plot", type=Path, metavar="FILE", help="draw scores by length and lengths, as .png")
    add("--html", type=Path, metavar="FILE",
        help="write a page of best, worst and random documents there")  # fmt: skip
    add("--html-documents", type=int, default=10, metavar="N",
        help="documents in each section of the page (default: %(default)s)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Read and score, write the reports that are asked for, and print the tables."""
    from mclas_fairseq.evaluation import outputs
    from mclas_fairseq.evaluation.scoring_run import score_files

    if args.labels is not None:
        return run_labels(args)
    check_labels(args)
    _check(args)
    scored = score_files(_request(args))
    outputs.write_reports(scored, _files(args))
    print(outputs.terminal_report(scored))  # last: what reads it may stop early, as head does
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be done before anything is read."""
    from mclas_fairseq.evaluation.outputs import check_files

    systems = 1 + len(args.compare)
    if args.name and len(args.name) != systems:
        raise ConfigError(
            f"--name: must be given once for each system, but there are {len(args.name)} names and"
            f" {systems} systems; give one for --hyp and one for each --compare"
        )
    if len(set(args.name)) < len(args.name):
        raise ConfigError(
            f"--name: systems must have different names, but are called {', '.join(args.name)};"
            " change one"
        )
    if args.holm and not args.compare:
        raise ConfigError(
            "--holm: corrects p values of comparisons, but there is no --compare; add one or leave"
            " --holm out"
        )
    if (args.bertscore or args.moverscore) != (args.model is not None):
        raise ConfigError(
            "--model: goes with --bertscore or --moverscore and they with it, but"
            f" {'no metric' if args.model else 'no model'} is given; give --bertscore --model PATH"
        )
    if args.layer is not None and args.model is None:
        raise ConfigError(
            f"--layer: is for the encoder of --model, but is {args.layer} without one; leave it out"
            " or add --bertscore --model PATH"
        )
    for flag, value, least in (
        ("--resamples", args.resamples, 1),
        ("--html-documents", args.html_documents, 1),
        ("--seed", args.seed, 0),
    ):
        if value < least:
            raise ConfigError(f"{flag}: must be {least} or more, but is {value}; change it")
    check_files(_files(args))


def _request(args: argparse.Namespace) -> "Request":
    from mclas_fairseq.evaluation.comparisons import Resampling
    from mclas_fairseq.evaluation.measuring import SimilarityOptions
    from mclas_fairseq.evaluation.scoring_run import Request

    return Request(
        rules=_rules(args),  # a wrong name must not show after reading everything
        groups=[args.hyp, *args.compare],
        names=args.name,
        references=args.ref,
        settings=Resampling(resamples=args.resamples, seed=args.seed),
        correct=args.holm,
        content=not args.rouge_only,
        similarity=None
        if args.model is None
        else SimilarityOptions(
            args.model, args.layer, args.device, args.bertscore, args.moverscore
        ),
        statistics=args.statistics,
        needs_documents=bool(args.statistics or args.plot or args.html),
        documents=args.documents,
        source_language=args.source_lang,
    )


def _rules(args: argparse.Namespace) -> "Rules":
    from mclas_fairseq.corpus.languages import check_language
    from mclas_fairseq.evaluation.measuring import Rules
    from mclas_fairseq.evaluation.program_marks import Marks
    from mclas_fairseq.evaluation.protocols import get_protocol
    from mclas_fairseq.evaluation.rouge import KINDS

    check_language(args.lang, "--lang")
    protocol = get_protocol(args.protocol, args.lang, tokenizer=args.tokenizer)
    return Rules(
        language=args.lang,
        protocol=protocol,
        multi_reference=args.multi_reference,
        kinds=KINDS if args.precision_recall else ("f1",),
        workers=args.workers,
        half=args.half,
        data=None if args.data is None else _open_data_bin(args.data),
        marks=Marks(read=args.marks, known=protocol.marks),
    )


def _open_data_bin(folder: Path) -> "DataBin":
    from mclas_fairseq.data.data_bin import DataBin  # needs fairseq, which scoring does not

    return DataBin.open(folder)


def _files(args: argparse.Namespace) -> "Files":
    from mclas_fairseq.evaluation.outputs import Files

    return Files(
        json=args.json,
        markdown=args.markdown,
        per_document=args.per_document,
        plot=args.plot,
        html=args.html,
        html_documents=args.html_documents,
    )

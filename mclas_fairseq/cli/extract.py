"""`mclas extract`: the log of fairseq-generate to summaries in input order."""

import argparse
import sys
from pathlib import Path

NAME = "extract"
HELP = "turn the log of fairseq-generate into summaries.jsonl, in input order"
OUTPUTS = ("output",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas extract`."""
    parser.description = (
        "Reads what fairseq-generate printed (its standard output, or generate-SPLIT.txt of\n"
        "--results-path) and writes one JSON object for each document, in the order of the\n"
        'data-bin\'s split: {"id": ..., "summary": {"en": ..., "de": ...}, "score": ...}; the\n'
        "score is fairseq's, in bits. With --nbest of fairseq-generate all hypotheses are kept\n"
        'under "nbest". With several target languages "summary" holds them all, and "targets"\n'
        "has the hypotheses of each."
    )
    parser.epilog = (
        "example:\n"
        "  fairseq-generate data-bin --user-dir mclas_fairseq \\\n"
        "      --task cross_lingual_summarization --path checkpoints/checkpoint_best.pt \\\n"
        "      --beam 5 --max-len-b 60 --no-repeat-ngram-size 3 --scoring rouge > generate.log\n"
        "  mclas extract --log generate.log --data data-bin -o summaries.jsonl"
    )
    parser.add_argument(
        "--log",
        type=Path,
        required=True,
        metavar="FILE",
        help="output of fairseq-generate, - for standard input",
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the data-bin that was decoded"
    )
    parser.add_argument(
        "-o", "--output", default="-", metavar="FILE", help="where to write (default: -, stdout)"
    )


def run(args: argparse.Namespace) -> int:
    """Read the log, write the summaries."""
    from mclas_fairseq.corpus.generation_log import in_input_order, read_hypotheses, read_run
    from mclas_fairseq.corpus.output import write_json_lines
    from mclas_fairseq.data.data_bin import DataBin
    from mclas_fairseq.evaluation.text_input import TextInput

    lines = TextInput(args.log).texts()
    described = read_run(lines)
    ids = DataBin.open(args.data).ids(described.split)
    hypotheses = read_hypotheses(lines, described.languages, described.targets)
    records = in_input_order(hypotheses, ids, described.documents, described.targets)
    written = write_json_lines(args.output, records)
    print(f"mclas extract: {written} of {len(ids)} documents of {described.split}", file=sys.stderr)
    return 0

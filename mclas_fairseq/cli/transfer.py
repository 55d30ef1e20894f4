"""`mclas transfer`: a model with prompts, from and into languages that it was not trained on."""

import argparse
from pathlib import Path

from mclas_fairseq.cli.parts.search_flags import add_search_flags, chosen_options
from mclas_fairseq.errors import ConfigError

NAME = "transfer"
HELP = "score a model with prompts (mGLM) on a matrix of source and target languages"
OUTPUTS = ("json", "markdown", "plot", "summaries")

_DESCRIPTION = """\
Summarize the documents of a split from each source language into each target language, by one
checkpoint of fairseq-train --task glm_seq2seq, and score each cell: ROUGE and content ROUGE with
bootstrap intervals, matched minus shuffled, and the share of summaries in the right language.

Documents in other languages than the data-bin's own are the translations of its records. A cell is
"trained" where the checkpoint learned both languages, else zero-shot: "zero-shot source" (documents
in a new language), "zero-shot target" (a prompt that was never trained), or "zero-shot" (both).
Cells of fewer than 100 documents are marked (few) and decide nothing.
"""

_EXAMPLE = """\
example:
  mclas transfer --checkpoint checkpoints/it/checkpoint_best.pt --data data-bin/records \\
      --source-langs en,fr,de --target-langs it,fr --json transfer.json --plot transfer.png
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of the subcommand."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, metavar="FILE", help="of task glm_seq2seq")
    add("--data", type=Path, required=True, metavar="DIR",
        help="data-bin with documents and references")  # fmt: skip
    add("--source-langs", required=True, metavar="LANG[,LANG...]",
        help="languages of the documents")  # fmt: skip
    add("--target-langs", required=True, metavar="LANG[,LANG...]",
        help="languages of the summaries")  # fmt: skip
    add("--split", choices=("valid", "test"), default="valid",
        help="which documents (default: %(default)s)")  # fmt: skip
    add("--documents", type=int, default=0, metavar="N",
        help="at most N documents a cell, spread evenly (default: all)")  # fmt: skip
    add("--batch-size", type=int, default=16, metavar="N",
        help="documents decoded together (default: %(default)s)")  # fmt: skip
    add("--cpu", action="store_true", help="do not use a GPU")
    reports = parser.add_argument_group("reports")
    reports.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    reports.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write the table there as Markdown"
    )
    reports.add_argument("--plot", type=Path, metavar="FILE", help="draw a heat map (PNG)")
    reports.add_argument(
        "--summaries", type=Path, metavar="FILE",
        help="write what was written there, JSON lines with source, target, id and summary",
    )  # fmt: skip
    add_search_flags(parser.add_argument_group("search, as fairseq-generate"))


def run(args: argparse.Namespace) -> int:
    """Decode and score all cells; print the table."""
    from mclas_fairseq.corpus.output import write_json, write_json_lines
    from mclas_fairseq.corpus.text_files import write_beside
    from mclas_fairseq.evaluation.transfer import (
        TransferSetting,
        plot_transfer,
        score_cell,
        transfer_json,
        transfer_table,
    )
    from mclas_fairseq.inference.transfer import TransferDecoder, check_languages

    sources, targets = (
        [code.strip() for code in text.split(",")]
        for text in (args.source_langs, args.target_langs)
    )
    check_languages(sources, targets)
    for flag, value, least in (
        ("--batch-size", args.batch_size, 1),
        ("--documents", args.documents, 0),
    ):
        if value < least:
            raise ConfigError(f"{flag} {value}: it must be at least {least}")
    device = "cpu" if args.cpu else None
    decoder = TransferDecoder(args.checkpoint, args.data, chosen_options(args), device)
    trained = decoder.sources, decoder.targets
    candidates = sorted({*sources, *targets, *trained[0], *trained[1]})
    cells, written = [], []
    for source in sources:
        for target in targets:
            found = decoder.decode(
                args.split, source, target, batch_size=args.batch_size, documents=args.documents
            )
            setting = TransferSetting.of(source, target, *trained)
            cells.append(score_cell(found, setting, candidates))
            written += [
                {"source": source, "target": target, "id": one, "summary": {target: summary}}
                for one, summary in zip(found.ids, found.hypotheses, strict=True)
            ]
    if args.json is not None:
        write_json(args.json, transfer_json(cells))
    if args.markdown is not None:
        with write_beside(args.markdown) as stream:
            stream.write(transfer_table(cells, "github") + "\n")
    if args.summaries is not None:
        write_json_lines(str(args.summaries), written)
    if args.plot is not None:
        plot_transfer(cells, args.plot)
    print(transfer_table(cells))
    return 0

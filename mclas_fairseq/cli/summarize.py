"""`mclas summarize`: from plain text or records straight to summaries."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mclas_fairseq.cli.parts.search_flags import add_search_flags
from mclas_fairseq.cli.parts.summarizer import (
    InputDocument,
    add_model_flags,
    add_stream_flags,
    load_summarizer,
    read_documents,
)
from mclas_fairseq.errors import ConfigError

if TYPE_CHECKING:
    from mclas_fairseq.inference.results import Hypothesis, Summary
    from mclas_fairseq.inference.summarizer import Summarizer

NAME = "summarize"
HELP = "summarize plain text or records with a checkpoint or a bundle"
OUTPUTS = ("output", "attention")
ALL_OR_NONE = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas summarize`."""
    parser.description = (
        "Reads documents, one a line or one record a line, and writes their summaries, line for\n"
        "line or record for record. The model is loaded once. Plain text gives the summary in the\n"
        "target language (see --write); records give JSON with all summaries and the score in\n"
        "bits. The model is a bundle that mclas export wrote, which brings its own defaults for\n"
        "the search, or a checkpoint with its data-bin."
    )
    parser.epilog = (
        "examples:\n"
        "  mclas summarize --checkpoint checkpoints/checkpoint_best.pt --data data-bin \\\n"
        "      -i documents.jsonl -o summaries.jsonl\n"
        "  echo 'A long report ...' | mclas summarize --model news-en-de"
    )
    add_model_flags(parser)
    add_stream_flags(parser)
    parser.add_argument(
        "--write", choices=("target", "source", "both"), default="target",
        help="for plain text: which summary to write; both are separated by a tab",
    )  # fmt: skip
    parser.add_argument(
        "--target-langs", metavar="LANG[,LANG...]",
        help="of a model with several target languages: those to write (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--attention", type=Path, metavar="FILE",
        help="write there, a JSON line a document, what each piece of its best summary attended to"
        "; mclas report --attention shows it",
    )  # fmt: skip
    parser.add_argument("--batch-size", type=int, default=16, metavar="N", help="default: 16")
    parser.add_argument("--cpu", action="store_true", help="do not use a GPU")
    add_search_flags(parser.add_argument_group("search, as fairseq-generate"))


def run(args: argparse.Namespace) -> int:
    """Load the model, summarize the input."""
    from tqdm import tqdm

    from mclas_fairseq.corpus.output import open_output
    from mclas_fairseq.data.target_languages import parse_languages

    if args.batch_size < 1:
        raise ConfigError(f"--batch-size {args.batch_size}: it must be at least 1")
    summarizer = load_summarizer(args, NAME, parse_languages(args.target_langs))
    items = list(read_documents(args.input, args.format, summarizer.source_lang))
    outputs = summarizer.stream((item.text for item in items), batch_size=args.batch_size)
    written = []
    with open_output(args.output) as stream:
        progress = tqdm(outputs, total=len(items), unit="document", disable=None)
        for item, summary in zip(items, progress, strict=True):
            stream.write(_line(item, summary, _chosen(summarizer, args.write)) + "\n")
            written.append(summary.best)
    if args.attention is not None:
        _write_attention(args.attention, items, written, summarizer)
    return 0


def _write_attention(
    path: Path,
    items: Sequence[InputDocument],
    written: "Sequence[Hypothesis]",
    summarizer: "Summarizer",
) -> None:
    from tqdm import tqdm

    from mclas_fairseq.corpus.output import write_json_lines

    tokenizer, source = summarizer.task.data_bin.tokenizer, summarizer.source_lang
    rows = (
        {
            "id": str(number) if item.id is None else item.id,
            **summarizer.attention(item.text, best).to_json(tokenizer, source),
        }
        for number, (item, best) in enumerate(zip(items, written, strict=True), start=1)
    )
    progress = tqdm(rows, total=len(items), unit="document", desc="attention", disable=None)
    write_json_lines(str(path), progress)


def _chosen(summarizer: "Summarizer", write: str) -> tuple[str, ...]:
    """Languages of the summaries that a line of plain text gets."""
    languages = summarizer.languages
    targets = max(1, len(summarizer.target_langs))
    return {"target": languages[-targets:], "source": languages[:1], "both": languages}[write]


def _line(item: InputDocument, summary: "Summary", chosen: tuple[str, ...]) -> str:
    if item.id is None:
        whole = summary.summary
        return "\t".join(whole[language] for language in chosen)
    if summary.targets:
        from mclas_fairseq.corpus.generation_log import record_of_targets

        ranked = {target: _ranked(found) for target, found in summary.targets.items()}
        record = record_of_targets(item.id, ranked)
    else:
        record = {"id": item.id, **_ranked(summary.hypotheses)}
    if summary.unread_tokens:
        record["unread_tokens"] = summary.unread_tokens
    return json.dumps(record, ensure_ascii=False)


def _ranked(hypotheses: "tuple[Hypothesis, ...]") -> dict[str, Any]:
    best = hypotheses[0]
    record: dict[str, Any] = {"summary": best.summary, "score": best.score}
    if len(hypotheses) > 1:
        record["nbest"] = [{"summary": h.summary, "score": h.score} for h in hypotheses]
    return record

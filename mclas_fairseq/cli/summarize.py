"""`mclas summarize`: from plain text or records straight to summaries."""

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

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

    # A document, the text that its summary was written from, and its best hypothesis.
    _Read = tuple[InputDocument, str, Hypothesis]

logger = logging.getLogger(__name__)

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
    parser.add_argument(
        "--on-long", choices=("truncate", "windows", "refuse"), default="truncate",
        help="a document that is longer than the model reads is cut off there (truncate),"
        " summarized in windows that end at sentences, whose joined summaries are summarized"
        " (windows), or refused before any is summarized (default: truncate)",
    )  # fmt: skip
    parser.add_argument("--batch-size", type=int, default=16, metavar="N", help="default: 16")
    parser.add_argument("--cpu", action="store_true", help="do not use a GPU")
    add_search_flags(parser.add_argument_group("search, as fairseq-generate"))


def run(args: argparse.Namespace) -> int:
    """Load the model, summarize the input."""
    from tqdm import tqdm

    from mclas_fairseq.corpus.output import open_output
    from mclas_fairseq.data.target_languages import parse_languages
    from mclas_fairseq.inference.long_documents import stream_long
    from mclas_fairseq.inference.on_long import choose_on_long

    if args.batch_size < 1:
        raise ConfigError(f"--batch-size {args.batch_size}: it must be at least 1")
    summarizer = load_summarizer(args, NAME, parse_languages(args.target_langs))
    items = list(read_documents(args.input, args.format, summarizer.source_lang))
    on_long = choose_on_long(args.on_long)
    texts = [item.text for item in items]
    warnings = _warn_of_languages(texts, summarizer.source_lang)
    outputs = stream_long(summarizer, texts, on_long, batch_size=args.batch_size)
    with open_output(args.output) as stream:
        progress = tqdm(outputs, total=len(items), unit="document", disable=None)
        chosen = _chosen(summarizer, args.write)
        read: list[_Read] = []
        for item, summary, warning in zip(items, progress, warnings, strict=True):
            stream.write(_line(item, summary, chosen, warning) + "\n")
            text = summary.windows.joined if summary.windows else item.text
            read.append((item, text, summary.best))
    if args.attention is not None:
        _write_attention(args.attention, read, summarizer)
    return 0


def _warn_of_languages(texts: Sequence[str], language: str) -> list[Optional[str]]:
    """What there is to say of the language of each document; the log names the first of them."""
    from mclas_fairseq.inference.document_language import language_warning

    warnings = [language_warning(text, language) for text in texts]
    found = [(number, one) for number, one in enumerate(warnings, start=1) if one]
    if found:
        logger.warning(
            "%s of %s documents do not seem to be in %r, which the model reads (document %d: %s)",
            *(f"{len(found):,}", f"{len(texts):,}", language, *found[0]),
        )
    return warnings


def _write_attention(path: Path, read: "Sequence[_Read]", summarizer: "Summarizer") -> None:
    """Attention of each document, with the text that its summary was written from."""
    from tqdm import tqdm

    from mclas_fairseq.corpus.output import write_json_lines

    tokenizer, source = summarizer.task.data_bin.tokenizer, summarizer.source_lang
    rows = (
        {
            "id": str(number) if item.id is None else item.id,
            **summarizer.attention(text, best).to_json(tokenizer, source),
        }
        for number, (item, text, best) in enumerate(read, start=1)
    )
    progress = tqdm(rows, total=len(read), unit="document", desc="attention", disable=None)
    write_json_lines(str(path), progress)


def _chosen(summarizer: "Summarizer", write: str) -> tuple[str, ...]:
    """Languages of the summaries that a line of plain text gets."""
    languages = summarizer.languages
    targets = max(1, len(summarizer.target_langs))
    return {"target": languages[-targets:], "source": languages[:1], "both": languages}[write]


def _line(
    item: InputDocument, summary: "Summary", chosen: tuple[str, ...], warning: Optional[str]
) -> str:
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
    if summary.windows:
        record["windows"] = vars(summary.windows)
    if warning:
        record["warning"] = warning
    return json.dumps(record, ensure_ascii=False)


def _ranked(hypotheses: "tuple[Hypothesis, ...]") -> dict[str, Any]:
    best = hypotheses[0]
    record: dict[str, Any] = {"summary": best.summary, "score": best.score}
    if len(hypotheses) > 1:
        record["nbest"] = [{"summary": h.summary, "score": h.score} for h in hypotheses]
    return record

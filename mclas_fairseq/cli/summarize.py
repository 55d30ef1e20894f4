"""`mclas summarize`: from plain text or records straight to summaries."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "summarize"
HELP = "summarize plain text or records with a trained checkpoint"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas summarize`."""
    parser.description = (
        "Reads documents, one a line or one record a line, and writes their summaries, line for\n"
        "line or record for record. The model is loaded once. Plain text gives the summary in the\n"
        "target language (see --write); records give JSON with all summaries and the score in bits."
    )
    parser.epilog = (
        "examples:\n"
        "  mclas summarize --checkpoint checkpoints/checkpoint_best.pt --data data-bin \\\n"
        "      -i documents.jsonl -o summaries.jsonl\n"
        "  echo 'A long report ...' | mclas summarize --checkpoint c.pt --data data-bin"
    )
    parser.add_argument(
        "--checkpoint", type=Path, required=True, nargs="+", metavar="FILE",
        help="checkpoint; several of them are decoded as an ensemble",
    )  # fmt: skip
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="its data-bin")
    parser.add_argument("-i", "--input", default="-", metavar="FILE", help="default: -, stdin")
    parser.add_argument("-o", "--output", default="-", metavar="FILE", help="default: -, stdout")
    parser.add_argument(
        "--format", choices=("auto", "text", "records"), default="auto",
        help="what the input is; auto: records when the first line starts with a brace",
    )  # fmt: skip
    parser.add_argument(
        "--write", choices=("target", "source", "both"), default="target",
        help="for plain text: which summary to write; both are separated by a tab",
    )  # fmt: skip
    parser.add_argument("--batch-size", type=int, default=16, metavar="N", help="default: 16")
    parser.add_argument("--cpu", action="store_true", help="do not use a GPU")
    _add_search_options(parser.add_argument_group("search, as fairseq-generate"))


def _add_search_options(group: Any) -> None:
    from mclas_fairseq.inference.options import DecodingOptions

    defaults = DecodingOptions()
    described = (
        ("beam", int, "hypotheses kept at each step"),
        ("nbest", int, "hypotheses written for each document (records only)"),
        ("max_len_a", float, "longest summary per token of the document"),
        ("max_len_b", int, "longest summary in tokens, each summary"),
        ("min_len", int, "shortest summary in tokens, each summary"),
        ("lenpen", float, "exponent of the length penalty"),
        ("no_repeat_ngram_size", int, "no n-gram twice in a summary; 0: no blocking"),
    )
    for name, kind, text in described:
        value = getattr(defaults, name)
        group.add_argument(
            "--" + name.replace("_", "-"), type=kind, default=value, metavar="N",
            help=f"{text} (default: {value})",
        )  # fmt: skip
    for name, choices in (
        ("length_penalty", ("fairseq", "gnmt")),
        ("ngram_block_scope", ("summary", "sequence")),
        ("restrict_vocab", ("both", "target", "none")),
    ):
        value = getattr(defaults, name)
        flag = "--" + name.replace("_", "-")
        group.add_argument(flag, choices=choices, default=value, help=f"(default: {value})")


@dataclass(frozen=True)
class _Item:
    id: str | None
    text: str


def run(args: argparse.Namespace) -> int:
    """Load the checkpoint, summarize the input."""
    from dataclasses import fields

    from tqdm import tqdm

    from mclas_fairseq.cli._output import open_output
    from mclas_fairseq.inference.options import DecodingOptions
    from mclas_fairseq.inference.summarizer import Summarizer

    if args.batch_size < 1:
        from mclas_fairseq.errors import ConfigError

        raise ConfigError(f"--batch-size {args.batch_size}: it must be at least 1")
    options = DecodingOptions(**{f.name: getattr(args, f.name) for f in fields(DecodingOptions)})
    summarizer = Summarizer.load(args.checkpoint, args.data, options, cpu=args.cpu)
    items = list(_read(args.input, args.format, summarizer.task.source_lang))
    outputs = summarizer.summarize((item.text for item in items), batch_size=args.batch_size)
    with open_output(args.output) as stream:
        progress = tqdm(outputs, total=len(items), unit="document", disable=None)
        for item, hypotheses in zip(items, progress, strict=True):
            stream.write(_line(item, hypotheses, summarizer.languages, args.write) + "\n")
    return 0


def _read(name: str, kind: str, language: str) -> Iterator[_Item]:
    """Yield the documents of the input; raises DataError naming the line of a bad one."""
    from mclas_fairseq.corpus.record import parse_record
    from mclas_fairseq.corpus.text_files import normalize_text
    from mclas_fairseq.errors import DataError

    label = "standard input" if name == "-" else name
    for number, line in _lines(name):
        if kind == "auto":
            kind = "records" if line.lstrip().startswith("{") else "text"
        if kind == "records":
            record = parse_record(line, f"{label}:{number}", "translation")
            if language not in record.document:
                raise DataError(
                    f"{label}:{number}: the checkpoint reads documents in {language!r}, this "
                    f"record has {', '.join(record.document) or 'none'}; add document.{language}"
                )
            yield _Item(record.id, record.document_text(language))
        else:
            text = normalize_text(line)
            if not text:
                raise DataError(f"{label}:{number}: a document must have text, the line is empty")
            yield _Item(None, text)


def _lines(name: str) -> Iterable[tuple[int, str]]:
    if name == "-":
        return ((number, line.rstrip("\n")) for number, line in enumerate(sys.stdin, start=1))
    from mclas_fairseq.corpus.text_files import read_lines

    return read_lines(Path(name))


def _line(item: _Item, hypotheses: Any, languages: tuple[str, ...], write: str) -> str:
    best = hypotheses[0]
    if item.id is None:
        chosen = {"target": languages[-1:], "source": languages[:1], "both": languages}[write]
        return "\t".join(best.summary[language] for language in chosen)
    record: dict[str, Any] = {"id": item.id, "summary": best.summary, "score": best.score}
    if len(hypotheses) > 1:
        record["nbest"] = [{"summary": h.summary, "score": h.score} for h in hypotheses]
    return json.dumps(record, ensure_ascii=False)

"""`mclas summarize`: from plain text or records straight to summaries."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mclas_fairseq.cli._search_flags import add_search_flags, given_search_flags, search_options
from mclas_fairseq.errors import ConfigError

if TYPE_CHECKING:
    from mclas_fairseq.inference.results import Hypothesis, Summary
    from mclas_fairseq.inference.summarizer import Summarizer

NAME = "summarize"
HELP = "summarize plain text or records with a checkpoint or a bundle"


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
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="bundle, a folder that mclas export wrote"
    )
    parser.add_argument(
        "--checkpoint", type=Path, nargs="+", metavar="FILE",
        help="or a checkpoint; several of them are decoded as an ensemble",
    )  # fmt: skip
    parser.add_argument("--data", type=Path, metavar="DIR", help="the checkpoint's data-bin")
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
    parser.add_argument(
        "--target-langs", metavar="LANG[,LANG...]",
        help="of a model with several target languages: those to write (default: all)",
    )  # fmt: skip
    parser.add_argument("--batch-size", type=int, default=16, metavar="N", help="default: 16")
    parser.add_argument("--cpu", action="store_true", help="do not use a GPU")
    add_search_flags(parser.add_argument_group("search, as fairseq-generate"))


@dataclass(frozen=True)
class _Item:
    id: str | None
    text: str


def run(args: argparse.Namespace) -> int:
    """Load the model, summarize the input."""
    from tqdm import tqdm

    from mclas_fairseq.cli._output import open_output

    if args.batch_size < 1:
        raise ConfigError(f"--batch-size {args.batch_size}: it must be at least 1")
    summarizer = _load(args)
    items = list(_read(args.input, args.format, summarizer.source_lang))
    outputs = summarizer.stream((item.text for item in items), batch_size=args.batch_size)
    with open_output(args.output) as stream:
        progress = tqdm(outputs, total=len(items), unit="document", disable=None)
        for item, summary in zip(items, progress, strict=True):
            stream.write(_line(item, summary, _chosen(summarizer, args.write)) + "\n")
    return 0


def _load(args: argparse.Namespace) -> "Summarizer":
    from mclas_fairseq.data.target_languages import parse_languages
    from mclas_fairseq.inference.summarizer import Summarizer

    device = "cpu" if args.cpu else None
    targets = parse_languages(args.target_langs)
    if args.model is not None:
        given = [f"--{name}" for name in ("checkpoint", "data") if getattr(args, name)]
        if given:
            raise ConfigError(
                f"--model: a bundle brings all it needs, but {' and '.join(given)}"
                f" {'is' if len(given) == 1 else 'are'} given as well; leave out one or the other"
            )
        changes = given_search_flags(args)
        return Summarizer.from_bundle(
            args.model, changes=changes, device=device, target_langs=targets
        )
    if args.checkpoint is None or args.data is None:
        found = " and ".join(
            f"{'has no' if getattr(args, name) is None else 'has'} --{name}"
            for name in ("checkpoint", "data")
        )
        raise ConfigError(
            f"mclas summarize: needs a bundle (--model) or a checkpoint and its data-bin"
            f" (--checkpoint, --data), but {found}; give one or the other"
        )
    options = search_options(args)
    return Summarizer.load(args.checkpoint, args.data, options, device=device, target_langs=targets)


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


def _chosen(summarizer: "Summarizer", write: str) -> tuple[str, ...]:
    """Languages of the summaries that a line of plain text gets."""
    languages = summarizer.languages
    targets = max(1, len(summarizer.target_langs))
    return {"target": languages[-targets:], "source": languages[:1], "both": languages}[write]


def _line(item: _Item, summary: "Summary", chosen: tuple[str, ...]) -> str:
    if item.id is None:
        whole = summary.summary
        return "\t".join(whole[language] for language in chosen)
    if summary.targets:
        from mclas_fairseq.data.generation_log import record_of_targets

        ranked = {target: _ranked(found) for target, found in summary.targets.items()}
        record = record_of_targets(item.id, ranked)
    else:
        record = {"id": item.id, **_ranked(summary.hypotheses)}
    return json.dumps(record, ensure_ascii=False)


def _ranked(hypotheses: "tuple[Hypothesis, ...]") -> dict[str, Any]:
    best = hypotheses[0]
    record: dict[str, Any] = {"summary": best.summary, "score": best.score}
    if len(hypotheses) > 1:
        record["nbest"] = [{"summary": h.summary, "score": h.score} for h in hypotheses]
    return record

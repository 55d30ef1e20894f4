"""Sixty outputs of the study's best system, drawn for a person to read, and what the reading found.

    python -m studies.ddtp.reading draw OUT --corpus it --split valid --page docs/ddtp_examples.md
    python -m studies.ddtp.reading draw OUT --corpus it --page page.md --summaries FILE --name NCLS
    python -m studies.ddtp.reading count docs/ddtp_examples.md

`draw` sorts the split's outputs by content ROUGE-1 and takes sixty at equal distances, the worst
first: each with its document, its reference and an empty line "wrong:". The best system is the
cell with the highest content ROUGE-1 at the most triples that any has; its outputs of the test
split are in the table, once that is opened, those of validation in OUT. The reader writes after
"wrong:" what is, with commas between, or "nothing":

  content          says something else than the document does
  word             a wrong, missing or invented word in a summary that is right otherwise
  grammar          agreement, articles, order
  loop             words that come again
  left in English  words that Italian (or another language) has its own for
  name             a name that is cut, spelled wrong, or another one's

`count` puts the table of these between the marks of the page; run it again after more is read.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mclas_fairseq.corpus.records import Record, read_records
from mclas_fairseq.corpus.text_files import write_beside
from studies.ddtp import report
from studies.ddtp.cells import CORPORA, NAMES
from studies.harness.running import training_name
from studies.harness.summaries import CONTENT, Summary, by_document, measure, read_summaries
from studies.harness.table import RESULTS, Table

OUTPUTS = 60
KINDS = ("content", "word", "grammar", "loop", "left in English", "name")
NOTHING = "nothing"
_WORDS = 80  # of a document that are shown
_PARTS = ("lowest third", "middle third", "highest third")
_TABLE = re.compile(r"(<!-- counted -->\n).*?(<!-- /counted -->)", re.DOTALL)
_WRONG = re.compile(r"^- wrong:[ \t]*(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Reading:
    """What is read.

    Attributes:
        name: of the system.
        split: whose outputs they are.
        language: of the summaries.
        records: of the split.
        summaries: of all its documents.
    """

    name: str
    split: str
    language: str
    records: Path
    summaries: Sequence[Summary]


def page(reading: Reading, count: int = OUTPUTS) -> Iterator[str]:
    """Lines of a page with outputs at equal distances in the order of their scores."""
    language = reading.language
    scores = measure(reading.summaries, reading.records, language)
    values = by_document(scores, CONTENT)
    every = [record for record in read_records(reading.records) if language in record.summary]
    texts = {one["id"]: one["summary"][language] for one in reading.summaries}
    order = np.argsort(values, kind="stable")
    wanted = order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]
    yield f"# {len(wanted)} outputs read: {reading.name}, {reading.split} split"
    yield ""
    yield f"Of the {len(order):,} outputs in {language}, sorted by content ROUGE-1 (mean"
    yield f"{values.mean():.1f}), {len(wanted)} at equal distances, the worst first."
    yield f"Documents are cut to {_WORDS} words. The texts are of Debian's package descriptions"
    yield "and of their translations, under the packages' terms. What the marks mean:"
    yield "`python -m studies.ddtp.reading --help`."
    yield ""
    yield f"`{scores['content_signatures'][CONTENT]}`"
    yield from (
        "",
        "## What is wrong",
        "",
        "<!-- counted -->",
        "<!-- /counted -->",
        "",
        "## Outputs",
    )
    for number, place in enumerate(wanted.tolist(), 1):
        yield from _output(number, every[place], texts[every[place].id], language, values[place])


def _output(number: int, record: Record, text: str, language: str, score: float) -> Iterator[str]:
    words = record.document_text("en").split()
    document = " ".join(words[:_WORDS]) + (" ..." if len(words) > _WORDS else "")
    yield from ("", f"### {number}. `{record.id}`, content ROUGE-1 {score:.0f}", "")
    yield f"- document: {document}"
    for code in ("en", language):
        yield f"- synopsis ({code}): {record.summary[code][0]}"
    yield f"- output ({language}): {text}"
    yield "- wrong:"


def counted(text: str) -> Iterator[str]:
    """The table of what a page's reader wrote, by thirds of the scores.

    Raises:
        SystemExit: a mark is none of the known ones.
    """
    marks = [_marks(number, found) for number, found in enumerate(_WRONG.findall(text), 1)]
    parts = [part.tolist() for part in np.array_split(np.arange(len(marks)), len(_PARTS))]
    read = [sum(bool(marks[place]) for place in part) for part in parts]
    heads = (f"{name} ({count} read)" for name, count in zip(_PARTS, read, strict=True))
    yield f"| | {' | '.join(heads)} | all ({sum(read)} read) |"
    yield "|---|" + "---|" * (len(_PARTS) + 1)
    for kind in (*KINDS, NOTHING):
        found = [sum(kind in marks[place] for place in part) for part in parts]
        yield f"| {kind} | {' | '.join(map(str, found))} | {sum(found)} |"
    if sum(read) < len(marks):
        yield ""
        yield f"{len(marks) - sum(read)} of {len(marks)} outputs are not read yet."


def _marks(number: int, text: str) -> list[str]:
    marks = [mark.strip() for mark in text.split(",") if mark.strip()]
    unknown = [mark for mark in marks if mark not in (*KINDS, NOTHING)]
    if unknown or (NOTHING in marks and len(marks) > 1):
        raise SystemExit(
            f"output {number}: after 'wrong:' must stand {NOTHING!r}, or some of"
            f" {', '.join(KINDS)} with commas between, found {text!r}; correct it"
        )
    return marks


def best_system(out: Path, corpus: str, split: str, table: Table) -> Reading:
    """The cell with the highest content ROUGE-1 among those on the most triples.

    Raises:
        SystemExit: none is there.
    """
    rows = report.Results(CORPORA[corpus], split, table).rows
    there = [(cell, row) for cell, row in rows.items() if split in row]
    if not there:
        raise SystemExit(
            f"{table.path}: no cell has scores of the {split} split yet; finish one with `python -m"
            " studies.ddtp run`, or give --summaries and --name"
        )
    most = max(cell.size for cell, _ in there)
    last = [(cell, row) for cell, row in there if cell.size == most]
    cell, row = max(last, key=lambda one: one[1][split][corpus]["means"][CONTENT]["f"])
    if split == "test":
        summaries = table.summaries(cell.name, split) or []
    else:
        training = training_name(cell.name, row["rate"])
        summaries = read_summaries(out / corpus / "summaries" / f"{training}.{split}.jsonl")
    name = f"{NAMES[cell.system]} from {cell.start.replace('ms', 'MS')}, {cell.size:,} triples"
    records = out / corpus / "records" / f"{split}.jsonl"
    return Reading(f"{name}, seed {cell.seed}", split, corpus, records, summaries)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(
        prog="python -m studies.ddtp.reading",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    draw = commands.add_parser("draw", help="write the page to be read")
    draw.add_argument("out", type=Path, metavar="OUT", help="folder of the study")
    draw.add_argument("--corpus", choices=tuple(CORPORA), required=True)
    draw.add_argument("--split", choices=("valid", "test"), default="valid")
    draw.add_argument("--page", type=Path, required=True, metavar="FILE", help="must not exist")
    draw.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    draw.add_argument("--summaries", type=Path, metavar="FILE", help="of another system")
    draw.add_argument("--name", default="a system", help="of that one")
    count = commands.add_parser("count", help="count what the reader wrote")
    count.add_argument("page", type=Path, metavar="FILE")
    return whole


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says."""
    args = parser().parse_args(arguments)
    if args.command == "count":
        text = args.page.read_text(encoding="utf-8")
        table = "\n".join(counted(text)) + "\n"
        _write(args.page, _TABLE.sub(lambda match: match[1] + table + match[2], text))
        print(table, end="")
        return
    if args.page.exists():
        raise SystemExit(f"{args.page}: is there, perhaps with somebody's reading; name another")
    if args.summaries:
        records = args.out / args.corpus / "records" / f"{args.split}.jsonl"
        summaries = read_summaries(args.summaries)
        reading = Reading(args.name, args.split, args.corpus, records, summaries)
    else:
        reading = best_system(args.out, args.corpus, args.split, Table("ddtp", args.results))
    _write(args.page, "\n".join(page(reading)) + "\n")


def _write(path: Path, text: str) -> None:
    with write_beside(path) as stream:
        stream.write(text)


if __name__ == "__main__":
    main()

"""What a summary was written from: a word that is pointed at lights up what it attended to.

The weights are those of `mclas summarize --attention`. Words hold their numbers in the page; the
little script that lights them up is the only one, and without it the page shows the same texts.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.json_text import parse_json
from mclas_fairseq.corpus.text_files import read_lines
from mclas_fairseq.errors import DataError

_FEWEST = 0.02  # a weight below it lights nothing up

SCRIPT = """
for (const box of document.querySelectorAll('.attention')) {
  const rows = JSON.parse(box.dataset.weights);
  const show = (event) => {
    const word = event.target.closest('[data-row]');
    if (!word) return;
    for (const other of box.querySelectorAll('[data-column]')) {
      const weight = rows[word.dataset.row][other.dataset.column] || 0;
      other.style.setProperty('--weight', Math.min(1, weight * 2));
    }
    box.querySelectorAll('.chosen').forEach((one) => one.classList.remove('chosen'));
    word.classList.add('chosen');
  };
  box.addEventListener('mouseover', show);
  box.addEventListener('focusin', show);
}
""".strip()

STYLE = """
article > h4 { margin: .75rem .9rem 0; }
.attention [data-column] { background: rgb(255 170 0 / calc(var(--weight, 0) * 100%)); }
.attention [data-row] { cursor: pointer; border-bottom: 1px dotted currentColor; }
.attention .chosen { outline: 2px solid #0072b2; border-radius: .2em; }
""".strip()


@dataclass(frozen=True)
class Text:
    """A document or a summary in pieces.

    Attributes:
        language: its code.
        pieces: the text that each piece adds, spaces included.
    """

    language: str
    pieces: Sequence[str]


@dataclass(frozen=True)
class Trace:
    """Attention of one hypothesis.

    Attributes:
        document: as the model read it.
        summaries: in the order in which they were written.
        weights: of each piece that was written, to the document's pieces and then to those that
            were written: row -> column -> weight; columns of small weights are left out.
    """

    document: Text
    summaries: Sequence[Text]
    weights: Sequence[Mapping[int, float]]


def read_traces(path: Path) -> dict[str, Trace]:
    """Read a file that `mclas summarize --attention` wrote: id -> attention.

    Raises:
        DataError: a line is not such attention; file and line are named.
    """
    traces = {}
    for number, line in read_lines(path):
        try:
            row = parse_json(line)
            document = Text(row["document"]["language"], list(row["document"]["pieces"]))
            summaries = [Text(one["language"], list(one["pieces"])) for one in row["summaries"]]
            weights = [_weights(row, step) for step in range(sum(len(t.pieces) for t in summaries))]
            traces[str(row["id"])] = Trace(document, summaries, weights)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise DataError(
                f"{path}:{number}: must be attention as mclas summarize --attention writes it, but"
                f" is not ({type(error).__name__}: {error}); write it again"
            ) from error
    return traces


def _weights(row: Mapping[str, Any], step: int) -> dict[int, float]:
    to_document, to_summaries = row["to_document"][step], row["to_summaries"][step]
    both = [*map(float, to_document), *map(float, to_summaries)]
    return {column: round(weight, 3) for column, weight in enumerate(both) if weight >= _FEWEST}


def trace_box(trace: Trace) -> str:
    """The document and the summaries with their weights, as HTML."""
    weights = escape(json.dumps(trace.weights, separators=(",", ":")))
    document = "".join(_words(trace.document.pieces, 0))
    parts = [
        f'<div class="document"><h4>Document ({escape(trace.document.language)})</h4>'
        f'<p class="text" lang="{escape(trace.document.language)}" dir="auto">{document}</p></div>'
    ]
    step = 0
    for summary in trace.summaries:
        words = "".join(_words(summary.pieces, len(trace.document.pieces) + step, step))
        parts.append(
            f"<div><h4>Summary ({escape(summary.language)})</h4>"
            f'<p class="text" lang="{escape(summary.language)}" dir="auto">{words}</p></div>'
        )
        step += len(summary.pieces)
    return f'<div class="attention columns" data-weights="{weights}">{"".join(parts)}</div>\n'


def _words(pieces: Sequence[str], column: int, row: int | None = None) -> Iterator[str]:
    """Pieces as elements, numbered from `column` on; those of summaries have a row as well."""
    for number, piece in enumerate(pieces):
        text = piece.lstrip(" ")
        place = f'data-column="{column + number}"'
        if row is not None:
            place += f' data-row="{row + number}" tabindex="0"'
        yield f"{' ' * (len(piece) - len(text))}<span {place}>{escape(text)}</span>"

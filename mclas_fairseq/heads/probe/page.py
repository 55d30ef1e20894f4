"""The page of a probe: a grid of heads; a head opens its mean map and the maps of documents.

One self-contained file that opens without a server or a network, in light and dark. Texts of data
are put in by the script as text, never as HTML. Without the script the page shows the table of
heads. Weights are rounded to 1/255.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np

from mclas_fairseq.evaluation.html.style import STYLE
from mclas_fairseq.heads.probe.documents import Document
from mclas_fairseq.heads.probe.page_script import SCRIPT
from mclas_fairseq.heads.probe.page_style import DARK, OWN
from mclas_fairseq.heads.probe.report import Report, rows_of_heads, table
from mclas_fairseq.heads.probe.statistics import Floats
from mclas_fairseq.modules.attention_heads import split_name

_WIDEST = 200  # pieces of a document that a map shows


def page(report: Report) -> str:
    """The whole page."""
    title = "What the heads do"
    style = "\n".join([STYLE, OWN, DARK])
    # "<" must not end the script that holds the data.
    data = json.dumps(_data(report), separators=(",", ":"), ensure_ascii=False)
    data = data.replace("<", "\\u003c")
    about = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in report.about.items()
    )
    lines = escape("\n".join(table(report)))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{style}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<dl>{about}</dl>\n<pre>{lines}</pre>\n{''.join(_grids(report))}"
        '<section id="maps" aria-live="polite"></section>\n'
        f'<script type="application/json" id="data">{data}</script>\n'
        f"<script>\n{SCRIPT}\n</script>\n</body>\n</html>\n"
    )


def _grids(report: Report) -> Iterator[str]:
    titles = {"self": "Self-attention", "cross": "Cross-attention"}
    for kind, names in report.measured.heads.items():
        labels = dict(zip(names, report.labels_of(kind), strict=True))
        places = list(dict.fromkeys(split_name(name)[0] for name in names))
        yield (
            f'<h2>{titles[kind]}</h2>\n<p class="note">A row a layer. Choose a head to see what it'
            ' attends to.</p>\n<div class="scroll"><table class="grid">\n'
        )
        for place in places:
            cells = "".join(
                _cell(name, labels[name]) for name in names if split_name(name)[0] == place
            )
            yield f"<tr><th>{escape(place)}</th>{cells}</tr>\n"
        yield "</table></div>\n"


def _cell(name: str, labels: Sequence[str]) -> str:
    own = [label for label in labels if label != "strictly local"]
    kinds = " ".join(f"is-{label}" for label in own) or "is-none"
    text = ", ".join(own) or "no label"
    number = split_name(name)[1]
    return (
        f'<td><button type="button" class="head {kinds}" data-head="{escape(name)}">'
        f"<b>{number}</b> {escape(text)}</button></td>"
    )


def _data(report: Report) -> dict[str, Any]:
    measured = report.measured
    means = measured.maps.means()
    slots = {
        name: place
        for names in measured.heads.values()
        for name, place in zip(names, _slots(names), strict=True)
    }
    return {
        "heads": {row["head"]: _of_head(row, slots) for row in rows_of_heads(report)},
        "means": {
            place: {
                "rows": measured.maps.rows[place],
                "columns": measured.maps.columns[place],
                "maps": [_packed(one / max(float(one.max()), 1e-9)) for one in maps],
                "largest": [round(float(one.max()), 4) for one in maps],
            }
            for place, maps in means.items()
        },
        "documents": [_of_document(document) for document in measured.shown],
    }


def _slots(names: Sequence[str]) -> list[int]:
    """Place of each head in the maps of its attention."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        place = split_name(name)[0]
        found.append(seen.setdefault(place, 0))
        seen[place] += 1
    return found


def _of_head(row: dict[str, Any], slots: dict[str, int]) -> dict[str, Any]:
    values = {
        name: round(value, 3)
        for name, value in row["statistics"].items()
        if value is not None and not name.endswith("_std")
    }
    place, slot = split_name(row["head"])[0], slots[row["head"]]
    return {"place": place, "slot": slot, "labels": row["labels"], "values": values}


def _of_document(document: Document) -> dict[str, Any]:
    first, second = list(document.first.pieces), list(document.second.pieces)
    whole = ["[BOS]", *first, "[LSEP]", *second]
    maps = {}
    for place, weights in document.maps.items():
        rows = whole
        if weights.shape[1] != len(whole):
            rows = ["[BOS]", *(first if place.startswith("ms_") else second)]
        own = place.endswith(".self")
        columns = rows if own else list(document.source.pieces[:_WIDEST])
        packed = [_packed(one[:, : len(columns)]) for one in weights]
        maps[place] = {"rows": rows, "columns": "rows" if own else "source", "maps": packed}
    return {"id": document.name, "source": list(document.source.pieces[:_WIDEST]), "of": maps}


def _packed(weights: Floats) -> str:
    """Weights (T, S) from 0 to 1 as base64 of bytes, row by row."""
    rounded = np.round(np.clip(np.nan_to_num(weights), 0, 1) * 255).astype(np.uint8)
    return base64.b64encode(rounded.tobytes()).decode("ascii")

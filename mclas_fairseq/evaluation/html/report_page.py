"""The page of `mclas report`: scores beside the baselines, verdicts, learning curves, examples.

One self-contained file that opens without a server or a network. Texts of data are escaped; the one
script lights up attention and is not needed to read the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from mclas_fairseq.evaluation.html import attention
from mclas_fairseq.evaluation.html.curves import Validations, draw_curves
from mclas_fairseq.evaluation.html.style import STYLE
from mclas_fairseq.evaluation.html.tables import score_table
from mclas_fairseq.evaluation.report import SystemResult, signatures

_DARK = """
@media (prefers-color-scheme: dark) {
  :root { --line: #444; --soft: #1d1f22; }
  body { background: #121314; color: #e6e6e6; }
  h2 { border-color: #e6e6e6; }
  h4, .note, caption, td small, .scores, .other { color: #b4b4b4; }
  a { color: #8ab4ff; }
  figure svg { background: #fff; border-radius: .4rem; }
}
""".strip()


@dataclass(frozen=True)
class Example:
    """One document with all that was written of it.

    Attributes:
        name: id of its record.
        document: text.
        references: language -> references.
        summaries: system -> language -> summary.
    """

    name: str
    document: str
    references: Mapping[str, Sequence[str]]
    summaries: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class ReportPage:
    """What the page shows.

    Attributes:
        title: of the page.
        source_lang: language of the documents.
        results: rows of the table, baselines and systems.
        verdicts: text of each system's verdict.
        examples: documents side by side.
        curves: training -> its validations.
        traces: system -> id of a document -> attention of its summary.
    """

    title: str
    source_lang: str
    results: Sequence[SystemResult]
    verdicts: Sequence[str]
    examples: Sequence[Example] = ()
    curves: Mapping[str, Validations] = field(default_factory=dict)
    traces: Mapping[str, Mapping[str, attention.Trace]] = field(default_factory=dict)


def report_page(page: ReportPage) -> str:
    """The whole page."""
    style = "\n".join([STYLE, attention.STYLE, _DARK])
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(page.title)}</title>\n<style>\n{style}\n</style>\n</head>\n"
    )
    body = [_scores(page), _curves(page), _examples(page)]
    script = f"<script>\n{attention.SCRIPT}\n</script>\n" if page.traces else ""
    return f"{head}<body>\n{''.join(body)}{script}</body>\n</html>\n"


def _scores(page: ReportPage) -> str:
    metrics = [key for key in page.results[0].values if "." not in key]
    lines = [f"<h1>{escape(page.title)}</h1>\n", score_table(page.results)]
    for signature in signatures(page.results, metrics):
        lines.append(f"<p><code>{escape(signature.strip('`'))}</code></p>\n")
    lines.append('<section id="verdicts">\n<h2>Did it learn?</h2>\n')
    for verdict in page.verdicts:
        first, _, rest = verdict.partition("\n")
        lines.append(f"<p><strong>{escape(first)}</strong><br>{escape(rest.strip())}</p>\n")
    return "".join([*lines, "</section>\n"])


def _curves(page: ReportPage) -> str:
    picture = draw_curves(page.curves)
    if not picture:
        return ""
    return (
        '<section id="curves">\n<h2>Learning curves</h2>\n<p class="note">On the validation'
        f" documents, as the training's log has them.</p>\n<figure>{picture}</figure>\n</section>\n"
    )


def _examples(page: ReportPage) -> str:
    if not page.examples:
        return ""
    note = "Documents with their references and summaries, side by side."
    if page.traces:
        note += (
            " Point at a word of a summary below, or reach it with the tab key, to see what it"
            " attended to: in the document, and in what was written before."
        )
    articles = "".join(_article(example, page) for example in page.examples)
    return (
        f'<section id="examples">\n<h2>Examples</h2>\n<p class="note">{note}</p>\n{articles}'
        "</section>\n"
    )


def _article(example: Example, page: ReportPage) -> str:
    sources = [
        f'<div class="document"><h4>Document ({escape(page.source_lang)})</h4>'
        f"{_text(example.document, page.source_lang)}</div>",
        f'<div class="references">{_named("Reference", example.references)}</div>',
    ]
    written = [
        f"<div>{_named(system, {code: [text] for code, text in summaries.items()})}</div>"
        for system, summaries in example.summaries.items()
    ]
    traces = [
        f"<h4>What {escape(system)} looked at</h4>{attention.trace_box(of_system[example.name])}"
        for system, of_system in page.traces.items()
        if example.name in of_system
    ]
    return (
        f"<article>\n<header><h3>{escape(example.name)}</h3></header>\n"
        f'<div class="columns">{"".join(sources)}</div>\n'
        f'<div class="columns systems">{"".join(written)}</div>\n{"".join(traces)}</article>\n'
    )


def _named(name: str, texts: Mapping[str, Sequence[str]]) -> str:
    return "".join(
        f"<h4>{escape(name)} ({escape(language)})</h4>{_text(text, language)}"
        for language, several in texts.items()
        for text in several
    )


def _text(text: str, language: str) -> str:
    if not text.strip():
        return '<p class="text empty">(empty)</p>'
    return f'<p class="text" lang="{escape(language)}" dir="auto">{escape(text)}</p>'

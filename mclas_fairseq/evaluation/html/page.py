"""The page for error analysis, put together as one HTML text.

Every text of data or command line is escaped; texts in any language get `lang` and `dir="auto"`, so
that right-to-left ones are set as such. There is no script: the page is the same with JavaScript
off, and on paper.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Optional

from mclas_fairseq.evaluation.comparisons import SystemComparison
from mclas_fairseq.evaluation.documents import Documents
from mclas_fairseq.evaluation.facts import summary_facts
from mclas_fairseq.evaluation.html.explanation import explanation
from mclas_fairseq.evaluation.html.marks import Evidence, find_marks, marked
from mclas_fairseq.evaluation.html.selection import Section, choose_sections
from mclas_fairseq.evaluation.html.style import STYLE
from mclas_fairseq.evaluation.html.tables import comparison_table, score_table
from mclas_fairseq.evaluation.names import NameRule, choose_rule
from mclas_fairseq.evaluation.report import SystemResult, signatures
from mclas_fairseq.evaluation.systems import System

_TITLE = "Error analysis of summaries"


@dataclass(frozen=True)
class Analysis:
    """What the page shows.

    Attributes:
        language: of the scored summaries.
        systems: scored on the same documents; of several runs, the texts of the first are shown.
        results: their rows of the summary table.
        comparisons: of the first system with the others.
        documents: the documents; None: nothing is marked.
        count: documents in each section.
        seed: of the random ones.
    """

    language: str
    systems: Sequence[System]
    results: Sequence[SystemResult]
    comparisons: Sequence[SystemComparison]
    documents: Optional[Documents]
    count: int
    seed: int


def error_page(analysis: Analysis) -> str:
    """The whole page."""
    sections = choose_sections(analysis.systems, count=analysis.count, seed=analysis.seed)
    rules = _rules(analysis)
    head = "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{_TITLE}</title>\n<style>\n{STYLE}\n</style>\n</head>\n",
        ]
    )
    body = [
        _header(analysis),
        explanation(rules, analysis.documents is not None),
        _navigation(sections),
        *(_section(section, analysis, rules) for section in sections),
    ]
    return f"{head}<body>\n{''.join(body)}</body>\n</html>\n"


def _rules(analysis: Analysis) -> dict[str, NameRule]:
    """Language of the summaries that are shown -> how names are told in them."""
    documents = analysis.documents
    if documents is None:
        return {}
    texts: dict[str, list[str]] = {analysis.language: []}
    for system in analysis.systems:
        run = system.runs[0]
        texts[analysis.language] += [*run.hypotheses, *(text for r in run.references for text in r)]
        for summaries in run.summaries:
            for language, text in summaries.items():
                texts.setdefault(_code(language, analysis), []).append(text)
    texts.setdefault(documents.language, []).extend(
        text for references in documents.source_references for text in references
    )
    return {
        language: choose_rule(found, documents.texts, language, documents.language)
        for language, found in texts.items()
        if any(found)
    }


def _header(analysis: Analysis) -> str:
    names = ", ".join(system.name for system in analysis.systems)
    lines = [
        f"<h1>{_TITLE}</h1>\n",
        f'<p class="note">{escape(names)}; {analysis.systems[0].documents:,} documents, summaries'
        f" in {escape(analysis.language)}</p>\n",
        score_table(analysis.results),
        *(comparison_table(comparison) for comparison in analysis.comparisons),
    ]
    metrics = list(analysis.results[0].values)
    for signature in signatures(analysis.results, [key for key in metrics if "." not in key]):
        lines.append(f"<p><code>{escape(signature.strip('`'))}</code></p>\n")
    if any(len(system.runs) > 1 for system in analysis.systems):
        lines.append(
            '<p class="note">Scores are means over the training runs; of each system, the texts of'
            " the first run are shown.</p>\n"
        )
    return f"<header>\n{''.join(lines)}</header>\n"


def _navigation(sections: Sequence[Section]) -> str:
    links = "\n".join(f'<a href="#{one.anchor}">{escape(one.title)}</a>' for one in sections)
    return f"<nav>\n{links}\n</nav>\n"


def _section(section: Section, analysis: Analysis, rules: Mapping[str, NameRule]) -> str:
    articles = "".join(_article(row, analysis, rules) for row in section.rows)
    return (
        f'<section id="{section.anchor}">\n<h2>{escape(section.title)}</h2>\n'
        f'<p class="note">{escape(section.note)}</p>\n{articles}</section>\n'
    )


def _article(row: int, analysis: Analysis, rules: Mapping[str, NameRule]) -> str:
    run = analysis.systems[0].runs[0]
    name = run.ids[row] if run.ids else f"line {run.rows[row] + 1}"
    documents = analysis.documents
    evidence = None if documents is None else Evidence.of(documents.texts[row])
    sources = [_references(row, analysis, evidence, rules)]
    if documents is not None:
        text = _text(documents.texts[row], documents.language)
        title = f"<h4>Document ({escape(documents.language)})</h4>"
        sources.insert(0, f'<div class="document">{title}{text}</div>\n')
    written = [_summaries(row, system, analysis, evidence, rules) for system in analysis.systems]
    return (
        f"<article>\n<header><h3>{escape(name)}</h3></header>\n"
        f'<div class="columns">\n{"".join(sources)}</div>\n'
        f'<div class="columns systems">\n{"".join(written)}</div>\n</article>\n'
    )


def _references(
    row: int,
    analysis: Analysis,
    evidence: Optional[Evidence],
    rules: Mapping[str, NameRule],
) -> str:
    parts = []
    for text in analysis.systems[0].runs[0].references[row]:
        parts.append(f"<h4>Reference ({escape(analysis.language)})</h4>")
        parts.append(_text(text, analysis.language, evidence, rules))
    documents = analysis.documents
    if documents is not None and documents.language != analysis.language:
        for text in documents.source_references[row]:
            parts.append(f"<h4>Reference ({escape(documents.language)})</h4>")
            parts.append(_text(text, documents.language, evidence, rules))
    return f'<div class="references">{"".join(parts)}</div>\n'


def _summaries(
    row: int,
    system: System,
    analysis: Analysis,
    evidence: Optional[Evidence],
    rules: Mapping[str, NameRule],
) -> str:
    """One system's column: its scored summary with scores, then its others."""
    run = system.runs[0]
    parts = [
        f"<h4>{escape(system.name)} ({escape(analysis.language)})</h4>",
        _text(run.hypotheses[row], analysis.language, evidence, rules),
        f'<p class="scores">{_scores(row, system)}</p>',
        _facts(row, system, analysis, rules),
    ]
    others = run.summaries[row] if run.summaries else {}
    for label, text in others.items():
        language = _code(label, analysis)
        if text != run.hypotheses[row] or language != analysis.language:
            parts.append(f'<div class="other"><h4>{escape(system.name)} ({escape(label)})</h4>')
            parts.append(_text(text, language, evidence, rules) + "</div>")
    return f"<div>{''.join(parts)}</div>\n"


def _scores(row: int, system: System) -> str:
    values = [
        f"{escape(measure.label)} {100 * float(system.by_document(key)[row]):.1f}"
        for key, measure in system.measures.items()
        if measure.kind == "f1"
    ]
    return " · ".join([*values, f"{system.lengths[:, row].mean():.0f} tokens"])


def _facts(row: int, system: System, analysis: Analysis, rules: Mapping[str, NameRule]) -> str:
    """How many numbers and names the document lacks, and how many of the references' are there."""
    run, documents, rule = system.runs[0], analysis.documents, rules.get(analysis.language)
    if documents is None or rule is None:
        return ""
    found = summary_facts(run.hypotheses[row], documents.texts[row], run.references[row], rule)
    parts = [
        f"{share.hits} of {share.total} {kind} {what}"
        for what, shares in (
            ("not in the document", found.new),
            ("of the references recalled", found.recalled),
        )
        for kind, share in shares.items()
        if share.total
    ]
    return f'<p class="scores">{" · ".join(parts)}</p>' if parts else ""


def _text(
    text: str,
    language: str,
    evidence: Optional[Evidence] = None,
    rules: Optional[Mapping[str, NameRule]] = None,
) -> str:
    if not text.strip():
        return '<p class="text empty">(empty)</p>'
    rule = (rules or {}).get(language)
    marks = find_marks(text, evidence, rule) if evidence is not None and rule is not None else []
    return f'<p class="text" lang="{escape(language)}" dir="auto">{marked(text, marks)}</p>'


def _code(label: str, analysis: Analysis) -> str:
    """The language of a summary: of plain lines with two, the first is in the documents'."""
    if label == "source" and analysis.documents is not None:
        return analysis.documents.language
    return analysis.language if label in ("source", "target") else label

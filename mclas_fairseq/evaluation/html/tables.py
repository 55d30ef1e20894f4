"""The tables at the head of the page."""

from collections.abc import Sequence
from html import escape

from mclas_fairseq.evaluation.comparison_report import format_p, runs_title
from mclas_fairseq.evaluation.comparisons import SystemComparison
from mclas_fairseq.evaluation.report import SystemResult


def score_table(results: Sequence[SystemResult]) -> str:
    """Systems x F1 of each metric, in points with 95 % intervals, and mean lengths."""
    keys = [key for key in results[0].values if "." not in key]
    head = ["system", *(results[0].values[key].label for key in keys), "length"]
    rows = []
    for result in results:
        cells = [f"<td>{escape(result.name)}</td>"]
        for key in keys:
            value = result.values[key]
            interval = f"<small>[{value.low:z.2f}, {value.high:z.2f}]</small>"
            cells.append(f"<td>{value.mean:z.2f}{interval}</td>")
        rows.append("".join([*cells, f"<td>{result.length:.1f}</td>"]))
    note = (
        "F1 in points with bootstrap 95 % intervals; length in tokens, references"
        f" {results[0].reference_length:.1f}"
    )
    return _table(head, rows, note)


def comparison_table(comparison: SystemComparison) -> str:
    """What the tests say of the difference of two systems."""
    corrected = any(cell.bootstrap_holm is not None for cell in comparison.by_metric.values())
    head = ["metric", "difference", "95 % interval", "wins", "p (bootstrap)", "p (randomisation)"]
    head += ["Holm (bootstrap)", "Holm (randomisation)"] if corrected else []
    over_runs = runs_title(comparison)
    if over_runs:
        head += ["95 % interval (t)", "p (t)", *(["Holm (t)"] if corrected else [])]
    rows = []
    for cell in comparison.by_metric.values():
        result = cell.bootstrap
        cells = [
            escape(cell.label),
            f"{100 * result.difference:+.2f}",
            f"[{100 * result.low:+.2f}, {100 * result.high:+.2f}]",
            f"{100 * result.win_rate:.1f} %",
            format_p(result.p_value),
            format_p(cell.randomisation),
        ]
        if cell.bootstrap_holm is not None and cell.randomisation_holm is not None:
            cells += [format_p(cell.bootstrap_holm), format_p(cell.randomisation_holm)]
        if over_runs and cell.runs is not None:
            interval = f"[{100 * cell.runs.low:+.2f}, {100 * cell.runs.high:+.2f}]"
            cells += [interval, format_p(cell.runs.p_value)]
            cells += [] if cell.runs_holm is None else [format_p(cell.runs_holm)]
        rows.append("".join(f"<td>{text}</td>" for text in cells))
    note = f"{comparison.first} minus {comparison.second}, in points"
    note += f"; t: {over_runs}" if over_runs else ""
    return _table(head, rows, note)


def _table(head: Sequence[str], rows: Sequence[str], note: str) -> str:
    heads = "".join(f"<th>{escape(text)}</th>" for text in head)
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table>\n<caption>{escape(note)}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>\n"
    )

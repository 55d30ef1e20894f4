"""Comparisons of systems as tables for the terminal and Markdown, and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Optional

from tabulate import tabulate

from mclas_fairseq.evaluation.comparisons import Comparison, Resampling, SystemComparison
from mclas_fairseq.evaluation.intervals import PairedComparison
from mclas_fairseq.evaluation.over_runs import RunsComparison
from mclas_fairseq.evaluation.report import escaped


def comparison_table(comparison: SystemComparison, *, style: str = "simple") -> str:
    """Differences of two systems in points, with what both tests say of them.

    Args:
        comparison: of the two systems.
        style: "simple" for the terminal, "github" for Markdown.
    """
    cells = list(comparison.by_metric.values())
    corrected = any(cell.bootstrap_holm is not None for cell in cells)
    headers = ["metric", "difference", "95 % interval", "wins", "p (boot.)", "p (rand.)"]
    headers += ["Holm (b.)", "Holm (r.)"] if corrected else []
    align = ["left", *["right"] * (len(headers) - 1)]
    table = tabulate(
        [_row(cell, corrected) for cell in cells],
        headers,
        tablefmt=style,
        disable_numparse=True,
        colalign=align,
    )
    names = f"{escaped(comparison.first, style)} minus {escaped(comparison.second, style)}"
    over = "documents and training runs" if comparison.several_runs else "documents"
    title = (
        f"{names}, paired bootstrap over {over} (boot.)\n"
        "and approximate randomisation over documents (rand.), p values two-sided"
        f"{', also with Holm’s correction' if corrected else ''}"
    )
    gap = "\n" if style == "simple" else "\n\n"
    found = f"{title}{gap}{table}"
    rows = _runs_rows(cells)
    if not rows:
        return found
    headers = [
        "metric",
        "difference",
        "95 % interval",
        "p (t)",
        *(["Holm (t)"] if corrected else []),
    ]
    align = ["left", *["right"] * (len(headers) - 1)]
    table = tabulate(rows, headers, tablefmt=style, disable_numparse=True, colalign=align)
    return f"{found}\n\n{names}, {runs_title(comparison)}{gap}{table}"


def runs_title(comparison: SystemComparison) -> str:
    """What the interval and p value over runs are; "" where there are none."""
    runs = [cell.runs.runs for cell in comparison.by_metric.values() if cell.runs is not None]
    if not runs:
        return ""
    return (
        f"t over training runs ({runs[0][0]} and {runs[0][1]}) and documents:\n"
        "for claims about methods, where the bootstrap over few runs is too narrow"
    )


def _runs_rows(cells: Sequence[Comparison]) -> list[list[str]]:
    rows = []
    for cell in cells:
        if cell.runs is not None:
            result = cell.runs
            interval = f"[{100 * result.low:+.2f}, {100 * result.high:+.2f}]"
            row = [cell.label, f"{100 * result.difference:+.2f}", interval]
            row.append(format_p(result.p_value))
            rows.append(row + ([] if cell.runs_holm is None else [format_p(cell.runs_holm)]))
    return rows


def _row(cell: Comparison, corrected: bool) -> list[str]:
    result = cell.bootstrap
    row = [
        cell.label,
        f"{100 * result.difference:+.2f}",
        f"[{100 * result.low:+.2f}, {100 * result.high:+.2f}]",
        f"{100 * result.win_rate:.1f} %",
        format_p(result.p_value),
        format_p(cell.randomisation),
    ]
    if corrected:
        row += [
            "" if p is None else format_p(p) for p in (cell.bootstrap_holm, cell.randomisation_holm)
        ]
    return row


def format_p(value: float) -> str:
    """Three decimals; the smallest that resampling can show keeps a digit that is not 0."""
    return f"{value:.3f}" if value >= 0.0005 else f"{value:.4f}"


def comparison_to_json(comparisons: Mapping[str, PairedComparison]) -> dict[str, object]:
    """Metric -> difference and its interval in points, p value and win rate (a share)."""
    return {metric: _paired_to_json(result) for metric, result in comparisons.items()}


def comparisons_to_json(comparison: SystemComparison) -> dict[str, object]:
    """Both names, and for each metric the difference with all p values."""
    return {
        "first": comparison.first,
        "second": comparison.second,
        "metrics": {key: _cell_to_json(cell) for key, cell in comparison.by_metric.items()},
    }


def resampling_to_json(settings: Resampling, *, runs: bool) -> dict[str, object]:
    """How intervals and p values were made.

    Args:
        settings: resamples, rounds and seed.
        runs: whether training runs were resampled too.
    """
    return {
        "interval": f"percentile bootstrap over documents{' and training runs' if runs else ''}",
        "confidence": 0.95,
        "resamples": settings.resamples,
        "randomisation_rounds": settings.rounds,
        "seed": settings.seed,
    }


def _paired_to_json(result: PairedComparison) -> dict[str, object]:
    return {
        "difference": round(100 * result.difference, 4),
        "interval": [round(100 * result.low, 4), round(100 * result.high, 4)],
        "p_value": round(result.p_value, 6),
        "win_rate": round(result.win_rate, 6),
    }


def _cell_to_json(cell: Comparison) -> dict[str, object]:
    numbers = {
        **_paired_to_json(cell.bootstrap),
        "p_value_randomisation": round(cell.randomisation, 6),
    }
    if cell.bootstrap_holm is not None and cell.randomisation_holm is not None:
        numbers["p_value_holm"] = round(cell.bootstrap_holm, 6)
        numbers["p_value_randomisation_holm"] = round(cell.randomisation_holm, 6)
    if cell.runs is not None:
        numbers["over_runs"] = _runs_to_json(cell.runs, cell.runs_holm)
    return numbers


def _runs_to_json(result: RunsComparison, corrected: Optional[float]) -> dict[str, object]:
    numbers: dict[str, object] = {
        "interval_kind": "t over training runs and documents (Welch, Satterthwaite)",
        "interval": [round(100 * result.low, 4), round(100 * result.high, 4)],
        "p_value": round(result.p_value, 6),
        "degrees_of_freedom": round(result.freedom, 2),
        "runs": list(result.runs),
    }
    return numbers if corrected is None else {**numbers, "p_value_holm": round(corrected, 6)}

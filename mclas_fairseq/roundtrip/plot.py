"""A picture of a run's scores: how often each occurs, and what each threshold keeps."""

import io
from typing import Any

from mclas_fairseq.roundtrip.report import Report
from mclas_fairseq.roundtrip.statistics import EDGES, GRID


def draw_scores(report: Report) -> bytes:
    """Draw the histogram of scores and the kept share by threshold; returns a PNG."""
    # A figure without pyplot: nothing is kept in the process, and no display is needed.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    scores, kept = figure.subplots(1, 2)
    _draw_histogram(scores, report)
    _draw_shares(kept, report)
    made = io.BytesIO()
    figure.savefig(made, format="png", dpi=120, metadata={"Software": None})
    return made.getvalue()


def _draw_histogram(axes: Any, report: Report) -> None:
    thresholds = (("T1", report.options.t1), ("T2", report.options.t2))
    for number, (name, threshold) in enumerate(thresholds):
        bins = report.statistics.histogram[number]
        axes.stairs(bins, EDGES, label=f"ROUGE-{number + 1}", color=f"C{number}", fill=False)
        axes.axvline(threshold, color=f"C{number}", linestyle="--", label=f"{name} = {threshold:g}")
    axes.set_xlabel("F1 of the back-translation against the original")
    axes.set_ylabel("summaries" if report.unit == "summary" else "sentences")
    axes.legend()


def _draw_shares(axes: Any, report: Report) -> None:
    shares = report.statistics.kept_shares()
    for column in range(0, len(GRID), 2):
        axes.plot(GRID, [100 * row[column] for row in shares], label=f"T2 = {GRID[column]:g}")
    axes.set_xlabel("T1")
    axes.set_ylabel("kept pairs in percent")
    axes.set_ylim(0, 100)
    axes.legend()

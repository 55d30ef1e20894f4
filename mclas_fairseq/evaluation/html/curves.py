"""Learning curves of trainings as a picture that is part of the page (SVG)."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from mclas_fairseq.evaluation.plots import COLOURS

Validations = Sequence[Mapping[str, float]]
# What is drawn where a log has it: metric -> what the axis says.
METRICS = {
    "cls_nll_loss": "target summary: bits a token",
    "ms_nll_loss": "source summary: bits a token",
    "nll_loss": "bits a token",
    "rouge1": "ROUGE-1 of the target summary",
}


def draw_curves(runs: Mapping[str, Validations]) -> str:
    """An SVG with a panel for each metric, a line for each training; empty where there is none.

    Args:
        runs: name of a training -> its validations, each with `num_updates`.
    """
    metrics = [metric for metric in METRICS if any(_points(one, metric) for one in runs.values())]
    if "cls_nll_loss" in metrics:
        metrics = [metric for metric in metrics if metric != "nll_loss"]
    if not metrics:
        return ""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(metrics), 3.0), layout="constrained")
    FigureCanvasSVG(figure)
    panels: Any = figure.subplots(1, len(metrics), squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=True):
        for colour, (name, validations) in zip(COLOURS, runs.items(), strict=False):
            points = _points(validations, metric)
            if points:
                panel.plot(*zip(*points, strict=True), color=colour, label=name, marker="o", ms=3)
        panel.set_xlabel("updates")
        panel.set_title(METRICS[metric], fontsize="medium")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    picture = text.getvalue()
    return picture[picture.index("<svg") :]


def _points(validations: Validations, metric: str) -> list[tuple[float, float]]:
    return [(one["num_updates"], one[metric]) for one in validations if metric in one]

"""Figures of studies: scores with intervals by size of the training data."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mclas_fairseq.evaluation.intervals import bootstrap_interval
from studies.harness.summaries import Floats


@dataclass(frozen=True)
class Series:
    """One system: where it stands on the axis of sizes, and its values (S, N) at each place."""

    label: str
    colour: str
    at: Sequence[float]
    values: Sequence[Floats]
    bars: bool = False


@dataclass(frozen=True)
class Level:
    """What does not depend on the size, as a baseline: a line across the figure."""

    label: str
    value: float


@dataclass(frozen=True)
class Axes:
    """What a figure says beside its series.

    Attributes:
        ticks: names of the sizes.
        sizes: what these are.
        scores: what the vertical axis is.
        title: above all.
        headroom: how far the axis goes beyond the data, for a legend of three columns above them.
        dpi: dots an inch, of 7 by 4.
        levels: lines across, named at their right ends.
    """

    ticks: Sequence[str]
    sizes: str
    scores: str
    title: str
    headroom: float = 1.0
    dpi: int = 120
    levels: Sequence[Level] = ()


def draw(series: Sequence[Series], axes: Axes, path: Path) -> None:
    """Draw means with 95 % intervals over documents and seeds, as lines or bars."""
    # fairseq lets every logger speak; this one tells of each font that it looks at.
    logging.getLogger("matplotlib").setLevel(logging.WARNING)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    plot = figure.add_subplot()
    for one in series:
        at = np.array(one.at, dtype=float)
        mean = np.array([values.mean() for values in one.values])
        ends = np.array([bootstrap_interval(values) for values in one.values]).T
        style: dict[str, Any] = {"yerr": np.abs(ends - mean), "capsize": 2, "color": one.colour}
        if one.bars:
            plot.bar(at, mean, 0.22, alpha=0.35, label=one.label, **style)
        else:
            plot.errorbar(at, mean, fmt="o-", label=one.label, **style)
    for level in axes.levels:
        plot.axhline(level.value, color="0.6", linestyle=":", zorder=0)
        place = (1.0, level.value)
        plot.annotate(
            level.label, place, xycoords=("axes fraction", "data"), ha="right", va="bottom",
            fontsize="x-small", color="0.4",
        )  # fmt: skip
    plot.set_xticks(range(len(axes.ticks)), axes.ticks)
    plot.set_xlabel(axes.sizes)
    plot.set_ylabel(axes.scores)
    plot.set_title(axes.title, fontsize="medium")
    if axes.headroom > 1:
        plot.set_ylim(top=axes.headroom * plot.get_ylim()[1])
        plot.legend(fontsize="small", ncols=3, loc="upper left")
    elif series:
        plot.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=axes.dpi)

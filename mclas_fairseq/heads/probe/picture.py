"""A picture of a probe: a panel a label, heads side by side, layers one above the other."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mclas_fairseq.heads.probe.labels import Means, attends, larger, means_of
from mclas_fairseq.heads.probe.report import Report
from mclas_fairseq.heads.probe.statistics import Floats
from mclas_fairseq.modules.attention_heads import split_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Kind, title, which heads are framed: those with a label, or that attend in a phase.
_PANELS = (
    ("self", "translation: accuracy", "translation"),
    ("self", "local", "local"),
    ("self", "self", "self"),
    ("self", "mass on [LSEP]", "lsep"),
    ("cross", "content while S^A is written", "a"),
    ("cross", "content while S^B is written", "b"),
)


def draw(report: Report) -> "Figure":
    """The statistics behind the labels; a frame marks the heads that have the label."""
    # A figure without pyplot: nothing is kept in the process, and no display is needed.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [panel for panel in _PANELS if panel[0] in report.measured.rows]
    heads = report.measured.heads
    tall = max(len(_places(names)) for names in heads.values())
    wide = max(1 + max(split_name(name)[1] for name in names) for names in heads.values())
    columns = min(4, len(panels))
    lines = -(-len(panels) // columns)
    size = (1.6 + (0.9 + 0.42 * wide) * columns, (1.3 + 0.42 * tall) * lines)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    grid: Any = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, (kind, title, label) in zip(grid.flat, panels, strict=False):
        means = means_of(report.measured.rows[kind])
        values = _values(title, means)
        if kind == "cross":
            has = attends(means, label, report.limits)
        else:
            has = report.measured.labels(report.limits)[kind][label]
        image = _panel(axes, heads[kind], values, has)
        axes.set_title(f"{kind}: {title}", fontsize="small")
    figure.colorbar(
        image, ax=list(grid.flat), label="0: by chance; framed: has the label (cross: attends)"
    )
    return figure


def _values(title: str, means: Means) -> Floats:
    if title.startswith("translation"):
        return larger(means, "acc")
    if title.startswith("content"):
        return larger(means, "content_a" if "S^A" in title else "content_b")
    return larger(means, "lsep" if "LSEP" in title else title)


def _places(names: list[str]) -> list[str]:
    return list(dict.fromkeys(split_name(name)[0] for name in names))


def _panel(axes: Any, names: list[str], values: Floats, has: Any) -> Any:
    places = _places(names)
    columns = 1 + max(split_name(name)[1] for name in names)
    table = np.full((len(places), columns), np.nan)
    from matplotlib.patches import Rectangle

    for name, value, framed in zip(names, values, has, strict=True):
        place, number = split_name(name)
        row = places.index(place)
        table[row, number] = value
        if framed:
            frame = Rectangle(
                (number - 0.46, row - 0.44), 0.92, 0.88, fill=False, ec="#d55e00", lw=2
            )
            axes.add_patch(frame)
    image = axes.imshow(table, vmin=0.0, vmax=1.0, cmap="viridis", aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            colour = "white" if value < 0.6 else "black"
            axes.text(
                column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=7
            )
    axes.set_xticks(range(columns))
    axes.set_yticks(range(len(places)), [place.removeprefix("decoder.") for place in places])
    return image

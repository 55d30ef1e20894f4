"""Scores by length of the document, and lengths of summaries against their references, as a PNG.

The upper panel cuts the documents into bins of equal numbers by the length of the document (of the
reference where no documents are given); each system has its mean and its bootstrap 95 % interval in
each bin, side by side. Below, one panel a system shows each summary's length against that of its
reference, with the line of equal length. Drawn on `Figure` objects: no state of pyplot, no display.
"""

import logging
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.corpus.writing import open_whole
from mclas_fairseq.evaluation.documents import Documents
from mclas_fairseq.evaluation.intervals import SEED, bootstrap_interval
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.systems import System

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)

# Okabe and Ito's colours, which colour-blind readers can tell apart; no yellow, too faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = "osD^vP*X"
_BINS = 5
# With fewer documents in a bin its interval says nothing.
_FEWEST_IN_A_BIN = 20
_PANELS_A_ROW = 3
_LONGEST_LINE = 36
_LENGTHS_TITLE = "Length of each summary and of its reference; on the line: as long as it"
# Fonts with Chinese, Japanese or Korean letters, for names of systems; the first that is installed.
_CJK_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Source Han Sans SC",
              "Droid Sans Fallback", "Microsoft YaHei", "PingFang SC", "SimHei")  # fmt: skip


@dataclass(frozen=True)
class Bin:
    """Documents of similar length.

    Attributes:
        low: shortest length in the bin, in tokens.
        high: longest length in it.
        members: which documents, shape (n,).
    """

    low: int
    high: int
    members: NDArray[np.int64]


def length_bins(lengths: NDArray[np.float64], count: int = _BINS) -> list[Bin]:
    """Cut documents into at most `count` bins of about equal numbers; equal lengths stay together.

    Args:
        lengths: of each document, shape (N,).
        count: fewer where bins would hold fewer than 20 documents.
    """
    count = max(1, min(count, len(lengths) // _FEWEST_IN_A_BIN))
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, count + 1)[1:-1]))
    places = np.searchsorted(edges, lengths, side="left")
    bins = []
    for place in range(len(edges) + 1):
        members = np.flatnonzero(places == place)
        if len(members):
            inside = lengths[members]
            bins.append(Bin(int(inside.min()), int(np.ceil(inside.max())), members))
    return bins


def document_lengths(documents: Documents) -> NDArray[np.float64]:
    """Tokens of each document under the default protocol of its language, shape (N,)."""
    protocol = get_protocol("default", documents.language)
    return np.array(
        [
            sum(len(protocol.words(sentence)) for sentence in protocol.split_sentences(text))
            for text in documents.texts
        ],
        dtype=np.float64,
    )


def draw(
    systems: Sequence[System],
    documents: Optional[Documents] = None,
    *,
    metric: str = "rouge1",
    seed: int = SEED,
) -> "Figure":
    """Draw all panels.

    Args:
        systems: scored on the same documents.
        documents: the documents; None: bins go by the length of the reference.
        metric: key of the measure in the upper panel.
        seed: of the intervals.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    columns = 2 if len(systems) == 4 else min(len(systems), _PANELS_A_ROW)
    rows = -(-len(systems) // columns)
    width = max(7.0, 3.3 * columns)
    panel = min(width / columns, 4.4)
    with rc_context({"font.family": _fonts(), "font.size": 9}):
        figure = Figure(figsize=(width, 3.6 + panel * rows), dpi=150, layout="constrained")
        parts = figure.subfigures(2, 1, squeeze=False, height_ratios=[3.6, panel * rows])
        upper, lower = parts[:, 0]
        _draw_scores(upper.subplots(), systems, documents, metric, seed)
        if len(systems) > 1:
            upper.legend(loc="outside upper left", ncols=columns, frameon=False)
        lower.suptitle(_LENGTHS_TITLE, x=0.02, ha="left", fontsize=10)
        grid = lower.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        limit = _longest_shown(systems)
        for number, axes in enumerate(grid.flat):
            if number < len(systems):
                _draw_lengths(axes, systems[number], number, limit)
            else:
                axes.set_visible(False)
        for axes in grid[:, 0]:
            axes.set_ylabel("summary (tokens)")
        for number in range(max(0, len(systems) - columns), len(systems)):
            lowest = grid.flat[number]
            lowest.set_xlabel("its reference (tokens)")
            lowest.tick_params(labelbottom=True)
    return figure


def write_plot(
    path: Path,
    systems: Sequence[System],
    documents: Optional[Documents] = None,
    *,
    seed: int = SEED,
) -> None:
    """Draw all panels into a PNG file, which appears once it is complete."""
    from matplotlib import get_cachedir, rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with (
        open_whole(path) as stream,
        rc_context({"font.family": _fonts(), "font.size": 9}),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        FigureCanvasAgg(draw(systems, documents, seed=seed)).print_png(stream)
    if any("missing from font" in str(warning.message) for warning in caught):
        logger.warning(
            "%s: names of systems have letters that no font known to matplotlib has, they are drawn"
            " as boxes; give other names, or install Noto Sans CJK and remove %s",
            path,
            get_cachedir(),  # the list of fonts is kept there
        )


def _draw_scores(
    axes: "Axes",
    systems: Sequence[System],
    documents: Optional[Documents],
    metric: str,
    seed: int,
) -> None:
    lengths = systems[0].reference_lengths if documents is None else document_lengths(documents)
    bins = length_bins(lengths)
    step = min(0.16, 0.8 / len(systems))
    for number, system in enumerate(systems):
        places = np.arange(len(bins)) + step * (number - (len(systems) - 1) / 2)
        values = system.measures[metric].values
        means = np.array([100.0 * values[:, b.members].mean() for b in bins])
        ends = np.array([bootstrap_interval(values[:, b.members], seed=seed) for b in bins])
        errors = np.abs(100.0 * ends.T - means)
        axes.errorbar(places, means, yerr=errors, label=shown(system.name), linestyle="none",
                      capsize=3, markersize=5, **_style(number))  # fmt: skip
    what = "reference" if documents is None else "document"
    axes.set_xticks(
        range(len(bins)), [f"{b.low}–{b.high}\n{len(b.members)} documents" for b in bins]
    )
    axes.set_xlabel(f"length of the {what} (tokens)")
    axes.set_ylabel(f"{systems[0].measures[metric].label} F1 (points)")
    axes.set_title(f"Score by length of the {what}, with 95 % intervals", loc="left", fontsize=10)
    axes.set_xlim(-0.5, len(bins) - 0.5)
    axes.margins(y=0.15)
    axes.grid(axis="y", alpha=0.3)


def _draw_lengths(axes: "Axes", system: System, number: int, limit: float) -> None:
    references = np.tile(system.reference_lengths, (len(system.lengths), 1))
    axes.scatter(references.ravel(), system.lengths.ravel(), s=7, linewidths=0,
                 alpha=max(0.08, min(0.5, 250 / references.size)),
                 color=_style(number)["color"], rasterized=True)  # fmt: skip
    axes.axline((0, 0), slope=1, color="0.3", linewidth=1, linestyle="--")
    axes.set_xlim(0, limit)
    axes.set_ylim(0, limit)
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    means = f"mean {system.lengths.mean():.1f}, references {system.reference_lengths.mean():.1f}"
    axes.set_title(f"{shown(system.name)}\n{means}", loc="left", fontsize=9)


def _longest_shown(systems: Sequence[System]) -> float:
    """End of both axes of the lower panels; a few outliers must not squeeze everything else."""
    lengths = [np.concatenate([s.lengths.ravel(), s.reference_lengths]) for s in systems]
    return 1.05 * max(float(np.percentile(values, 99.5)) for values in lengths) + 1


def _style(number: int) -> dict[str, Any]:
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": _MARKERS[number % len(_MARKERS)],
    }


def shown(name: str) -> str:
    """A name as matplotlib shows it: no formula, never hidden from the legend, in short lines."""
    lines = textwrap.wrap(name, _LONGEST_LINE) or [name]
    escaped = "\n".join(lines).replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped


def _fonts() -> list[str]:
    """Families to look for a letter in, of those that are installed."""
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(name for name in _CJK_FONTS if name in installed)]

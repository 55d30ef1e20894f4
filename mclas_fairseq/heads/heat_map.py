"""A picture of a ranking: heads side by side, attentions one above the other."""

from typing import TYPE_CHECKING

import numpy as np

from mclas_fairseq.heads.ranking import Ranking
from mclas_fairseq.modules.attention_heads import split_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_ranking(ranking: Ranking) -> "Figure":
    """Importance of each head, a panel a language; heads that are not there are left white."""
    # A figure without pyplot: nothing is kept in the process, and no display is needed.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    places = list(dict.fromkeys(split_name(name)[0] for name in ranking.heads))
    columns = 1 + max(split_name(name)[1] for name in ranking.heads)
    panels = len(ranking.importance)
    size = (2.0 + (1.0 + 0.4 * columns) * panels, 1.2 + 0.35 * len(places))
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(1, panels, squeeze=False, sharey=True)[0]
    for axes, (language, values) in zip(grid, ranking.importance.items(), strict=True):
        table = np.full((len(places), columns), np.nan)
        for name, value in zip(ranking.heads, values, strict=True):
            place, number = split_name(name)
            table[places.index(place), number] = value
        image = axes.imshow(table, vmin=0.0, vmax=1.0, cmap="viridis", aspect="auto")
        axes.set_title(language)
        axes.set_xlabel("head")
        axes.set_xticks(range(columns))
        axes.set_yticks(range(len(places)), places)
    figure.colorbar(image, ax=list(grid), label=f"importance ({ranking.estimator})")
    return figure

"""A matrix of source and target languages: ROUGE, and whether the right language was written.

Sun et al. (mGLM), section 3.3.2: a model that was fine-tuned on some pairs of languages summarizes
from and into others. ROUGE cannot tell a bad summary from one in the wrong language, so that each
cell also says in which share of its summaries the target language is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from mclas_fairseq.corpus.writing import open_whole
from mclas_fairseq.evaluation.content import LABELS, content_rules, content_values
from mclas_fairseq.evaluation.intervals import bootstrap_interval
from mclas_fairseq.evaluation.output_language import identify_language
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.evaluation.systems import NAMES

RIGHT_LANGUAGE = "right_language"
FEW_DOCUMENTS = 100  # below, a cell is shown and says nothing

_ROUGE = ("rouge1", "rouge2", "rougeL")
_LABELS = {**NAMES, **LABELS, RIGHT_LANGUAGE: "right language"}


class TransferSetting(StrEnum):
    """What a cell asks of a model that was trained on some source and target languages."""

    TRAINED = "trained"
    SOURCE = "zero-shot source"
    TARGET = "zero-shot target"
    BOTH = "zero-shot"

    @classmethod
    def of(
        cls, source: str, target: str, sources: Sequence[str], targets: Sequence[str]
    ) -> "TransferSetting":
        """The setting of a cell, by the languages of the training."""
        if source in sources:
            return cls.TRAINED if target in targets else cls.TARGET
        return cls.SOURCE if target in targets else cls.BOTH


@dataclass(frozen=True)
class Summaries:
    """What a model wrote in one cell, with the references.

    Attributes:
        source: language of the documents.
        target: language that was asked for.
        ids: of the documents.
        hypotheses: a summary of each.
        references: one or several of each.
    """

    source: str
    target: str
    ids: Sequence[str]
    hypotheses: Sequence[str]
    references: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Share:
    """A mean over documents with its bootstrap 95 % interval, in points."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class TransferCell:
    """One cell of the matrix.

    Attributes:
        source: language of the documents.
        target: language that was asked for.
        setting: what the training has to do with it.
        documents: number of documents.
        values: measure -> mean with interval; `right_language` is the share of summaries that are
            in the target language.
    """

    source: str
    target: str
    setting: TransferSetting
    documents: int
    values: Mapping[str, Share]


def score_cell(
    found: Summaries, setting: TransferSetting, languages: Sequence[str]
) -> TransferCell:
    """Score a cell by the default protocol of its target language.

    Args:
        found: what was written.
        setting: of the cell.
        languages: in which a summary may be: those of the whole matrix.

    Raises:
        DataError: there is nothing to score, or a language cannot be told from others.
    """
    protocol = get_protocol("default", found.target)
    rouge = score_rouge(
        found.hypotheses, found.references, language=found.target, protocol=protocol
    )
    values = {metric: rouge.values(metric, "f1") for metric in _ROUGE}
    content = content_values(found.hypotheses, found.references, rules=content_rules(protocol))
    values.update({metric: one for (metric, kind), one in content.items() if kind == "f1"})
    right = [identify_language(text, languages) == found.target for text in found.hypotheses]
    values[RIGHT_LANGUAGE] = np.asarray(right, dtype=np.float64)
    return TransferCell(
        found.source,
        found.target,
        setting,
        len(found.ids),
        {metric: _share(one) for metric, one in values.items()},
    )


def _share(values: Any) -> Share:
    low, high = bootstrap_interval(values)
    return Share(100 * float(values.mean()), 100 * low, 100 * high)


def transfer_table(cells: Sequence[TransferCell], style: str = "simple") -> str:
    """All cells below one another, a row each."""
    metrics = list(dict.fromkeys(metric for cell in cells for metric in cell.values))
    headers = ["from", "to", "setting", "documents", *(_LABELS[metric] for metric in metrics)]
    rows = [
        [
            cell.source,
            cell.target,
            cell.setting.value,
            f"{cell.documents}{'' if cell.documents >= FEW_DOCUMENTS else ' (few)'}",
            *(_shown(cell.values.get(metric)) for metric in metrics),
        ]
        for cell in cells
    ]
    return tabulate(rows, headers, tablefmt=style, disable_numparse=True)


def _shown(share: Any) -> str:
    return "-" if share is None else f"{share.mean:.1f} [{share.low:.1f}, {share.high:.1f}]"


def transfer_json(cells: Sequence[TransferCell]) -> dict[str, Any]:
    """All cells as plain values, in points."""
    return {"cells": [asdict(cell) for cell in cells]}


def plot_transfer(cells: Sequence[TransferCell], path: Path) -> None:
    """Draw two heat maps, ROUGE-1 and the share in the right language, into a PNG file.

    Numbers of cells that were trained are bold.

    Raises:
        OutputError: nothing can be written there.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sources = list(dict.fromkeys(cell.source for cell in cells))
    targets = list(dict.fromkeys(cell.target for cell in cells))
    size = (3.0 + 1.6 * len(targets), 1.8 + 0.6 * len(sources))
    figure = Figure(figsize=size, layout="constrained")
    panels = zip(figure.subplots(1, 2), ("rouge1", RIGHT_LANGUAGE), strict=True)
    for axes, metric in panels:
        table = np.full((len(sources), len(targets)), np.nan)
        most = 100.0 if metric == RIGHT_LANGUAGE else max(_mean(cell, metric) for cell in cells)
        for cell in cells:
            place = targets.index(cell.target), sources.index(cell.source)
            table[place[1], place[0]] = mean = _mean(cell, metric)
            weight = "bold" if cell.setting is TransferSetting.TRAINED else "normal"
            color = "black" if mean > 0.6 * most else "white"  # to be read on yellow and on blue
            axes.text(*place, f"{mean:.0f}", ha="center", va="center", weight=weight, color=color)
        axes.imshow(table, cmap="viridis", vmin=0, vmax=most)
        axes.set_title(_LABELS[metric])
        axes.set_xlabel("to")
        axes.set_ylabel("from")
        axes.set_xticks(range(len(targets)), targets)
        axes.set_yticks(range(len(sources)), sources)
    with open_whole(path) as stream:
        FigureCanvasAgg(figure).print_png(stream)


def _mean(cell: TransferCell, metric: str) -> float:
    return cell.values[metric].mean

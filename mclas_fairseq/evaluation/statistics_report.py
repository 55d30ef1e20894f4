"""Text statistics and output languages of systems, as a table and as JSON.

What is counted: `evaluation/statistics.py` and `evaluation/output_language.py`. Means are over all
summaries of all training runs.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Optional

from tabulate import tabulate

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.output_language import language_shares
from mclas_fairseq.evaluation.protocols import RougeProtocol
from mclas_fairseq.evaluation.report import WIDTH, escaped
from mclas_fairseq.evaluation.statistics import text_statistics
from mclas_fairseq.evaluation.systems import System

logger = logging.getLogger(__name__)

# Languages of fewer summaries are not shown on their own.
_FEWEST_SHOWN = 0.005
_LABELS = {
    "length": "length (tokens)",
    "reference_length": "length of the references",
    "difference": "difference",
    "empty": "empty summaries",
    "repeated_trigrams": "repeated trigrams",
    "novelty1": "new words",
    "novelty2": "new bigrams",
    "novelty3": "new trigrams",
    "novelty4": "new 4-grams",
    "new_numbers": "numbers that the document lacks",
    "reference_new_numbers": "the same of the references",
    "new_names": "names that the document lacks",
    "reference_new_names": "the same of the references",
    "recalled_numbers": "the references' numbers recalled",
    "recalled_names": "the references' names recalled",
    "outside_vocabulary": "pieces outside the language vocabulary",
}
_LABEL_WIDTH = max(map(len, _LABELS.values()))
_NARROWEST_NAME = 12
_IN_TOKENS = ("length", "reference_length", "difference")


@dataclass(frozen=True)
class SystemStatistics:
    """Statistics of one system's summaries.

    Attributes:
        name: the system's.
        means: lengths in tokens, everything else as a share of 1; None where nothing can be said.
        languages: language -> share of the summaries, the largest first.
        signature: what a token is.
    """

    name: str
    means: Mapping[str, Optional[float]]
    languages: Mapping[str, float]
    signature: str


def system_statistics(
    system: System,
    rules: RougeProtocol,
    *,
    documents: Optional[Sequence[str]] = None,
    candidates: Collection[str] = (),
    outside_vocabulary: Optional[float] = None,
) -> SystemStatistics:
    """Count everything for one system.

    Args:
        system: its runs are taken together.
        rules: what a token is.
        documents: the N documents in the language of the summaries, for novelty; None: no novelty.
        candidates: languages that the summaries may be in; none given: any.
        outside_vocabulary: share of pieces outside the language vocabulary, where it is known.
    """
    runs = system.runs
    texts = [text for run in runs for text in run.hypotheses]
    found = text_statistics(
        texts,
        [references for run in runs for references in run.references],
        rules=rules,
        documents=None if documents is None else [*documents] * len(runs),
    )
    means = found.means()
    if outside_vocabulary is not None:
        means["outside_vocabulary"] = outside_vocabulary
    return SystemStatistics(
        name=system.name,
        means=means,
        languages=_languages(texts, candidates),
        signature=found.signature(),
    )


def statistics_table(systems: Sequence[SystemStatistics], *, style: str = "simple") -> str:
    """Statistics x systems for the terminal ("simple") or Markdown ("github")."""
    keys = [key for key in _LABELS if any(key in system.means for system in systems)]
    rows = [[_LABELS[key], *(_cell(key, system.means.get(key)) for system in systems)]
            for key in keys]  # fmt: skip
    rows.append(["languages", *(_shares(system.languages) for system in systems)])
    names = [escaped(system.name, style) for system in systems]
    if style == "simple":
        width = max(_NARROWEST_NAME, (WIDTH - _LABEL_WIDTH) // len(systems) - 2)
        names = ["\n".join(wrap(name, width)) for name in names]
    headers = ["", *names]
    align = ["left", *["right"] * len(systems)]
    table = tabulate(rows, headers, tablefmt=style, disable_numparse=True, colalign=align)
    gap = "\n" if style == "simple" else "\n\n"
    signatures = dict.fromkeys(f"`{system.signature}`" for system in systems)
    return gap.join([table, *signatures])


def statistics_to_json(system: SystemStatistics) -> dict[str, object]:
    """One system's statistics: lengths in tokens, shares from 0 to 1."""
    return {
        "system": system.name,
        **{key: None if v is None else round(v, 6) for key, v in system.means.items()},
        "languages": {code: round(share, 6) for code, share in system.languages.items()},
        "signature": system.signature,
    }


def _languages(texts: Sequence[str], candidates: Collection[str]) -> dict[str, float]:
    try:
        return language_shares(texts, candidates or None)
    except DataError as error:  # a language that cannot be told apart: all else can be counted
        logger.warning("languages of the summaries are not counted: %s", error)
        return {}


def _cell(key: str, value: Optional[float]) -> str:
    if value is None:
        return "-"
    if key in _IN_TOKENS:
        return f"{value:+.1f}" if key == "difference" else f"{value:.1f}"
    return f"{100 * value:.1f} %"


def _shares(languages: Mapping[str, float]) -> str:
    shown = [f"{code} {100 * share:.1f} %" for code, share in languages.items()
             if share >= _FEWEST_SHOWN]  # fmt: skip
    return ", ".join(shown) or "-"

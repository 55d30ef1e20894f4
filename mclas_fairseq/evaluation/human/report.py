"""Human scores as tables for the terminal and as plain JSON values."""

from collections.abc import Mapping, Sequence
from typing import Optional

from tabulate import tabulate

from mclas_fairseq.evaluation.human.design import ASPECTS, BWS
from mclas_fairseq.evaluation.human.scores import Estimate, HumanScores

_WHAT = {
    True: "Best-Worst Scaling: share chosen best minus share chosen worst, from -1 to 1",
    False: "mean ratings, from 1 (worst) to 5 (best)",
}


def text_table(scores: HumanScores) -> str:
    """Systems x aspects, and below them the agreement of the annotators."""
    rows = [
        [system, *(_format(values[aspect], 3) for aspect in ASPECTS)]
        for system, values in scores.systems.items()
    ]
    caption = (
        f"{_WHAT[scores.design == BWS]}; documents: {scores.documents}, annotators:"
        f" {scores.annotators}; bootstrap 95 % intervals over documents"
    )
    parts = [_table(rows, ["system", *ASPECTS]), caption]
    if scores.agreement:
        rows = [
            [
                name,
                "undefined" if agreement.kappa is None else _format(agreement.kappa, 2),
                _format(agreement.overall, 2, percent=True),
            ]
            for name, agreement in scores.agreement.items()
        ]
        parts += ["", _table(rows, ["agreement on", "Fleiss' kappa", "overall agreement, %"])]
    return "\n".join(parts)


def to_json(scores: HumanScores) -> dict[str, object]:
    """Everything as plain JSON values; agreement as shares of 1."""
    return {
        "design": scores.design,
        "documents": scores.documents,
        "annotators": scores.annotators,
        "systems": {
            system: {aspect: _json(value) for aspect, value in values.items()}
            for system, values in scores.systems.items()
        },
        "agreement": {
            name: {"fleiss_kappa": _json(value.kappa), "overall": _json(value.overall)}
            for name, value in scores.agreement.items()
        },
    }


def _format(estimate: Estimate, digits: int, *, percent: bool = False) -> str:
    scale = 100 if percent else 1
    value, low, high = (
        f"{_rounded(scale * number, digits):.{digits}f}"
        for number in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} [{low}, {high}]"


def _rounded(number: float, digits: int) -> float:
    """Rounded, and 0 without a sign: as many best as worst must not read as fewer best."""
    return round(number, digits) + 0.0


def _json(estimate: Optional[Estimate]) -> Optional[Mapping[str, object]]:
    if estimate is None:
        return None
    return {
        "value": _rounded(estimate.value, 6),
        "interval": [_rounded(estimate.low, 6), _rounded(estimate.high, 6)],
    }


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    align = ["left", *["right"] * (len(headers) - 1)]
    return tabulate(rows, headers, tablefmt="simple", disable_numparse=True, colalign=align)

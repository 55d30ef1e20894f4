"""Scores as tables: for the terminal, as Markdown for the documentation, and as JSON.

Every table names what its numbers are: points, interval, signature, number of documents.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from mclas_fairseq.evaluation.intervals import RESAMPLES, SEED, PairedComparison, paired_bootstrap
from mclas_fairseq.evaluation.rouge import METRICS, RougeScores

NAMES = {"rouge1": "R-1", "rouge2": "R-2", "rougeL": "R-L", "rougeLsum": "R-Lsum"}


@dataclass(frozen=True)
class Value:
    """A mean with its 95 % interval, in points, and the signature that says what it is."""

    mean: float
    low: float
    high: float
    signature: str


@dataclass(frozen=True)
class SystemResult:
    """One row of a table.

    Attributes:
        name: what the system is called.
        documents: number of documents scored.
        values: metric -> value.
        length: mean number of tokens of a summary, as the protocol counts them.
        reference_length: the same of the references.
        signature: one for all metrics.
    """

    name: str
    documents: int
    values: Mapping[str, Value]
    length: float
    reference_length: float
    signature: str


def summarise(
    name: str, scores: RougeScores, *, resamples: int = RESAMPLES, seed: int = SEED
) -> SystemResult:
    """One system's scores as a row."""
    values = {}
    for metric in METRICS:
        low, high = scores.interval(metric, resamples=resamples, seed=seed)
        values[metric] = Value(scores.mean(metric), low, high, scores.signature(metric))
    return SystemResult(
        name=name,
        documents=len(scores),
        values=values,
        length=float(scores.lengths.mean()),
        reference_length=float(scores.reference_lengths.mean()),
        signature=scores.signature(),
    )


def compare(
    first: RougeScores, second: RougeScores, *, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, PairedComparison]:
    """Metric -> paired bootstrap of two systems scored on the same documents (shares of 1)."""
    return {
        metric: paired_bootstrap(
            first.f1[metric], second.f1[metric], resamples=resamples, seed=seed
        )
        for metric in METRICS
    }


def format_value(value: Value) -> str:
    """`16.60 [15.94, 17.31]`."""
    return f"{value.mean:.2f} [{value.low:.2f}, {value.high:.2f}]"


def text_table(results: Sequence[SystemResult], *, metrics: Sequence[str] = METRICS) -> str:
    """Systems x metrics for the terminal, with a caption that says what the numbers are."""
    return f"{_table(results, metrics, 'simple')}\n{caption(results)}"


def markdown_table(results: Sequence[SystemResult], *, metrics: Sequence[str] = METRICS) -> str:
    """The same as a Markdown table."""
    return f"{_table(results, metrics, 'github')}\n\n{caption(results)}"


def caption(results: Sequence[SystemResult]) -> str:
    """What the numbers of a table are: documents, reference length and signature, each once."""
    documents = _distinct(f"{result.documents:,}" for result in results)
    lengths = _distinct(f"{result.reference_length:.1f}" for result in results)
    signatures = "\n".join(dict.fromkeys(f"`{result.signature}`" for result in results))
    return (
        f"F1 in points with bootstrap 95 % intervals; {documents} documents; length in tokens,"
        f" references {lengths}\n{signatures}"
    )


def comparison_table(
    first: str, second: str, comparisons: Mapping[str, PairedComparison], *, style: str = "simple"
) -> str:
    """Differences of two systems in points, with what the paired bootstrap says of them."""
    rows = [
        [
            NAMES[metric],
            f"{100 * result.difference:+.2f}",
            f"[{100 * result.low:+.2f}, {100 * result.high:+.2f}]",
            f"{result.p_value:.3f}",
            f"{100 * result.win_rate:.1f} %",
        ]
        for metric, result in comparisons.items()
    ]
    headers = ["metric", "difference", "95 % interval", "p", "wins"]
    align = ["left", *["right"] * (len(headers) - 1)]
    table = tabulate(rows, headers, tablefmt=style, disable_numparse=True, colalign=align)
    return f"{first} minus {second}, paired bootstrap over documents\n{table}"


def to_json(result: SystemResult) -> dict[str, object]:
    """A row as plain JSON values; every number has its signature beside it."""
    return {
        "system": result.name,
        "documents": result.documents,
        "metrics": {
            metric: {
                "mean": round(value.mean, 4),
                "interval": [round(value.low, 4), round(value.high, 4)],
                "signature": value.signature,
            }
            for metric, value in result.values.items()
        },
        "length": round(result.length, 4),
        "reference_length": round(result.reference_length, 4),
    }


def comparison_to_json(comparisons: Mapping[str, PairedComparison]) -> dict[str, object]:
    """Metric -> difference and its interval in points, p value and win rate (a share)."""
    return {
        metric: {
            "difference": round(100 * result.difference, 4),
            "interval": [round(100 * result.low, 4), round(100 * result.high, 4)],
            "p_value": round(result.p_value, 6),
            "win_rate": round(result.win_rate, 6),
        }
        for metric, result in comparisons.items()
    }


def _table(results: Sequence[SystemResult], metrics: Sequence[str], style: str) -> str:
    rows = [
        [
            result.name,
            *(format_value(result.values[metric]) for metric in metrics),
            f"{result.length:.1f}",
        ]
        for result in results
    ]
    headers = ["system", *(NAMES[metric] for metric in metrics), "length"]
    align = ["left", *["right"] * (len(headers) - 1)]
    return tabulate(rows, headers, tablefmt=style, disable_numparse=True, colalign=align)


def _distinct(items: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(items))

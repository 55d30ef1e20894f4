"""Scores as tables: for the terminal, as Markdown for the documentation, and as JSON.

Every table names what its numbers are: points, interval, signature, number of documents. Tables of
comparisons and of text statistics are in `comparison_report.py` and `statistics_report.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from tabulate import tabulate

from mclas_fairseq.evaluation.intervals import RESAMPLES, SEED, bootstrap_intervals
from mclas_fairseq.evaluation.rouge import KINDS, METRICS, RougeScores
from mclas_fairseq.evaluation.systems import LETTERS, NAMES, Measure, System, rouge_system

# Terminal tables that would be wider have their intervals below the scores.
WIDTH = 100
_NARROWEST_NAME = 12


@dataclass(frozen=True)
class Value:
    """A mean with its 95 % interval, in points, and the signature that says what it is.

    `runs` holds the mean of each training run.
    """

    mean: float
    low: float
    high: float
    signature: str
    label: str
    runs: tuple[float, ...]


@dataclass(frozen=True)
class SystemResult:
    """One row of a table.

    Attributes:
        name: what the system is called.
        documents: number of documents scored.
        values: key of the measure ("rouge1", "rouge1.recall", "bertscore") -> value.
        length: mean number of tokens of a summary, as the protocol counts them.
        reference_length: the same of the references.
        signature: one for all ROUGE metrics.
        files: the file of each run.
    """

    name: str
    documents: int
    values: Mapping[str, Value]
    length: float
    reference_length: float
    signature: str
    files: tuple[str, ...] = field(default=())

    @property
    def runs(self) -> int:
        """How many training runs the values are the means of."""
        return max(len(value.runs) for value in self.values.values())


def summarise(
    name: str, scores: RougeScores, *, resamples: int = RESAMPLES, seed: int = SEED
) -> SystemResult:
    """ROUGE F1 of a system with one run as a row."""
    return summarise_system(rouge_system(name, (), (), [scores]), resamples=resamples, seed=seed)


def summarise_system(
    system: System, *, resamples: int = RESAMPLES, seed: int = SEED
) -> SystemResult:
    """All measures of a system as a row; several runs are resampled like the documents."""
    measures = system.measures
    intervals = bootstrap_intervals(
        [measure.values for measure in measures.values()], resamples=resamples, seed=seed
    )
    return SystemResult(
        name=system.name,
        documents=system.documents,
        values={
            key: _value(measures[key], *interval)
            for key, interval in zip(measures, intervals, strict=True)
        },
        length=float(system.lengths.mean()),
        reference_length=float(system.reference_lengths.mean()),
        signature=system.signature,
        files=system.files,
    )


def _value(measure: Measure, low: float, high: float) -> Value:
    return Value(
        mean=100.0 * float(measure.values.mean()),
        low=100.0 * low,
        high=100.0 * high,
        signature=measure.signature,
        label=measure.label,
        runs=tuple(100.0 * float(run.mean()) for run in measure.values),
    )


def format_value(value: Value, *, between: str = " ") -> str:
    """`16.60 [15.94, 17.31]`; what rounds to zero has no sign."""
    return f"{value.mean:z.2f}{between}[{value.low:z.2f}, {value.high:z.2f}]"


def text_table(
    results: Sequence[SystemResult],
    *,
    metrics: Sequence[str] = METRICS,
    width: int | None = None,
) -> str:
    """Systems x metrics for the terminal, with a caption that says what the numbers are.

    Args:
        results: one row each; one for each kind where there are precision and recall too.
        metrics: the columns; a metric that no system has is left out.
        width: a wider table gets its intervals on lines of their own; None: never.
    """
    table = _table(results, metrics, "simple")
    if width is not None and max(map(len, table.splitlines())) > width:
        table = _table(results, metrics, "simple", between="\n")
        widest = max(map(len, table.splitlines()))
        if widest > width:  # names on several lines as well
            longest = max(len(result.name) for result in results)
            name_width = max(_NARROWEST_NAME, longest - (widest - width))
            table = _table(results, metrics, "simple", between="\n", name_width=name_width)
    return f"{table}\n{caption(results, metrics=metrics, width=width)}"


def markdown_table(results: Sequence[SystemResult], *, metrics: Sequence[str] = METRICS) -> str:
    """The same as a Markdown table."""
    return f"{_table(results, metrics, 'github')}\n\n{caption(results, metrics=metrics)}"


def caption(
    results: Sequence[SystemResult],
    *,
    metrics: Sequence[str] = METRICS,
    width: int | None = None,
) -> str:
    """What the numbers of a table are: documents, reference length and signatures, each once."""
    documents = _distinct(f"{result.documents:,}" for result in results)
    lengths = _distinct(f"{result.reference_length:.1f}" for result in results)
    kinds = ", ".join(_kind_names(results))
    several = any(result.runs > 1 for result in results)
    over = " over documents and training runs" if several else ""
    text = (
        f"{kinds} in points with bootstrap 95 % intervals{over}; {documents} documents; length in"
        f" tokens, references {lengths}"
    )
    lines = [text] if width is None else wrap(text, width)
    return "\n".join([*lines, *signatures(results, metrics)])


def signatures(results: Sequence[SystemResult], metrics: Sequence[str]) -> list[str]:
    """The signatures of a table's numbers, each once, in backquotes."""
    found = []
    for result in results:
        if set(metrics) & set(METRICS):
            found.append(result.signature)
        others = [metric for metric in metrics if metric not in METRICS]
        found += [result.values[metric].signature for metric in others if metric in result.values]
    return [f"`{signature}`" for signature in dict.fromkeys(found)]


def to_json(result: SystemResult) -> dict[str, object]:
    """A row as plain JSON values; every number has its signature beside it."""
    metrics: dict[str, dict[str, object]] = {}
    for key, value in result.values.items():
        metric, _, kind = key.partition(".")
        if kind:
            metrics.setdefault(metric, {})[kind] = _value_to_json(value)
        else:
            metrics.setdefault(metric, {}).update(_value_to_json(value))
    row: dict[str, object] = {
        "system": result.name,
        "documents": result.documents,
        "metrics": metrics,
        "length": round(result.length, 4),
        "reference_length": round(result.reference_length, 4),
    }
    return {**row, "files": list(result.files)} if result.files else row


def _value_to_json(value: Value) -> dict[str, object]:
    numbers: dict[str, object] = {
        "mean": round(value.mean, 4),
        "interval": [round(value.low, 4), round(value.high, 4)],
        "signature": value.signature,
    }
    if len(value.runs) > 1:
        numbers["runs"] = [round(run, 4) for run in value.runs]
    return numbers


def _table(
    results: Sequence[SystemResult],
    metrics: Sequence[str],
    style: str,
    *,
    between: str = " ",
    name_width: int | None = None,
) -> str:
    columns = [metric for metric in metrics if any(metric in row.values for row in results)]
    kinds = _kinds(results)
    rows = [
        [
            "\n".join(wrap(result.name, name_width)) if name_width else escaped(result.name, style),
            *([LETTERS[kind]] if len(kinds) > 1 else []),
            *(_cell(result, metric, kind, between) for metric in columns),
            f"{result.length:.1f}",
        ]
        for result in results
        for kind in kinds
    ]
    labels = [_label(results, metric) for metric in columns]
    headers = ["system", *([""] if len(kinds) > 1 else []), *labels, "length"]
    align = ["left", *["right"] * (len(headers) - 1)]
    return tabulate(rows, headers, tablefmt=style, disable_numparse=True, colalign=align)


def _cell(result: SystemResult, metric: str, kind: str, between: str) -> str:
    value = result.values.get(metric if kind == "f1" else f"{metric}.{kind}")
    return "" if value is None else format_value(value, between=between)


def _label(results: Sequence[SystemResult], metric: str) -> str:
    found = (result.values[metric].label for result in results if metric in result.values)
    return next(found, NAMES.get(metric, metric))


def _kinds(results: Sequence[SystemResult]) -> list[str]:
    """Which of precision, recall and F1 any of the systems has, in this order."""
    keys = {key.partition(".")[2] or "f1" for result in results for key in result.values}
    return [kind for kind in KINDS if kind in keys]


def _kind_names(results: Sequence[SystemResult]) -> list[str]:
    names = {"precision": "precision (P)", "recall": "recall (R)", "f1": "F1"}
    return [names[kind] for kind in _kinds(results)]


def escaped(text: str, style: str) -> str:
    """A name as a cell: in Markdown, a bar would end the cell and other marks would format it."""
    if style != "github":
        return text
    return "".join("\\" + char if char in "\\|`*_<>[]" else char for char in text)


def _distinct(items: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(items))

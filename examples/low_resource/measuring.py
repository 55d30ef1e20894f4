"""Scores of one system's summaries, small enough to keep: means, and values by document."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.evaluation.rouge import score_rouge

METRICS = ("rouge1", "rouge2", "rougeL")
_UNIT = 10_000  # values by document are kept as whole numbers of this part


def measure(summaries: Path, references: Path, language: str) -> dict[str, Any]:
    """Score a file of summaries (`mclas summarize`) against the records' references.

    Returns:
        Signature, means of precision, recall and F1 in points, mean lengths in tokens, the share of
        distinct summaries, and by document, in the records' order: F1 in 1/10,000 and lengths.
    """
    texts = {}
    for line in summaries.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        texts[row["id"]] = row["summary"][language]
    records = [record for record in read_records(references) if language in record.summary]
    hypotheses = [texts[record.id] for record in records]
    gold = [list(record.summary[language]) for record in records]
    scores = score_rouge(hypotheses, gold, language=language)
    return {
        "signature": scores.signature(),
        "documents": len(records),
        "means": {
            metric: {kind[0]: round(scores.mean(metric, kind), 3) for kind in KINDS}
            for metric in METRICS
        },
        "length": round(float(scores.lengths.mean()), 3),
        "reference_length": round(float(scores.reference_lengths.mean()), 3),
        "distinct": round(len(set(hypotheses)) / len(hypotheses), 4),
        "by_document": {
            **{metric: _pack(scores.values(metric) * _UNIT) for metric in METRICS},
            "length": _pack(scores.lengths),
        },
    }


KINDS = ("precision", "recall", "f1")


def by_document(measured: dict[str, Any], key: str) -> NDArray[np.float64]:
    """F1 in points, or lengths in tokens, of each document, shape (N,)."""
    values = np.array(measured["by_document"][key].split(), dtype=np.float64)
    return values if key == "length" else 100.0 * values / _UNIT


def _pack(values: NDArray[np.float64]) -> str:
    # One line of text: a number a line would make a cell's file thousands of lines long.
    return " ".join(str(round(float(value))) for value in values)

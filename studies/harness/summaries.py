"""Summaries of a split: written, read, and measured by document."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.corpus.text_files import read_lines
from mclas_fairseq.evaluation.content import MATCHED, content_rules, content_values, signature
from mclas_fairseq.evaluation.rouge import score_rouge
from studies.harness.processes import call
from studies.harness.table import BY_DOCUMENT

METRICS = ("rouge1", "rouge2", "rougeL")
CONTENT = "content1"  # the rows of studies begun before it do not have it, nor MATCHED
KINDS = ("precision", "recall", "f1")
_UNIT = 10_000  # values by document are kept as whole numbers of this part

Floats = NDArray[np.float64]
Summary = dict[str, Any]  # a line of `mclas summarize`


@dataclass(frozen=True)
class Decoding:
    """Documents to be summarized with a checkpoint.

    Attributes:
        checkpoint: file.
        data: data-bin.
        records: file of the documents.
        flags: of the search, and what else `mclas summarize` gets.
    """

    checkpoint: Path
    data: Path
    records: Path
    flags: Sequence[str]

    def write(self, out: Path, log: Path) -> dict[str, Any]:
        """Write the summaries; what it cost."""
        out.parent.mkdir(parents=True, exist_ok=True)
        words = ["mclas", "summarize", "--cpu", *self.flags, "-o", str(out)]
        words += ["--checkpoint", str(self.checkpoint)]
        return call([*words, "--data", str(self.data), "-i", str(self.records)], log)


def read_summaries(path: Path) -> list[Summary]:
    """A file of `mclas summarize`."""
    return [json.loads(line) for _, line in read_lines(path)]


def text_hash(summaries: Sequence[Summary]) -> str:
    """SHA-256 of summaries, as the file has them that `mclas summarize` wrote."""
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in summaries)
    return hashlib.sha256(text.encode()).hexdigest()


def measure(summaries: Sequence[Summary], references: Path, language: str) -> dict[str, Any]:
    """Score summaries against the references of the records, by id.

    Returns:
        Signatures; means in points: of ROUGE precision, recall and F1, of content ROUGE-1, where
        the language's content words are known, and of matched minus shuffled one number, "f"; mean
        lengths in tokens, the share of distinct summaries; by document, in the records' order:
        values in 1/10,000 and lengths.
    """
    texts = {row["id"]: row["summary"][language] for row in summaries}
    records = [record for record in read_records(references) if language in record.summary]
    hypotheses = [texts[record.id] for record in records]
    gold = [list(record.summary[language]) for record in records]
    scores = score_rouge(hypotheses, gold, language=language)
    rules = content_rules(scores.protocol)
    found = content_values(hypotheses, gold, rules=rules)
    content = {name: found[name, "f1"] for name in (CONTENT, MATCHED) if (name, "f1") in found}
    return {
        "signature": scores.signature(),
        "content_signatures": {
            name: signature(name, rules, references=scores.references) for name in content
        },
        "documents": len(records),
        "means": {
            **{
                metric: {kind[0]: round(scores.mean(metric, kind), 3) for kind in KINDS}
                for metric in METRICS
            },
            **{name: {"f": round(100 * float(one.mean()), 3)} for name, one in content.items()},
        },
        "length": round(float(scores.lengths.mean()), 3),
        "reference_length": round(float(scores.reference_lengths.mean()), 3),
        "distinct": round(len(set(hypotheses)) / len(hypotheses), 4),
        BY_DOCUMENT: {
            **{metric: pack(scores.values(metric) * _UNIT) for metric in METRICS},
            **{name: pack(one * _UNIT) for name, one in content.items()},
            "length": pack(scores.lengths),
        },
    }


def by_document(measured: dict[str, Any], key: str) -> Floats:
    """Values in points, or lengths in tokens, of each document, shape (N,)."""
    values = np.array(measured[BY_DOCUMENT][key].split(), dtype=np.float64)
    return values if key == "length" else 100.0 * values / _UNIT


def pack(values: Floats) -> str:
    """Values rounded to whole numbers, as one text."""
    return " ".join(str(round(float(value))) for value in values)

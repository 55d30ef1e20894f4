"""Scores of a trained labeller on the validation and test sentences of each language."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import mclas_fairseq
from mclas_fairseq.corpus.labelled import LabelKind
from mclas_fairseq.evaluation.label_run import metrics_of
from mclas_fairseq.evaluation.label_scores import LabelCounts, count
from mclas_fairseq.heads.losses import batches
from mclas_fairseq.labelling.dataset import IGNORED
from mclas_fairseq.labelling.loading import LoadedLabeller, load_labeller
from studies.harness.table import Line

NAMES = ("words", "right", "common", "found", "gold")
# Counts that the task's own score is made of: no more is kept of each sentence.
KEPT = {LabelKind.POS: ("words", "right"), LabelKind.SPANS: ("common", "found", "gold")}


def measure(
    cell: str, checkpoint: Path, data: Path, languages: Sequence[str]
) -> tuple[dict[str, Any], list[Line]]:
    """Score a checkpoint.

    Returns:
        Language -> split -> scores in per cent, `score` being the task's own and
        `constant` the accuracy of always giving the most frequent tag; and the counts of
        each test sentence for the file of documents.
    """
    mclas_fairseq.register()  # its names stand in checkpoints
    labeller = load_labeller(checkpoint, data)
    scores: dict[str, Any] = {language: {} for language in languages}
    lines: list[Line] = []
    constants = {}
    for split in ("valid", "test"):
        counted: dict[str, dict[int, LabelCounts]] = {}
        for language, row, counts in _counts(labeller, split):
            counted.setdefault(language, {})[row] = counts
        for language in languages:
            constants[split, language] = _most_frequent(labeller, split, language)
            rows = [counts.values() for _, counts in sorted(counted[language].items())]
            sums = torch.tensor(rows, dtype=torch.float64).sum(0).numpy()
            found = metrics_of(sums, labeller.task.labels.kind)
            main = "accuracy" if labeller.task.labels.kind is LabelKind.POS else "f1"
            scores[language][split] = {
                "constant": round(100 * constants[split, language], 4),
                "score": round(100 * float(found[main]), 4),
                **{name: round(100 * float(value), 4) for name, value in found.items()},
            }
            if split == "test":
                lines.append({"cell": cell, "split": split, "language": language})
                for name, values in zip(NAMES, zip(*rows, strict=True), strict=True):
                    if name in KEPT[labeller.task.labels.kind]:
                        lines[-1][name] = " ".join(map(str, values))
    return scores, lines


def _most_frequent(labeller: LoadedLabeller, split: str, language: str) -> float:
    """Share of the most frequent tag in the gold labels, 0 to 1."""
    dataset = labeller.task.datasets[split]
    side = dataset.sides[dataset.languages.index(language)]
    times = np.bincount(side.labels.ids)[1:]  # 0 is no label
    return float(times.max() / times.sum())


@torch.no_grad()
def _counts(labeller: LoadedLabeller, split: str) -> Iterator[tuple[str, int, LabelCounts]]:
    """Language, row and counts of each row of a split."""
    task, tags = labeller.task, labeller.task.labels.tags
    for batch in batches(task, split, documents=0, batch_size=64):
        logits, _ = labeller.model(**batch["net_input"])
        target = batch["target"]
        words = target.ne(IGNORED)
        lengths = words.sum(1).tolist()
        guessed, gold = logits.argmax(-1).split(lengths), target[words].split(lengths)
        names = task.datasets[split].languages
        rows = zip(guessed, gold, batch["language"].tolist(), batch["id"].tolist(), strict=True)
        for mine, right, language, row in rows:
            pair = ([tags[number] for number in one.tolist()] for one in (mine, right))
            yield names[language], row, count(*pair)

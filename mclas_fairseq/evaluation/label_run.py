"""`mclas score --labels`: labelled files against a reference, with intervals of sentences and runs.

Several files of one system are training runs: scores are means over runs, and the bootstrap draws
sentences (the same in all runs and systems) and runs, as for summaries.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.corpus.labelled import LabelKind, LabelledFile, LabelledSentence
from mclas_fairseq.corpus.text_files import shown_name
from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.label_scores import count

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]  # (S runs, N sentences, 5), see `LabelCounts`
_LEVEL = (2.5, 97.5)
_CHUNK = 4_000_000  # numbers held at once


@dataclass(frozen=True)
class Interval:
    """A score, 0 to 1, and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def text(self, sign: str = "") -> str:
        """In per cent, for people."""
        value, low, high = (f"{100 * one:{sign}.2f}" for one in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"


@dataclass(frozen=True)
class SystemScores:
    """Scores of one system.

    Attributes:
        name: what it is called.
        runs: files.
        metrics: name -> score over all runs.
        by_run: name -> score of each run.
        differences: name -> the first system's score less this one's; None of the first.
    """

    name: str
    runs: int
    metrics: dict[str, Interval]
    by_run: dict[str, list[float]]
    differences: Optional[dict[str, Interval]] = None


@dataclass(frozen=True)
class LabelScoring:
    """What was scored.

    Attributes:
        kind: of the labels.
        sentences: of the reference.
        words: of the reference.
        systems: the first is compared with the others.
        settings: resamples and seed.
    """

    kind: LabelKind
    sentences: int
    words: int
    systems: list[SystemScores]
    settings: dict[str, int] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Lines for people."""
        yield f"{self.sentences:,} sentences, {self.words:,} words ({self.kind.value})"
        for system in self.systems:
            runs = f", mean of {system.runs} runs" if system.runs > 1 else ""
            yield f"{system.name}{runs}"
            for name, score in system.metrics.items():
                yield f"  {name:<10} {score.text()}"
            for name, score in (system.differences or {}).items():
                yield f"  {self.systems[0].name} less this, {name}: {score.text('+')}"
        yield (
            f"95 % intervals over sentences{' and runs' if self._several else ''}"
            f" ({self.settings['resamples']} resamples, seed {self.settings['seed']});"
            " spans by conlleval's rules"
        )

    @property
    def _several(self) -> bool:
        return any(system.runs > 1 for system in self.systems)

    def content(self) -> dict[str, Any]:
        """All numbers, for JSON."""

        def numbers(scores: Optional[dict[str, Interval]]) -> Optional[dict[str, list[float]]]:
            if scores is None:
                return None
            return {name: [one.value, one.low, one.high] for name, one in scores.items()}

        return {
            "kind": self.kind.value,
            "sentences": self.sentences,
            "words": self.words,
            **self.settings,
            "systems": [
                {
                    "name": system.name,
                    "metrics": numbers(system.metrics),
                    "runs": system.by_run,
                    "differences": numbers(system.differences),
                }
                for system in self.systems
            ],
        }


def metrics_of(sums: Floats, kind: LabelKind) -> dict[str, Floats]:
    """Scores, 0 to 1, of counts (..., 5), each (...,)."""
    words, right, common, found, gold = np.moveaxis(sums, -1, 0)
    scores = {"accuracy": _ratio(right, words)}
    if kind is LabelKind.POS:
        return {**scores, "chunk_f1": _ratio(2 * common, found + gold)}
    return {
        "f1": _ratio(2 * common, found + gold),
        "precision": _ratio(common, found),
        "recall": _ratio(common, gold),
        **scores,
    }


def _ratio(part: Floats, whole: Floats) -> Floats:
    found: Floats = np.divide(part, whole, out=np.zeros_like(part, dtype=float), where=whole > 0)
    return found


def score_labels(
    systems: Sequence[Sequence[LabelledFile]],
    names: Sequence[str],
    reference: LabelledFile,
    *,
    resamples: int,
    seed: int,
) -> LabelScoring:
    """Score files of labels.

    Args:
        systems: files of each system, several being training runs.
        names: of the systems.
        reference: the gold labels.
        resamples: of the bootstrap.
        seed: of its draws.

    Raises:
        DataError: a file has other sentences than the reference, or is not as its format has it.
    """
    gold = list(reference.sentences())
    counted = [np.stack([_counts(file, gold, reference) for file in files]) for files in systems]
    drawn = _resampled(counted, reference.kind, resamples, seed)
    rows: list[SystemScores] = []
    for name, counts, samples in zip(names, counted, drawn, strict=True):
        by_run = metrics_of(counts.sum(1).astype(float), reference.kind)
        means = {key: float(values.mean()) for key, values in by_run.items()}
        differences = None
        if rows:
            differences = {
                key: _interval(rows[0].metrics[key].value - means[key], drawn[0][key] - one)
                for key, one in samples.items()
            }
        rows.append(
            SystemScores(
                name,
                len(counts),
                {key: _interval(means[key], samples[key]) for key in means},
                {key: values.tolist() for key, values in by_run.items()},
                differences,
            )
        )
    words = sum(len(sentence.words) for sentence in gold)
    settings = {"resamples": resamples, "seed": seed}
    return LabelScoring(reference.kind, len(gold), words, rows, settings)


def _interval(value: Any, samples: Floats) -> Interval:
    low, high = np.percentile(samples, _LEVEL)
    return Interval(float(value), float(low), float(high))


def _counts(
    file: LabelledFile, gold: Sequence[LabelledSentence], reference: LabelledFile
) -> Counts:
    """Counts of each sentence, (N, 5)."""
    rows = []
    sentences = file.sentences()
    for number, right in enumerate(gold, start=1):
        mine = next(sentences, None)
        if mine is None or mine.words != right.words:
            raise DataError(
                f"{shown_name(file.path)}: must have the sentences of"
                f" {shown_name(reference.path)}, but {_difference(number, mine, right)}; label that"
                " file's words"
            )
        rows.append(count(mine.tags, right.tags).values())
    if next(sentences, None) is not None:
        raise DataError(
            f"{shown_name(file.path)}: must have the {len(gold):,} sentences of"
            f" {shown_name(reference.path)}, but has more; label that file's words"
        )
    return np.array(rows, dtype=np.int64)


def _difference(number: int, mine: Optional[LabelledSentence], right: LabelledSentence) -> str:
    if mine is None:
        return f"ends after {number - 1}"
    if len(mine.words) != len(right.words):
        return f"sentence {number} has {len(mine.words)} words instead of {len(right.words)}"
    at = next(at for at, word in enumerate(right.words) if mine.words[at] != word)
    return (
        f"word {at + 1} of sentence {number} is {mine.words[at]!r:.30} instead of"
        f" {right.words[at]!r:.30}"
    )


def _resampled(
    counted: Sequence[Counts], kind: LabelKind, resamples: int, seed: int
) -> list[dict[str, Floats]]:
    """Scores of resamples, of each system name -> (R,); sentences are the same in all systems."""
    size = counted[0].shape[1]
    sentences = np.random.default_rng(seed)
    found: list[list[dict[str, Floats]]] = [[] for _ in counted]
    step = max(1, _CHUNK // size)
    draws = [
        np.random.default_rng([seed, at]).integers(0, len(c), size=(resamples, len(c)))
        for at, c in enumerate(counted, start=1)
    ]
    for start in range(0, resamples, step):
        rows = slice(start, min(start + step, resamples))
        times = sentences.multinomial(size, np.full(size, 1 / size), size=rows.stop - rows.start)
        for system, counts in enumerate(counted):
            # R x N, S x N x 5 -> R x S x 5
            sums = np.einsum("rn,snc->rsc", times.astype(float), counts.astype(float))
            by_run = metrics_of(sums, kind)
            taken = draws[system][rows]
            found[system].append(
                {
                    key: np.take_along_axis(values, taken, axis=1).mean(1)
                    for key, values in by_run.items()
                }
            )
    return [
        {key: np.concatenate([part[key] for part in parts]) for key in parts[0]} for parts in found
    ]
